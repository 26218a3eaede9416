"""How PyTorch starts its convolutions and dense layers: kernel and bias uniform within 1 / sqrt(fan in)."""
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
