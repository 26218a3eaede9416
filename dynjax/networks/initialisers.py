"""How PyTorch starts its convolutions and dense layers: kernel and bias uniform within 1 / sqrt(fan in)."""
import math

import jax
import jax.numpy as jnp
from flax import linen as nn

torch_kernel = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")


def torch_bias(fan_in):
    """An initialiser for a bias, uniform in +-1 / sqrt(fan_in).

    Args:
      fan_in: inputs of one output value, KH * KW * C_in / groups; a bias alone cannot tell.
    """
    def init(key, shape, dtype=jnp.float32):
        bound = fan_in ** -0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)
    return init


def normal(deviation, mean=0.0):
    """An initialiser that draws from N(mean, deviation**2).

    Drawn as one row, which has the same numbers: programs that draw along several axes take seconds to compile.
    """
    def init(key, shape, dtype=jnp.float32):
        return mean + deviation * jax.random.normal(key, (math.prod(shape),), dtype).reshape(shape)
    return init
