"""Images on disk to uint8 RGB arrays and back."""
import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from dynjax.files.atomic import check_place, write_atomically
from dynjax.files.image_errors import PictureError
from dynjax.files.image_file import read_image_file
from dynjax.files.image_pixels import to_rgb8

ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
           ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif")

__all__ = ["PictureError", "is_picture", "read_picture", "write_png"]


def is_picture(name):
    """Whether the ending of `name` (str or Path, upper or lower case) is that of a picture; hidden files are not."""
    name = Path(name).name.lower()
    return name.endswith(ENDINGS) and not name.startswith(".")


def read_picture(path_or_file, *, name=None):
    """Reads one picture as 8-bit RGB: what `read_deep_picture` reads, rounded to 8 bits.

    What is not RGB is converted: grey and 1-bit repeat their channel; transparency (an alpha channel, a transparent
    colour or palette entry) is laid over white, as a viewer on a white page shows it; palettes are looked up; CMYK
    becomes RGB by the plain formula. The rotation that a camera recorded (EXIF) is applied. Of several pages or frames
    the first is taken that is not a preview; of an animated PNG, the image that readers without animation show. Colour
    profiles and gamma are not applied: the numbers in the file are taken as sRGB.

    Args:
      path_or_file: a path, or a binary file open for reading.
      name: what to call the picture in errors; by default the path.

    Returns:
      uint8, [H, W, 3].

    Raises:
      PictureError (a ValueError): absent, damaged, cut short, no picture, values without a known range (floating
        point, 32-bit integers), or more pixels than PIL.Image.MAX_IMAGE_PIXELS.
    """
    name = name or (os.fspath(path_or_file) if isinstance(path_or_file, str | os.PathLike)
                    else getattr(path_or_file, "name", "the picture"))
    return to_rgb8(read_image_file(path_or_file, name=name, reader="read_picture").pixels)


def write_png(path, image):
    """Writes an image as an 8-bit PNG, in one step: it is there completely or not at all.

    Args:
      path: where to, ending in .png; missing folders are made.
      image: [H, W, 3], [H, W, 1] or [H, W]; floats in [0, 1], clipped and rounded to the nearest of 256 levels
        (truncating would darken by half a level), or uint8 as it is.

    Raises:
      ValueError: another shape, dtype or ending, values that are not finite, or no place for a file.
    """
    check_place(path, "write_png")
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"write_png got {path}; wanted a path that ends in .png, which is what it writes: change the "
                         "ending, or take write_deep_picture for other formats")
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] != 3) or image.size == 0:
        raise ValueError(f"write_png got shape {image.shape} for {path}; wanted [H, W, 3], [H, W, 1] or [H, W]: write "
                         "the images of a batch one by one")
    if image.dtype != np.uint8:
        if image.dtype.kind in "iubc":
            raise ValueError(f"write_png got dtype {image.dtype} for {path}; wanted floats in [0, 1] or uint8: divide "
                             "by the largest value first")
        image = image.astype(np.float32)   # bfloat16 and float16 too
        if not np.isfinite(image).all():
            raise ValueError(f"write_png got values that are not finite for {path}; wanted floats in [0, 1]: the "
                             "network or its weights have diverged")
        image = np.floor(np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, format="PNG")
    write_atomically(path, file.getvalue())
