"""Attention within windows of an image, with a learned bias for every relative position (Liu et al. 2021)."""
import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

MASKED = -100.0     # what is added where two tokens were not neighbours before the image was rolled


def window_partition(x, side):
    """[N, H, W, C] -> [N, windows, side * side, C]; windows and what is in them row by row."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // side, side, w // side, side, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, (h // side) * (w // side), side * side, c)


def window_reverse(windows, side, height, width):
    """The inverse of `window_partition`, [N, H, W, C]."""
    n, _, _, c = windows.shape
    x = windows.reshape(n, height // side, width // side, side, side, c).transpose(0, 1, 3, 2, 4, 5)
    return x.reshape(n, height, width, c)


@functools.lru_cache(maxsize=32)
def relative_positions(side):
    """Which row of the bias table belongs to a query and a key, int [side^2, side^2]."""
    place = np.stack(np.meshgrid(np.arange(side), np.arange(side), indexing="ij"), -1).reshape(-1, 2)
    down, across = np.moveaxis(place[:, None] - place[None] + side - 1, -1, 0)
    return down * (2 * side - 1) + across


@functools.lru_cache(maxsize=32)
def shift_mask(height, width, side, shift):
    """0 where two tokens of a window of the rolled image are neighbours in the image itself, -100 where the image's
    edge lies between them, float32 [windows, side^2, side^2]."""
    bands = [np.digitize(np.arange(length), (length - side, length - shift)) for length in (height, width)]
    regions = (3 * bands[0][:, None] + bands[1][None]).astype(np.float32)[None, ..., None]
    regions = np.asarray(window_partition(regions, side))[0, :, :, 0]
    return np.where(regions[:, :, None] == regions[:, None], np.float32(0), np.float32(MASKED))


class WindowAttention(nn.Module):
    """Attention among the tokens of each window, [N, windows, side^2, C] to the same shape.

    Submodules: qkv, proj. A parameter of its own: relative_position_bias_table [(2 side - 1)^2, heads].

    Attributes:
      side: of a window. heads: which divide the channels.
      scale: factor on the queries; by default (C / heads)^-0.5. qkv_bias: whether that layer has one.
    """
    side: int
    heads: int
    scale: float | None = None
    qkv_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x, mask=None):
        """mask: added to the logits, [windows, side^2, side^2], or None."""
        n, count, tokens, channels = x.shape
        width = channels // self.heads
        qkv = dense(3 * channels, use_bias=self.qkv_bias, dtype=self.dtype, name="qkv")(x)
        # Heads before tokens: as einsum would have it from the other order, the products take twice as long on a CPU.
        # Split as channels: a gradient is then put together in one piece, not added up from three padded ones.
        q, k, v = (part.reshape(n, count, tokens, self.heads, width).swapaxes(2, 3) for part in jnp.split(qkv, 3, -1))
        scale = width**-0.5 if self.scale is None else self.scale
        logits = jnp.matmul(q * scale, k.swapaxes(-1, -2))
        table = self.param("relative_position_bias_table", nn.initializers.normal(0.02),
                           ((2 * self.side - 1) ** 2, self.heads))
        bias = jnp.moveaxis(table[relative_positions(self.side)], -1, 0)[None, None]
        logits = logits + bias.astype(logits.dtype)
        if mask is not None:
            logits = logits + jnp.asarray(mask, logits.dtype)[None, :, None]
        weights = softmax(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
        x = jnp.matmul(weights.astype(v.dtype), v).swapaxes(2, 3).reshape(n, count, tokens, channels)
        return dense(channels, dtype=self.dtype, name="proj")(x)


# JAX's own with the derivative in terms of the result, which it has behind a flag (jax_softmax_custom_jvp): a third off
# the gradient of attention on a CPU.
@jax.custom_jvp
def softmax(logits):
    """Weights that sum to one over the last axis."""
    return jax.nn.softmax(logits)


@softmax.defjvp
def _softmax_jvp(primals, tangents):
    weights, (change,) = softmax(*primals), tangents
    return weights, weights * (change - (weights * change).sum(-1, keepdims=True))


def dense(features, **options):
    """A dense layer that starts as transformers' do: N(0, 0.02), bias 0."""
    return nn.Dense(features, kernel_init=nn.initializers.normal(0.02), dot_general=_dot_of_rows, **options)


def _dot_of_rows(x, kernel, dimensions, **options):
    """jax.lax.dot_general as a dense layer calls it, with all but the channels as one axis.

    Where there are more, XLA turns the whole cotangent round before the product for the kernel's gradient, which so
    takes twice as long on a CPU.
    """
    rows = jax.lax.dot_general(x.reshape(-1, x.shape[-1]), kernel, (((1,), (0,)), ((), ())), **options)
    return rows.reshape(*x.shape[:-1], -1)
