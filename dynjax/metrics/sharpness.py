"""How much fine detail a picture has, be it right or wrong; no reference picture."""
import numpy as np

from dynjax.metrics.preparation import prepare


def laplacian_energy(a, *, channel="rgb", border=0, quantize=True):
    """Mean squared Laplacian per image, on the scale 0 to 1: 0 for flat pictures, high for edges, texture and noise.

    The Laplacian of a pixel is the sum of its four neighbours less four times itself, where all four are in the
    picture. Divide by a reference picture's energy to see how sharp a picture is beside it.

    Args:
      a: floats in [0, 1], [B, H, W, C] with C = 3 or 1 (grey), numpy or JAX; 3 x 3 pixels or more after the border.
      channel: "rgb", or "y" (BT.601 in studio range, not rounded; grey pictures are taken as they are).
      border: pixels cut off every side. quantize: clip and round to 8 bits first.

    Returns:
      numpy float64, [B].

    Raises:
      ValueError: no floats [B, H, W, C] or far outside [0, 1], unknown channel, less than 3 x 3 pixels left.
    """
    a, _ = prepare("laplacian_energy", a, a, channel=channel, border=border, quantize=quantize)
    if min(a.shape[1:3]) < 3:
        raise ValueError(f"laplacian_energy got pictures of {a.shape[1]} x {a.shape[2]} after border={border}; wanted "
                         "3 x 3 or more.")
    middle = a[:, 1:-1, 1:-1]
    laplacian = a[:, :-2, 1:-1] + a[:, 2:, 1:-1] + a[:, 1:-1, :-2] + a[:, 1:-1, 2:] - 4 * middle
    return np.mean((laplacian / 255) ** 2, axis=(1, 2, 3))
