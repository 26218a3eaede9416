"""Pictures on disk to uint8 RGB arrays and back, through Pillow; every other kind of picture is converted here."""
import contextlib
import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dynjax.files.atomic import write_atomically
from dynjax.files.messages import one_line

ENDINGS = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".gif",
           ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".jp2", ".avif")
# Pillow's names
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "TGA", "JPEG2000", "AVIF")


class PictureError(ValueError):
    """A picture that cannot be read; the message names it and says why."""


def is_picture(name):
    """Whether the ending of `name` (str or Path, upper or lower case) is that of a picture; hidden files are not."""
    name = Path(name).name.lower()
    return name.endswith(ENDINGS) and not name.startswith(".")


def read_picture(path_or_file, *, name=None):
    """Reads one picture as 8-bit RGB.

    What is not RGB is converted: grey and 1-bit repeat their channel; transparency (an alpha channel, a transparent
    palette entry) is laid over white, as a viewer on a white page shows it; palettes are looked up; CMYK by the plain
    formula; 16-bit grey is scaled from 0..65535 and rounded; 16-bit colour keeps the upper 8 bits, which is what
    Pillow gives. The rotation that a camera recorded (EXIF) is applied. Of several frames the first is taken.
    Colour profiles are not applied: the numbers in the file are taken as sRGB.

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
    try:
        is_path = isinstance(path_or_file, str | os.PathLike)
        file = contextlib.nullcontext(path_or_file) if not is_path else PictureFile(path_or_file)
        with file as opened, open_picture(opened) as image:
            check_size(image, name)
            image.load()
            return _to_rgb(image, name)
    except PictureError:
        raise
    except FileNotFoundError:
        raise PictureError(f"read_picture found no file {name}; check the path") from None
    except Image.DecompressionBombError as error:
        raise PictureError(_too_large(name, str(error))) from None
    except UnidentifiedImageError:
        raise PictureError(f"{name} cannot be read as a picture: it does not begin like any format that is read; it is "
                           "damaged or something else: replace or remove it") from None
    except Exception as error:   # damaged files raise almost anything: OSError, SyntaxError, struct.error, KeyError ...
        raise PictureError(f"{name} cannot be read as a picture ({type(error).__name__}: {one_line(error)}); it is "
                           "damaged, cut short or of another format: replace or remove it") from error


def write_png(path, image):
    """Writes an image as an 8-bit PNG, in one step: it is there completely or not at all.

    Args:
      path: where to; missing folders are made.
      image: [H, W, 3], [H, W, 1] or [H, W]; floats in [0, 1], clipped and rounded to the nearest of 256 levels
        (truncating would darken by half a level), or uint8 as it is.

    Raises:
      ValueError: another shape or dtype, or values that are not finite.
    """
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


class PictureFile(io.BufferedReader):
    """A file that gives what it has, and finds no memory for more: headers can make Pillow ask for gigabytes."""

    def __init__(self, path):
        super().__init__(io.FileIO(path))
        self.length = os.fstat(self.fileno()).st_size

    def read(self, size=-1):
        return super().read(size if size is None or size < 0 else min(size, max(0, self.length - self.tell())))


def open_picture(file):
    """Pillow's Image.open of an open file for the formats of ENDINGS, whatever the ending of this one.

    By its content Pillow would take a file for any of forty formats, of which one, PostScript, is a program that it has
    Ghostscript run.
    """
    Image.init()
    return Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])


def check_size(image, name):
    """Refuses, before anything is decoded, what would fill the memory."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise PictureError(_too_large(name, f"{image.width} x {image.height} pixels, the limit is {limit}"))


def _too_large(name, why):
    return (f"{name} is too large to be decoded safely ({why}); if you trust it, raise the limit with "
            "PIL.Image.MAX_IMAGE_PIXELS = ..., or cut it into parts")


def sixteen_bit_grey(image, name):
    """An opened picture of 16-bit grey as uint16 [H, W], turned as the camera recorded; None where it has 8 bits."""
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        raise without_range(name, "floating point" if image.mode == "F" else "32-bit integer")
    if not image.mode.startswith("I"):
        return None
    grey = np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16)
    zero_is_white = image.format == "TIFF" and image.tag_v2.get(262) == 0   # which Pillow turns round for 8 bits only
    return 65535 - grey if zero_is_white else grey


def without_range(name, kind):
    return PictureError(f"{name} holds {kind} values, whose black and white are not known; wanted 8 or 16 bits: "
                        "scale it to 0..65535 and save it as a 16-bit PNG")


def _to_rgb(image, name):
    """An opened Pillow image of any mode to uint8 [H, W, 3]."""
    grey = sixteen_bit_grey(image, name)
    if grey is not None:   # Pillow's own conversion clips at 255
        grey = ((grey.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))
