"""Means over a window around every pixel, as the test-time form of networks with global pools takes them (TLSC).

Chu et al. 2022, "Improving Image Restoration by Revisiting Global Information Aggregation" (arXiv 2112.04491).
"""
import math

import jax
import jax.numpy as jnp
import numpy as np

STEPS = (5, 4, 3, 2, 1)


def local_mean(images, window):
    """The mean over a window around every pixel; near the edges, that of the nearest window inside the image.

    Running sums, one axis after the other, so that digits last longer than in one sum over both. A window as large as
    the image in one direction covers it there.

    Args:
      images: floats, [N, H, W, C]. window: (rows, columns), 1 or more each; any size.

    Returns:
      [N, H, W, C]; [N, 1, 1, C], the global mean, where the window covers the image.

    Raises:
      ValueError: no four axes, or a window without a pixel.
    """
    if _covers(images, window, "local_mean"):
        return images.mean((1, 2), keepdims=True)
    means = images.astype(jnp.promote_types(images.dtype, jnp.float32))
    for axis, side in ((1, window[0]), (2, window[1])):
        sums = _running_sums(means, axis)
        sums = jnp.concatenate([jnp.zeros_like(_cut(sums, axis, 0, 1)), sums], axis)
        means = _differences(sums, axis, min(side, images.shape[axis]))
    return _to_size(means, images)


def local_mean_fast(images, window, *, largest_step=STEPS[:1] * 2):
    """`local_mean` of fewer pixels: not the same numbers, in a fraction of the time.

    Every r-th row is taken, r the largest of 5, 4, 3, 2, 1 that divides the height, at most `largest_step`; then
    means of window // r of these, at most all but one, and none with the very first; each mean is repeated r times.
    Columns likewise. Where a single row would be left, a smaller r is taken.

    Args:
      images: floats, [N, H, W, C]. window: (rows, columns), 1 or more each.
      largest_step: the largest r for rows and for columns.

    Returns:
      As `local_mean`.

    Raises:
      ValueError: as `local_mean`.
    """
    if _covers(images, window, "local_mean_fast"):
        return images.mean((1, 2), keepdims=True)
    means = images.astype(jnp.promote_types(images.dtype, jnp.float32))
    for axis, side, largest in ((1, window[0], largest_step[0]), (2, window[1], largest_step[1])):
        size = images.shape[axis]
        if size == 1:
            continue
        step = min(next(step for step in STEPS if size % step == 0), largest)
        step = min(step, size - 1)
        means = means[:, ::step] if axis == 1 else means[:, :, ::step]
        seen = max(1, min(means.shape[axis] - 1, side // step))
        means = jnp.repeat(_differences(_running_sums(means, axis), axis, seen), step, axis)
    return _to_size(means, images)


def _covers(images, window, name):
    """Whether the window is as large as the image; the arguments are checked."""
    if images.ndim != 4 or len(window) != 2 or min(window) < 1:
        raise ValueError(f"{name} got an array of shape {images.shape} and the window {tuple(window)}; wanted images "
                         "[N, H, W, C] and two numbers from 1 on.")
    return window[0] >= images.shape[1] and window[1] >= images.shape[2]


def _running_sums(x, axis):
    """jnp.cumsum as two small products, inside blocks and over them: a CPU takes half as long, also to compile."""
    side = x.shape[axis]
    block = math.isqrt(side - 1) + 1
    blocks = -(-side // block)
    x = jnp.moveaxis(x, axis, -1)
    lead = x.shape[:-1]
    x = jnp.pad(x, ((0, 0),) * len(lead) + ((0, blocks * block - side),)).reshape(*lead, blocks, block)
    # Not rounded to TF32 anywhere: the sums are differences of these.
    product = lambda x, matrix: jnp.matmul(x, matrix.astype(x.dtype), precision=jax.lax.Precision.HIGHEST)
    inside = product(x, np.triu(np.ones((block, block))))
    before = product(inside[..., -1], np.triu(np.ones((blocks, blocks)), 1))
    return jnp.moveaxis((inside + before[..., None]).reshape(*lead, -1)[..., :side], -1, axis)


def _differences(sums, axis, side):
    """Means of `side` values from their running sums."""
    length = sums.shape[axis]
    return (_cut(sums, axis, side, length) - _cut(sums, axis, 0, length - side)) / side


def _cut(x, axis, start, stop):
    return x[:, start:stop] if axis == 1 else x[:, :, start:stop]


def _to_size(means, images):
    """The outermost means repeated until there is one a pixel; where the rest is odd, once more at bottom and right.

    In the type of the images again: half precision has too few digits for the sums alone.
    """
    rests = [side - inner for side, inner in zip(images.shape[1:3], means.shape[1:3], strict=True)]
    pads = [(rest // 2, rest - rest // 2) for rest in rests]
    return jnp.pad(means, ((0, 0), *pads, (0, 0)), mode="edge").astype(images.dtype)
