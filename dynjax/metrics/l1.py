"""Mean absolute difference; lower is better."""
import numpy as np

from dynjax.metrics.preparation import prepare


def l1(a, b, *, channel="rgb", border=0, quantize=True):
    """Mean absolute difference per image, on the scale 0 to 1, over pixels and channels; rounded to 8 bits by default.

    Lower is better. The mean over a data set is the mean of these values.

    Args:
      a, b: floats in [0, 1], [B, H, W, C] with C = 3 or 1 (grey), numpy or JAX.
      channel: "rgb", or "y" (BT.601 in studio range, not rounded; grey pictures are taken as they are).
      border: pixels cut off every side. quantize: clip and round to 8 bits first.

    Returns:
      numpy float64, [B].

    Raises:
      ValueError: shapes differ or are not [B, H, W, C], no floats or far outside [0, 1], unknown channel,
        border too large.
    """
    a, b = prepare("l1", a, b, channel=channel, border=border, quantize=quantize)
    return np.mean(np.abs(a - b), axis=(1, 2, 3)) / 255
