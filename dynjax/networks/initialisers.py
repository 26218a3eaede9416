"""How PyTorch starts its convolutions and dense layers: kernel and bias uniform within 1 / sqrt(fan in).

Everything is drawn as one row and then shaped, which gives the same numbers: XLA takes seconds to compile a program
that draws along several axes, and a network has a shape a layer.
"""
import math

import jax
import jax.numpy as jnp


def torch_kernel(key, shape, dtype=jnp.float32):
    """A kernel [..., inputs, outputs], uniform in +-1 / sqrt(fan in); all axes but the last make the fan."""
    return torch_bias(math.prod(shape[:-1]))(key, shape, dtype)


def torch_bias(fan_in):
    """An initialiser for a bias, uniform in +-1 / sqrt(fan_in).

    Args:
      fan_in: inputs of one output value, KH * KW * C_in / groups; a bias alone cannot tell.
    """
    def init(key, shape, dtype=jnp.float32):
        bound = fan_in ** -0.5
        return jax.random.uniform(key, (math.prod(shape),), dtype, -bound, bound).reshape(shape)
    return init


def normal(deviation, mean=0.0):
    """An initialiser that draws from N(mean, deviation**2)."""
    def init(key, shape, dtype=jnp.float32):
        return mean + deviation * jax.random.normal(key, (math.prod(shape),), dtype).reshape(shape)
    return init


gan_kernel = normal(0.02)   # every kernel of DCGAN and pix2pix


def small_kernel(key, shape, dtype=jnp.float32):
    """A kernel [..., inputs, outputs] a tenth as large as He's, N(0, 0.02 / fan in): residual blocks start faint."""
    return normal(0.1 * (2 / math.prod(shape[:-1])) ** 0.5)(key, shape, dtype)


# How BasicSR starts such blocks, as arguments of `layers.conv`.
SMALL = {"kernel_init": small_kernel, "bias_init": jax.nn.initializers.zeros}
