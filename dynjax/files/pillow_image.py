"""Images that Pillow decodes, in the formats of the known endings only."""
import contextlib
import io
import os

import numpy as np
from PIL import Image, UnidentifiedImageError

from dynjax.files.image_errors import PictureError, check_size, too_large, without_range
from dynjax.files.image_pixels import rescale
from dynjax.files.messages import one_line
from dynjax.files.orientation import ORIENTATION, turned

# Pillow's names of the formats that are read
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "TGA", "JPEG2000", "AVIF")
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class PictureFile(io.BufferedReader):
    """A file that gives what it has, and finds no memory for more: headers can make Pillow ask for gigabytes."""

    def __init__(self, path):
        super().__init__(io.FileIO(path))
        self.length = os.fstat(self.fileno()).st_size

    def read(self, size=-1):
        return super().read(size if size is None or size < 0 else min(size, max(0, self.length - self.tell())))


@contextlib.contextmanager
def opened(file, name):
    """Pillow's Image.open of an open file for FORMATS, whatever the ending of this one; its size is checked.

    By its content Pillow would take a file for any of forty formats, of which one, PostScript, is a program that it has
    Ghostscript run.

    Raises:
      PictureError: too large, or no format that is read.
    """
    Image.init()
    try:
        image = Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
    except Image.DecompressionBombError as error:
        raise too_large(name, str(error)) from None
    except UnidentifiedImageError:
        raise _unidentified(file, name) from None
    with image:
        check_size(image.width, image.height, name)
        yield image


def _unidentified(file, name):
    """The error for what Pillow does not open, which keeps to itself what the reader of the format said."""
    file.seek(0)
    start = file.read(16)
    if not start:
        return PictureError(f"{name} cannot be read as a picture: it is empty; replace or remove it")
    for format in FORMATS:
        reader, accepts = Image.OPEN.get(format, (None, None))
        if accepts is None or not (accepted := accepts(start)):
            continue
        try:
            file.seek(0)
            reader(file, "").close()
            reason = accepted if isinstance(accepted, str) else "its header contradicts itself"
        except Exception as error:   # SyntaxError, struct.error, IndexError ...
            reason = f"{type(error).__name__}: {one_line(error)}"
        return PictureError(f"{name} cannot be read as a picture: it begins like {format}, but not as such a file goes "
                            f"on ({reason}); it is damaged, cut short or of a kind that is not read: replace or remove "
                            "it")
    return PictureError(f"{name} cannot be read as a picture: it does not begin like any format that is read; it is "
                        "damaged or something else: replace or remove it")


def pixels(image, name):
    """Decodes an opened image and turns it upright: uint8, or uint16 for 16-bit grey and portable pixmaps, [H, W, C].

    Raises:
      PictureError: values without a known range.
    """
    if image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM")):
        raise without_range(name, "floating point" if image.mode == "F" else "32-bit integer")
    if (deep := _portable_colours(image)) is not None:
        return deep
    image.load()
    orientation = image.getexif().get(ORIENTATION)   # none of a TIFF, which is turned by now
    if image.mode.startswith("I"):
        array = np.asarray(image).astype(np.uint16)
    else:
        grey = image.mode in ("1", "L", "LA", "La")
        mode = MODES[(1 if grey else 3) + image.has_transparency_data]
        array = np.array(image if image.mode == mode else image.convert(mode))
    return turned(array[..., None] if array.ndim == 2 else array, orientation)


def _portable_colours(image):
    """uint16 [H, W, 3] of a portable pixmap (P6) of more than 8 bits, of which Pillow keeps 8; None of others."""
    if image.format != "PPM" or image.mode != "RGB":
        return None
    (decoder, _, offset, further), = image.tile
    if decoder != "ppm" or (most := further[-1]) < 256:
        return None
    image.fp.seek(offset)
    size = image.height * image.width * 3
    data = image.fp.read(2 * size)
    if len(data) < 2 * size:
        raise ValueError(f"its pixels have {len(data)} bytes of {2 * size}")
    numbers = np.minimum(np.frombuffer(data, ">u2"), most).reshape(image.height, image.width, 3)
    return rescale(numbers.astype(np.uint16), most, 65535)


def has_further_frames(image):
    """Whether an opened image moves or is one of several; the previews in a camera's JPEG are not counted."""
    if image.format != "MPO":
        return getattr(image, "is_animated", False)
    return any("Multi-Frame" in entry["Attribute"]["MPType"] for entry in image.mpinfo[0xB002])
