"""Batch normalisation (Ioffe and Szegedy 2015, arXiv 1502.03167) as PyTorch has it, over all devices where asked."""
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class BatchNorm(nn.Module):
    """Batch norm by PyTorch's rules, [..., C] to the same shape; "params" scale, bias; "batch_stats" mean, var.

    In training each channel is normalised by the batch's mean and biased variance, while the running variance follows
    the unbiased one (flax.linen.BatchNorm follows the biased). The running values move only where "batch_stats" is
    mutable.

    Attributes:
      momentum: share of the batch in the new running value (PyTorch's meaning).
      epsilon: added to the variance.
      axis_name: name of the devices' axis in pmap, to take the statistics over the global batch.
      scale_init: what the scale starts at.
    """
    momentum: float = 0.1
    epsilon: float = 1e-5
    axis_name: str | None = None
    scale_init: Any = nn.initializers.ones_init()

    @nn.compact
    def __call__(self, x, train=False):
        channels = x.shape[-1]
        scale = self.param("scale", self.scale_init, (channels,))
        bias = self.param("bias", nn.initializers.zeros_init(), (channels,))
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, (channels,))
        running_var = self.variable("batch_stats", "var", jnp.ones, (channels,))
        mean, var = running_mean.value, running_var.value
        if train:
            mean, var, count = self._statistics(x)
            if self.is_mutable_collection("batch_stats") and not self.is_initializing():
                follow = lambda old, new: (1 - self.momentum) * old + self.momentum * new
                running_mean.value = follow(running_mean.value, mean)
                running_var.value = follow(running_var.value, var * (count / max(count - 1, 1)))
        wide = lambda values: values.reshape((1,) * (x.ndim - 1) + (channels,)).astype(x.dtype)
        return (x - wide(mean)) * wide(scale * jax.lax.rsqrt(var + self.epsilon)) + wide(bias)

    def _statistics(self, x):
        """Mean and biased variance [C] and how many values they were taken over, on all devices together."""
        axes, x = tuple(range(x.ndim - 1)), x.astype(jnp.promote_types(x.dtype, jnp.float32))
        over_devices = self.axis_name is not None and not self.is_initializing()
        across = (lambda value: jax.lax.pmean(value, self.axis_name)) if over_devices else (lambda value: value)
        mean = across(x.mean(axes))
        var = across(jnp.square(x - mean.reshape((1,) * len(axes) + (-1,))).mean(axes))
        count = x.size // x.shape[-1] * (jax.lax.psum(1, self.axis_name) if over_devices else 1)
        return mean, var, count
