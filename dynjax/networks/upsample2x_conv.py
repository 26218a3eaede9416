"""A 3 x 3 convolution of an image of doubled height and width, without making that image.

Where every pixel is repeated, two of a kernel's three rows (and columns) meet the same pixel: each of the four pixels
that a pixel of the result becomes has a 2 x 2 kernel of sums on the small image. Four ninths of the products.
"""
import jax
import jax.numpy as jnp

from dynjax.networks.depth_to_space import depth_to_space


def upsample2x_conv(x, kernel, *_, **__):
    """Of [N, H + 2, W + 2, C], padded by one pixel, the convolution of [N, 2 H, 2 W, C]; to rounding.

    Nearest upsampling by 2 and a padding of one zero or one reflected pixel afterwards are a padding of one zero or one
    repeated pixel before. Meant for `flax.linen.Conv(conv_general_dilated=upsample2x_conv)`. On two CPU cores a call
    takes about half as long as that of the large image, its gradient a third to a half (benchmarks/convolutions.py).

    Args:
      x: [N, H + 2, W + 2, C]. kernel: [3, 3, C, F]; strides are 1.

    Returns:
      [N, 2 H, 2 W, F].
    """
    height, width = (side - 2 for side in x.shape[1:3])
    phases = []
    for down in range(2):
        for across in range(2):
            small = _summed(_summed(kernel, down, 0), across, 1)
            place = x[:, down:down + height + 1, across:across + width + 1]
            phases.append(jax.lax.conv_general_dilated(place, small, (1, 1), "VALID",
                                                       dimension_numbers=("NHWC", "HWIO", "NHWC")))
    return depth_to_space(jnp.concatenate(phases, axis=-1), 2, 2)


def _summed(kernel, phase, axis):
    """Three taps to two: the first of two equal pixels sees its neighbour and itself twice, the second the reverse."""
    first, middle, last = jnp.moveaxis(kernel, axis, 0)
    return jnp.stack([first + middle, last] if phase else [first, middle + last], axis=axis)
