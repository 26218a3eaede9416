"""Conversions of decoded pixels: widths of numbers, inks, premultiplied colours, white behind transparency."""
import numpy as np


def rescale(levels, top, new_top):
    """Scales whole numbers of 0..top to 0..new_top, rounded; uint8 where that holds them, else uint16."""
    dtype = np.uint8 if new_top < 256 else np.uint16
    return levels.astype(dtype, copy=False) if top == new_top else (
        (levels.astype(np.uint32) * np.uint32(new_top) + np.uint32(top // 2)) // np.uint32(top)).astype(dtype)


def cmyk_to_rgb(inks):
    """uint8 or uint16 [H, W, 4] to RGB of the same depth: (1 - ink) * (1 - black), as Pillow converts 8 bits."""
    top = np.iinfo(inks.dtype).max
    light = (top - inks).astype(np.uint32)
    return ((light[..., :3] * light[..., 3:] + np.uint32(top // 2)) // np.uint32(top)).astype(inks.dtype)


def unpremultiply(image):
    """Divides the colours of [H, W, C + 1] by their alpha, the last channel; what has no alpha becomes black."""
    top = np.iinfo(image.dtype).max
    alpha = image[..., -1:].astype(np.uint32)
    colours = (image[..., :-1] * np.uint32(top) + alpha // 2) // np.maximum(alpha, 1)
    return np.concatenate([np.minimum(colours, top).astype(image.dtype) * (alpha > 0), image[..., -1:]], -1)


def to_rgb8(image):
    """uint8 or uint16 [H, W, C] to uint8 RGB: laid over white, rounded to 8 bits, grey repeated.

    Args:
      image: C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    """
    top, channels = np.iinfo(image.dtype).max, image.shape[-1]
    if channels in (2, 4):
        wide = np.uint32 if top == 255 else np.uint64   # than top * top * 255
        alpha, white = image[..., -1].astype(wide), (top - image[..., -1]) * wide(top)
        result = np.empty((*image.shape[:2], channels - 1), np.uint8)
        for channel in range(channels - 1):   # one by one, to keep the wide numbers few
            over = image[..., channel] * alpha + white
            result[..., channel] = (over * wide(255) + wide(top * top // 2)) // wide(top * top)
    else:
        result = rescale(image, top, 255)
    return np.ascontiguousarray(result if result.shape[-1] == 3 else np.repeat(result, 3, -1))
