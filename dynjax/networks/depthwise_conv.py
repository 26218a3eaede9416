"""A depthwise convolution as a sum of shifted images: the same sums, for a kernel a channel.

The library call for it (feature_group_count = C) takes a CPU many times as long, and its kernel gradient longer still.
"""
import jax
import jax.numpy as jnp


def depthwise_conv(x, kernel, strides, padding, **_):
    """jax.lax.conv_general_dilated with feature_group_count = C for strides of 1 and no dilation; to rounding.

    Meant for `flax.linen.Conv(feature_group_count=C, conv_general_dilated=depthwise_conv)`. On two CPU cores a call of
    NAFNet's 3 x 3 layers takes about a fourteenth as long, its gradient a third at full size to a twenty-sixth where
    the channels are many (benchmarks/convolutions.py).

    Args:
      x: [N, H, W, C]. kernel: [K, K, 1, C], any height and width, not large: every tap is one pass over the image.
      strides: (1, 1).
      padding: "SAME", "VALID" or ((top, bottom), (left, right)).

    Returns:
      [N, H', W', C].

    Raises:
      ValueError: a kernel that is not one a channel, or other strides.
    """
    rows, columns, inputs, features = kernel.shape
    if inputs != 1 or features != x.shape[-1] or tuple(strides) != (1, 1):
        raise ValueError(f"depthwise_conv got a kernel of shape {kernel.shape} and strides {tuple(strides)} for "
                         f"{x.shape[-1]} channels; wanted (K, K, 1, {x.shape[-1]}) and (1, 1). Leave "
                         "conv_general_dilated alone for other layers.")
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(x.shape[1:3], (rows, columns), strides, padding)
    height, width = (side + sum(pads) - k + 1 for side, pads, k in zip(
        x.shape[1:3], padding, (rows, columns), strict=True))
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    taps = [x[:, row:row + height, column:column + width] * kernel[row, column].reshape(1, 1, 1, -1)
            for row in range(rows) for column in range(columns)]
    return sum(taps[1:], taps[0])
