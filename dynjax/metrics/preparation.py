"""What psnr, ssim and psnrb do with their pictures before they compare: checks, 8 bits, border, channel."""
import jax
import numpy as np

from dynjax.image.colour import luma
from dynjax.image.value_range import check_unit_range, is_floating


def prepare(name, a, b, *, channel, border, quantize):
    """Two batches of pictures to float64 on 0..255, for the metric called `name` in errors.

    Args:
      a, b: floats in [0, 1], [B, H, W, C], C 1 or 3; numpy or JAX.
      channel: "rgb" all channels; "y" luma of BT.601 in studio range, not rounded. Grey pictures stay as they are.
      border: pixels cut off every side.
      quantize: clip and round to 8 bits first (half to even), as if the pictures had been stored.

    Returns:
      Two arrays [B, H - 2 border, W - 2 border, C or 1].

    Raises:
      ValueError: wrong or different shapes, no floats, values far outside [0, 1] or not finite, an unknown channel, a
        border that leaves nothing.
    """
    a, b = as_pictures(name, a), as_pictures(name, b)
    if a.shape != b.shape:
        raise ValueError(f"{name} got pictures of shapes {a.shape} and {b.shape}; wanted two equal shapes.")
    if channel not in ("rgb", "y"):
        raise ValueError(f"{name} got channel={channel!r}; wanted 'rgb' or 'y'.")
    return tuple(_select(crop(name, to_levels(x) if quantize else x * 255, border), channel) for x in (a, b))


def as_pictures(name, images):
    """float64 [B, H, W, 1 or 3] of numpy or JAX floats in [0, 1], or a sentence; what slightly overshoots stays."""
    if isinstance(images, jax.core.Tracer):
        raise ValueError(f"{name} got a traced array; it computes on the host in float64: call it outside jit.")
    if not isinstance(images, np.ndarray | jax.Array) or not is_floating(images.dtype):
        kind = getattr(images, "dtype", type(images).__name__)
        raise ValueError(f"{name} got {kind}; wanted arrays of floats in [0, 1]: divide 8-bit values by 255.")
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"{name} got shape {images.shape}; wanted [B, H, W, C] with C = 1 or 3: add image[None] for "
                         "one picture, image[..., None] for a grey one.")
    check_unit_range(name, images)
    return np.asarray(images, np.float64)


def to_levels(images):
    """[0, 1] to whole numbers 0..255, half to even as numpy rounds."""
    return np.round(np.clip(images, 0, 1) * 255)


def crop(name, images, border):
    """Cuts `border` pixels off every side."""
    height, width = images.shape[1:3]
    if border != int(border) or border < 0 or 2 * border >= min(height, width):
        raise ValueError(f"{name} got border={border} for pictures of {height} x {width}; wanted a whole number from 0 "
                         "that leaves something of them.")
    border = int(border)
    return images[:, border:height - border, border:width - border]


def _select(levels, channel):
    return luma(levels / 255) * 255 if channel == "y" and levels.shape[-1] == 3 else levels
