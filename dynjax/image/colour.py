"""Luma and chroma of ITU-R BT.601. Every function takes numpy or JAX floats and keeps the kind and the type."""
import jax.numpy as jnp
import numpy as np


def luma(images):
    """Y of BT.601 in studio range, as MATLAB's rgb2ycbcr gives it for floats: 16/255 for black, 235/255 for white.

    255 Y = 16 + 65.481 R + 128.553 G + 24.966 B, not rounded.

    Args:
      images: RGB, floats in [0, 1], [..., 3].

    Returns:
      [..., 1].

    Raises:
      ValueError: not three channels, or not floats.
    """
    red, green, blue = _channels(images, "luma")
    return (16 + 65.481 * red + 128.553 * green + 24.966 * blue) / 255


def ycbcr(images):
    """Y, Cb, Cr of BT.601 in studio range, in [0, 1]: Y as `luma`, the others 128/255 for grey, 16/255 to 240/255.

    255 Cb = 128 - 37.797 R - 74.203 G + 112 B; 255 Cr = 128 + 112 R - 93.786 G - 18.214 B (MATLAB's rgb2ycbcr).

    Args:
      images: RGB, floats in [0, 1], [..., 3].

    Returns:
      [..., 3].

    Raises:
      ValueError: not three channels, or not floats.
    """
    red, green, blue = _channels(images, "ycbcr")
    parts = (luma(images), (128 - 37.797 * red - 74.203 * green + 112 * blue) / 255,
             (128 + 112 * red - 93.786 * green - 18.214 * blue) / 255)
    return (np if isinstance(images, np.ndarray) else jnp).concatenate(parts, -1)


def chroma(images):
    """U and V, colour without brightness: 0.492 (B - Y) and 0.877 (R - Y), Y = 0.299 R + 0.587 G + 0.114 B (BT.601).

    Args:
      images: RGB, floats in [0, 1], [..., 3].

    Returns:
      [..., 2]; 0 for grey, U within +-0.436, V within +-0.615.

    Raises:
      ValueError: not three channels, or not floats.
    """
    red, green, blue = _channels(images, "chroma")
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    parts = (0.492 * (blue - brightness), 0.877 * (red - brightness))
    return (np if isinstance(images, np.ndarray) else jnp).concatenate(parts, -1)


def _channels(images, name):
    """R, G, B with the last axis kept."""
    if images.ndim < 1 or images.shape[-1] != 3:
        raise ValueError(f"{name} got shape {images.shape}; wanted RGB, [..., 3].")
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise ValueError(f"{name} got type {images.dtype}; wanted floats in [0, 1]: divide 8-bit values by 255.")
    return images[..., :1], images[..., 1:2], images[..., 2:]
