"""Bicubic resizing as MATLAB's imresize does it, on the host and on the device."""
import functools
import math
from fractions import Fraction
from numbers import Real

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.image.native import native

ROUNDINGS = ("none", "once", "each_pass")


def resize_bicubic(images, scale, *, rounding="none", antialias=True):
    """Resizes pictures by MATLAB's imresize: cubic kernel a = -0.5, stretched by 1 / scale when it shrinks them.

    Rows first, then columns; outside samples are mirrored with the edge repeated; a row of the output k (from 1) is
    centred at k / scale + (1 - 1 / scale) / 2 of the input. numpy arrays are computed in float64 on the host and
    equal MATLAB's 8-bit results bit for bit; JAX arrays are computed in float32, inside jit and with gradients
    (none passes a rounding), and equal them but for ties that float32 cannot resolve.

    Args:
      images: [..., H, W, C]; floats, nominally in [0, 1], or uint8. Any size from one pixel on.
      scale: factor on both sides, a positive number or Fraction (1/4, 4, Fraction(1, 3)).
      rounding: "none"; "once", to 8 bits at the end (half up, clipped to 0..255), what MATLAB gives for a picture in
        floating point that is then stored; "each_pass", 8 bits after the rows and after the columns, what MATLAB gives
        for a picture of type uint8. The result stays a float, k / 255.
      antialias: stretch the kernel when shrinking, MATLAB's default.

    Returns:
      [..., ceil(H scale), ceil(W scale), C]; float64 for numpy's float64 and uint8, else float32. Not clipped
      when nothing is rounded: the kernel overshoots.

    Raises:
      ValueError: no height, width and channels; another type; an unknown rounding; a scale that is no positive number.
    """
    _check(images, scale, rounding)
    if isinstance(images, jax.Array):
        return _resize(images, jnp, scale, rounding, antialias).astype(jnp.float32)
    images = native(images)
    dtype = np.float32 if images.dtype in (np.float32, np.float16) else np.float64
    return _resize(images, np, scale, rounding, antialias).astype(dtype)


def crop_to_multiple(images, multiple):
    """Cuts [..., H, W, C] at the bottom and right until `multiple` divides H and W, as benchmarks do before shrinking.

    Raises:
      ValueError: no height, width and channels; a side smaller than `multiple`; a multiple that is no positive integer.
    """
    if images.ndim < 3:
        raise ValueError(f"crop_to_multiple got shape {images.shape}; wanted [..., H, W, C].")
    if int(multiple) != multiple or multiple < 1:
        raise ValueError(f"crop_to_multiple got multiple={multiple}; wanted a positive integer.")
    height, width = (int(size // multiple * multiple) for size in images.shape[-3:-1])
    if not height or not width:
        raise ValueError(f"crop_to_multiple got a picture of {images.shape[-3]} x {images.shape[-2]}, smaller than "
                         f"multiple={multiple}, so nothing is left; wanted larger pictures or a smaller multiple.")
    return images[..., :height, :width, :]


def _check(images, scale, rounding):
    if not isinstance(images, np.ndarray | jax.Array) or images.ndim < 3 or 0 in images.shape[-3:-1]:
        raise ValueError(f"resize_bicubic got {getattr(images, 'shape', type(images).__name__)}; wanted an array "
                         "[..., H, W, C]. A grey picture has C = 1: add image[..., None].")
    if images.dtype != np.uint8 and not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"resize_bicubic got type {images.dtype}; wanted floats in [0, 1] or uint8.")
    if rounding not in ROUNDINGS:
        raise ValueError(f"resize_bicubic got rounding={rounding!r}; wanted one of {', '.join(ROUNDINGS)}.")
    if not isinstance(scale, Real) or isinstance(scale, bool) or not 0 < scale < math.inf:
        raise ValueError(f"resize_bicubic got scale={scale!r}; wanted a positive number such as 4 or 1/4, known while "
                         "tracing.")


def _resize(images, xp, scale, rounding, antialias):
    """Both passes; with a rounding the computation is on 0..255, where 8-bit pictures are whole numbers."""
    real = np.float64 if xp is np else np.float32
    levels = images.astype(real)
    if rounding == "none":
        levels = levels / 255 if images.dtype == np.uint8 else levels
    elif images.dtype != np.uint8:
        levels = _snap(levels * 255, xp)
    apply = _gather_rows if xp is np else _multiply_rows
    scale = scale if isinstance(scale, int | Fraction) else float(scale)
    for axis in (-3, -2):
        levels = apply(levels, axis, _taps(levels.shape[axis], scale, bool(antialias)))
        if rounding == "each_pass" or (rounding == "once" and axis == -2):
            levels = _round_levels(levels, xp)
    return levels if rounding == "none" else levels / 255


def _snap(levels, xp):
    """k / 255 times 255 misses k by the rounding of the division, which would decide ties: take k there."""
    whole = xp.round(levels)
    return xp.where(abs(levels - whole) < 1e-3, whole, levels)


def _round_levels(levels, xp):
    """To 8 bits, half up."""
    return xp.clip(xp.floor(levels + 0.5), 0, 255)


def _gather_rows(levels, axis, taps):
    """Weighted sum over the taps, in float64: (indices, weights), each [outputs, taps]."""
    indices, weights = taps
    shape = (-1,) + (1,) * (-axis - 1)
    return sum(np.take(levels, indices[:, k], axis) * weights[:, k].reshape(shape) for k in range(indices.shape[1]))


def _multiply_rows(levels, axis, taps):
    """The same as one product with a matrix that is mostly zero, [outputs, inputs]: fast, differentiable."""
    indices, weights = taps
    matrix = np.zeros((len(indices), levels.shape[axis]))
    np.add.at(matrix, (np.arange(len(indices))[:, None], indices), weights)
    spec = "oh,...hwc->...owc" if axis == -3 else "ow,...hwc->...hoc"
    return jnp.einsum(spec, matrix.astype(np.float32), levels, precision=jax.lax.Precision.HIGHEST)


@functools.lru_cache(maxsize=64)
def _taps(size, scale, antialias):
    """Indices and weights of the input samples of each output sample, both [ceil(size scale), taps]."""
    outputs = math.ceil(size * scale)   # exact for a Fraction, MATLAB's for a float
    scale = float(scale)
    stretch = scale if antialias and scale < 1 else 1.0
    support = 4 / stretch
    centres = np.arange(1, outputs + 1) / scale + 0.5 * (1 - 1 / scale)
    positions = np.floor(centres - support / 2)[:, None] + np.arange(math.ceil(support) + 2)
    weights = stretch * _cubic(stretch * (centres[:, None] - positions))
    weights /= weights.sum(1, keepdims=True)
    mirrored = (positions.astype(np.int64) - 1) % (2 * size)   # the picture and its mirror image, repeated for ever
    return np.where(mirrored < size, mirrored, 2 * size - 1 - mirrored), weights


def _cubic(x):
    """The cubic convolution kernel with a = -1/2 (Keys 1981, eq. 15).

    In powers, not nested: at scales such as 3/2 many sums are exact halves but for their last bit, and the 8-bit result
    hangs on it.
    """
    x = abs(x)
    inner = 1.5 * x**3 - 2.5 * x**2 + 1
    outer = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, inner, np.where(x <= 2, outer, 0.0))
