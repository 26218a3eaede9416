"""A convolution computed on blocks of 2 x 2 pixels: the same sums, for large kernels between few channels.

A 9 x 9 kernel from 3 channels to 32 gives a CPU many narrow products. Four pixels taken as one with four times the
channels make them wide: as space-to-depth does for the first layer of networks on TPUs.
"""
import jax
import jax.numpy as jnp

from dynjax.networks.depth_to_space import depth_to_space

SIDE = 2


def space_to_depth_conv(x, kernel, strides, padding, **_):
    """jax.lax.conv_general_dilated of images for strides of 1, no dilation and no groups; to rounding.

    Meant for `flax.linen.Conv(conv_general_dilated=space_to_depth_conv)`. On two CPU cores a call of the style
    network's 9 x 9 layers at 256 pixels takes a sixth to a half as long and its gradient a third to a half; at
    64 pixels nothing is gained or lost (benchmarks/convolutions.py).

    Args:
      x: [N, H, W, C]. kernel: [K, K, C, F], any height and width. strides: (1, 1).
      padding: "SAME", "VALID" or ((top, bottom), (left, right)).

    Returns:
      [N, H', W', F].
    """
    rows, columns, channels, features = kernel.shape
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    sides = [side + sum(pads) - k + 1 for side, pads, k in zip(x.shape[1:3], padding, (rows, columns), strict=True)]
    blocks = [-(-side // SIDE) for side in sides]                          # of the result
    reach = [-(-(k + SIDE - 1) // SIDE) for k in (rows, columns)]          # blocks of the input that one of them sees
    wanted = [(block + seen - 1) * SIDE for block, seen in zip(blocks, reach, strict=True)]
    pads = [(low, want - side - low) for side, want, (low, _) in zip(x.shape[1:3], wanted, padding, strict=True)]
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    x = x.reshape(-1, wanted[0] // SIDE, SIDE, wanted[1] // SIDE, SIDE, channels).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(*x.shape[:3], SIDE * SIDE * channels)
    # One kernel for each pixel of a block of the result: the given one, moved to that pixel's place.
    moved = [jnp.pad(kernel, ((down, reach[0] * SIDE - rows - down), (across, reach[1] * SIDE - columns - across),
                              (0, 0), (0, 0))) for down in range(SIDE) for across in range(SIDE)]
    kernel = jnp.stack(moved, axis=3).reshape(reach[0], SIDE, reach[1], SIDE, channels, SIDE * SIDE * features)
    kernel = kernel.transpose(0, 2, 1, 3, 4, 5).reshape(*reach, SIDE * SIDE * channels, SIDE * SIDE * features)
    y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return depth_to_space(y, SIDE, SIDE)[:, :sides[0], :sides[1]]
