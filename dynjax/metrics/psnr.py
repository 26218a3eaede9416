"""Peak signal-to-noise ratio in decibels; higher is better."""
import numpy as np

from dynjax.metrics.preparation import prepare


def psnr(a, b, *, channel="rgb", border=0, quantize=True):
    """PSNR per image: RGB or Y of BT.601 studio range, border cut first, peak 255, rounded to 8 bits first by default.

    10 log10(255^2 / mse), the squared error averaged over pixels and channels together; infinite for equal pictures.
    Higher is better. The mean over a data set is the mean of these values. (pyiqa's Y is that of YIQ, in full range,
    and its PSNR on Y 1.3 dB lower: docs/metrics.md.)

    Args:
      a, b: floats in [0, 1], [B, H, W, C] with C = 3 or 1 (grey), numpy or JAX.
      channel: "rgb", or "y" (not rounded; grey pictures are taken as they are).
      border: pixels cut off every side; for super-resolution the scale, by custom.
      quantize: clip and round to 8 bits first, as published figures do.

    Returns:
      numpy float64, [B].

    Raises:
      ValueError: shapes differ or are not [B, H, W, C], no floats or far outside [0, 1], unknown channel,
        border too large.
    """
    a, b = prepare("psnr", a, b, channel=channel, border=border, quantize=quantize)
    error = np.mean((a - b) ** 2, axis=(1, 2, 3))
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / error)


def psnrb(restored, target, *, channel="rgb", border=0, quantize=True):
    """PSNR-B per image, PSNR lowered where the restored picture has visible 8 x 8 blocks, as JPEG leaves them.

    10 log10(255^2 / (mse + blocking)) of each channel, then the mean over channels. Blocking compares neighbours on
    both sides of block edges with all other neighbours, in `restored` alone (Yim and Bovik 2011, eqs. 8 to 15), so
    the order of the pictures matters. Blocks are counted from the first row and column left by `border`.
    Higher is better.

    Args, Returns, Raises: as `psnr`; 16 pixels a side are wanted.
    """
    restored, target = prepare("psnrb", restored, target, channel=channel, border=border, quantize=quantize)
    height, width = restored.shape[1:3]
    if min(height, width) < 16:
        raise ValueError(f"psnrb got pictures of {height} x {width} after border={border}; wanted 16 x 16 or more, "
                         "two blocks of 8 a side.")
    total, edge = np.zeros((2, len(restored), restored.shape[-1]))
    for axis in (1, 2):
        steps = np.diff(restored, axis=axis) ** 2
        total += steps.sum((1, 2))
        edge += np.take(steps, np.arange(7, steps.shape[axis], 8), axis).sum((1, 2))
    edges = height * (width // 8 - 1) + width * (height // 8 - 1)
    at_edges = edge / edges
    elsewhere = (total - edge) / (height * (width - 1) + width * (height - 1) - edges)
    blocking = np.where(at_edges > elsewhere, 3 / np.log2(min(height, width)) * (at_edges - elsewhere), 0)
    error = np.mean((restored - target) ** 2, axis=(1, 2))
    with np.errstate(divide="ignore"):
        return np.mean(10 * np.log10(255**2 / (error + blocking)), -1)
