"""Structural similarity; higher is better."""
import numpy as np

from dynjax.metrics.preparation import prepare

WINDOW = 11


def ssim(a, b, *, channel="rgb", border=0, quantize=True):
    """SSIM per image: RGB or Y of BT.601 studio range, border cut first, range 255, rounded to 8 bits by default.

    Gaussian window 11 x 11 with sigma 1.5, K1 = 0.01, K2 = 0.03, biased moments, only positions where the window fits,
    mean over the map and then over channels (Wang et al. 2004, without the later shrinking of large pictures). 1 for
    equal pictures, higher is better. The mean over a data set is the mean of these values. (By default torchmetrics
    counts borders too, and scikit-image takes a box of 7 x 7: docs/metrics.md.)

    Args:
      a, b: floats in [0, 1], [B, H, W, C] with C = 3 or 1 (grey), numpy or JAX.
      channel: "rgb", or "y" (not rounded; grey pictures are taken as they are).
      border: pixels cut off every side; for super-resolution the scale, by custom.
      quantize: clip and round to 8 bits first, as published figures do.

    Returns:
      numpy float64, [B].

    Raises:
      ValueError: shapes differ or are not [B, H, W, C], no floats or far outside [0, 1], unknown channel,
        less than 11 pixels a side left.
    """
    a, b = prepare("ssim", a, b, channel=channel, border=border, quantize=quantize)
    if min(a.shape[1:3]) < WINDOW:
        raise ValueError(f"ssim got pictures of {a.shape[1]} x {a.shape[2]} after border={border}; wanted at least "
                         f"{WINDOW} x {WINDOW}, the size of its window.")
    mean_a, mean_b = _blur(a), _blur(b)
    variance_a, variance_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)
                  / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)))
    return similarity.mean((1, 2, 3))


def _blur(x):
    """Weighted means under the window where it fits: [B, H, W, C] to [B, H - 10, W - 10, C]."""
    from scipy.ndimage import correlate1d
    half = WINDOW // 2
    weights = np.exp(-0.5 * (np.arange(-half, half + 1) / 1.5) ** 2)
    weights /= weights.sum()
    x = correlate1d(correlate1d(x, weights, axis=1), weights, axis=2)
    return x[:, half:-half, half:-half]
