"""Pillow's resizing, for pictures and for pairs of them."""
import numpy as np
from PIL import Image


def resized(picture, size, resampling):
    """uint8 [H, W, 3], or [H, W, 6] of a pair, antialiased to size (width, height)."""
    parts = [np.asarray(Image.fromarray(np.ascontiguousarray(part)).resize(size, resampling))
             for part in np.split(picture, picture.shape[-1] // 3, axis=-1)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
