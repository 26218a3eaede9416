"""Transposed convolution with PyTorch's arithmetic."""
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from dynjax.networks.depth_to_space import depth_to_space

FEW = 32   # channels below which copying what every tap sees costs more than the product saves


class ConvTranspose(nn.Module):
    """Transposed convolution, [B, H, W, C] -> [B, H', W', features].

    H' = (H - 1) s - 2 p + d (k - 1) + 1 + output_padding.

    y[s i + d u - p] += x[i] * kernel[u]: the adjoint of a strided convolution with symmetric padding p. `kernel` is
    [KH, KW, C / groups, features], PyTorch's weight (C, features / groups, KH, KW) without a flip: output channel o of
    group g reads the input channels of group g. (flax.linen.ConvTranspose pads differently and knows no groups.)

    Attributes:
      features: output channels.
      kernel_size: (KH, KW) or one number.
      strides: (s, s) or one number.
      padding: p, taken off each side of the full result; two numbers or one.
      output_padding: rows and columns added at bottom and right; two numbers or one.
      kernel_dilation: d, pixels from one tap of the kernel to the next (PyTorch's dilation); two numbers or one.
      feature_group_count: number of groups; divides C and features.
    """
    features: int
    kernel_size: int | Sequence[int]
    strides: int | Sequence[int] = 1
    padding: int | Sequence[int] = 0
    output_padding: int | Sequence[int] = 0
    kernel_dilation: int | Sequence[int] = 1
    feature_group_count: int = 1
    use_bias: bool = True
    dtype: Any = None
    param_dtype: Any = jnp.float32
    kernel_init: Any = nn.initializers.lecun_normal()
    bias_init: Any = nn.initializers.zeros_init()

    @nn.compact
    def __call__(self, x):
        sizes = {name: _pair(name, getattr(self, name))
                 for name in ("kernel_size", "strides", "padding", "output_padding", "kernel_dilation")}
        dilation = sizes.pop("kernel_dilation")
        if min(dilation) < 1:
            raise ValueError(f"ConvTranspose got kernel_dilation={self.kernel_dilation}; wanted 1 or more: 1 is an "
                             "ordinary kernel.")
        sides = [(side - 1) * s - 2 * p + d * (k - 1) + 1 + extra for side, s, p, d, k, extra in zip(
            x.shape[-3:-1], sizes["strides"], sizes["padding"], dilation, sizes["kernel_size"],
            sizes["output_padding"], strict=True)]
        if min(sides) < 1:
            raise ValueError(f"ConvTranspose got {x.shape[-3]} x {x.shape[-2]} pixels, of which padding={self.padding} "
                             f"leaves {sides[0]} x {sides[1]}; wanted less padding or more pixels.")
        groups = self.feature_group_count
        if x.shape[-1] % groups or self.features % groups:
            raise ValueError(f"ConvTranspose got {x.shape[-1]} input and {self.features} output channels for "
                             f"feature_group_count={groups}; wanted multiples of it.")
        shape = (*sizes["kernel_size"], x.shape[-1] // groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape, self.param_dtype)
        bias = self.param("bias", self.bias_init, (self.features,), self.param_dtype) if self.use_bias else None
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        if groups == 1 and max(sizes["strides"]) > 1 and max(dilation) == 1:
            y = _by_phases(x, kernel, **{name: size for name, size in sizes.items() if name != "kernel_size"})
        else:
            pads = [(d * (k - 1) - p, d * (k - 1) - p + extra) for d, k, p, extra in zip(
                dilation, sizes["kernel_size"], sizes["padding"], sizes["output_padding"], strict=True)]
            y = jax.lax.conv_general_dilated(
                x, kernel[::-1, ::-1], window_strides=(1, 1), padding=pads, lhs_dilation=sizes["strides"],
                rhs_dilation=dilation, dimension_numbers=("NHWC", "HWIO", "NHWC"), feature_group_count=groups)
        return y if bias is None else y + bias.reshape(1, 1, 1, -1)


def _by_phases(x, kernel, *, strides, padding, output_padding):
    """The same without zeros between the pixels: the s x s pixels of the result between two of the input are channels.

    Row s q + a of the full result reads the kernel's rows a, a + s, a + 2 s, ... alone. A matrix product where these
    channels are many, else an ordinary convolution; on CPUs the gradient is many times as fast as that of the form with
    zeros (benchmarks/convolutions.py). Padded outside: a convolution that pads itself has a slow kernel gradient.
    """
    (_, height, width, channels), (rows, columns, _, features), (down, across) = x.shape, kernel.shape, strides
    taps = -(-rows // down), -(-columns // across)
    kernel = jnp.pad(kernel, ((0, taps[0] * down - rows), (0, taps[1] * across - columns), (0, 0), (0, 0)))
    kernel = kernel.reshape(taps[0], down, taps[1], across, channels, features).transpose(0, 2, 4, 1, 3, 5)
    kernel = kernel[::-1, ::-1].reshape(*taps, channels, down * across * features)
    size = height + taps[0] - 1, width + taps[1] - 1
    x = jnp.pad(x, ((0, 0), *((tap - 1,) * 2 for tap in taps), (0, 0)))
    if kernel.shape[-1] < FEW:
        y = jax.lax.conv_general_dilated(x, kernel, window_strides=(1, 1), padding="VALID",
                                         dimension_numbers=("NHWC", "HWIO", "NHWC"))
    else:
        shifted = [x[:, row:row + size[0], column:column + size[1]] for row in range(taps[0])
                   for column in range(taps[1])]
        y = jnp.concatenate(shifted, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])
    y = depth_to_space(y, down, across)
    sides = [(side - 1) * s - 2 * p + k + extra for side, s, p, k, extra in zip(
        (height, width), strides, padding, (rows, columns), output_padding, strict=True)]
    beyond = [max(0, p + side - full) for p, side, full in zip(padding, sides, y.shape[1:3], strict=True)]
    y = jnp.pad(y, ((0, 0), *((0, more) for more in beyond), (0, 0)))
    return y[:, padding[0]:padding[0] + sides[0], padding[1]:padding[1] + sides[1]]


def _pair(name, value):
    pair = tuple(value) if isinstance(value, Sequence | np.ndarray) else (value, value)
    if len(pair) != 2 or not all(isinstance(number, int | np.integer) for number in pair):
        raise ValueError(f"ConvTranspose got {name}={value!r}; wanted one number or two, all whole.")
    return pair
