"""Reads hair colour and expression back from pictures of `dynjax.data.drawn_faces`, or from what a generator made of
them: arithmetic on two fixed regions, nothing learned.

Both answer in the units of `Face`, so that a drawing measures (nearly) what it was drawn with; a generated picture may
lie outside its range. For photographs they mean nothing: hair and mouth are elsewhere in every one.
"""
import numpy as np

from dynjax.data.drawn_faces import BLOND, DARK, SMILE, ZOOM
from dynjax.image.value_range import unit_floats

# Top, bottom, left, right, as fractions of the side.
CROWN = (0.119, 0.225, 0.406, 0.594)      # hair and nothing else in every face that is drawn
MOUTH = (0.662, 0.827, 0.37, 0.63)      # the mouth on skin
BRIGHTNESS = np.array([0.299, 0.587, 0.114])   # BT.601


def measure_hair(images):
    """The lightness of the hair: the mean brightness of the crown, 0 where it is the darkest's, 1 the blondest's.

    Args:
      images: [..., H, W, 3], uint8 or floats in [0, 1], of any square size from 16.

    Returns:
      float64, [...].

    Raises:
      ValueError: another shape or dtype; floats far outside [0, 1].
    """
    crown = _region(images, CROWN, 16, "measure_hair").mean((-3, -2)) @ BRIGHTNESS
    dark, blond = BRIGHTNESS @ DARK, BRIGHTNESS @ BLOND
    return (crown - dark) / (blond - dark)


def measure_smile(images):
    """How far the corners of the mouth lie above its middle: -1 fully down, 0 straight, 1 fully up.

    A parabola is fitted to the pixels around the mouth, each weighted by how much less green it is than skin: lips lack
    green on any skin. What its ends rise above its middle is compared with the drawing's.

    Args:
      images: [..., H, W, 3], uint8 or floats in [0, 1], of any square size from 32.

    Returns:
      float64, [...]; 0 where there is no mouth at all.

    Raises:
      ValueError: another shape or dtype; floats far outside [0, 1].
    """
    green = _region(images, MOUTH, 32, "measure_smile")[..., 1]
    height, width = green.shape[-2:]
    side = np.asarray(images).shape[-2]
    skin = np.quantile(green, 0.75, axis=(-2, -1), keepdims=True)
    weight = np.clip(skin - green, 0, None)
    weight = np.clip(weight - 0.25 * weight.max((-2, -1), keepdims=True), 0, None)   # shading and noise are not mouth
    weight = weight / np.maximum(weight.sum((-2, -1), keepdims=True), 1e-9)
    column = np.broadcast_to((np.arange(width) + 0.5) / side, (height, width))
    row = np.broadcast_to(((np.arange(height) + 0.5) / side)[:, None], (height, width))
    mean = lambda value: (weight * value).sum((-2, -1), keepdims=True)
    across = column - mean(column)
    square = across ** 2 - mean(across ** 2)
    square = square - across * mean(square * across) / np.maximum(mean(across ** 2), 1e-9)   # a tilt is no smile
    bend = mean(row * square) / np.maximum(mean(square ** 2), 1e-9)
    # A mouth of half width w whose lips thin out as an ellipse has its mean square at w^2 / 4.
    return (-bend * 4 * mean(across ** 2) / (SMILE * ZOOM))[..., 0, 0]


def _region(images, region, smallest, caller):
    """The pixels that lie wholly within a region, floats in [0, 1]."""
    images = np.asarray(images)
    if images.ndim < 3 or images.shape[-1] != 3 or images.shape[-2] != images.shape[-3] or images.shape[-2] < smallest:
        raise ValueError(f"{caller} got shape {images.shape}; wanted [..., H, W, 3], square and {smallest} pixels or "
                         "more: faces as draw_face draws them")
    images = unit_floats(caller, images[None], raw=True)[0]
    top, bottom, left, right = (place * images.shape[-2] for place in region)
    rows, columns = slice(int(np.ceil(top)), int(bottom)), slice(int(np.ceil(left)), int(right))
    return images[..., rows, columns, :]
