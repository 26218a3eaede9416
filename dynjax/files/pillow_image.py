"""Images that Pillow decodes, in the formats of the known endings only."""
import contextlib
import io
import os
import re

import numpy as np
from PIL import Image, UnidentifiedImageError

from dynjax.files.image_errors import PictureError, check_size, too_large, without_range
from dynjax.files.image_metadata import BOUND
from dynjax.files.image_pixels import rescale
from dynjax.files.messages import one_line
from dynjax.files.orientation import ORIENTATION, turned

# Pillow's names of the formats that are read
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "DIB", "TIFF", "GIF", "PPM", "TGA", "JPEG2000", "AVIF")
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
# First bytes, any for "?", of formats that Pillow takes for none when more of the header is missing or wrong.
BEGINNINGS = {"JPEG": b"\xff\xd8", "GIF": b"GIF8", "WEBP": b"RIFF????WEBP", "AVIF": b"????ftypavi", "BMP": b"BM",
              "JPEG2000": b"\0\0\0\x0cjP  \r\n\x87\n"}


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
        return _begun(name, format, reason)
    for format, beginning in BEGINNINGS.items():
        alike = [known for known, byte in zip(beginning, start, strict=False) if known != ord("?")]
        if len(alike) > 1 and all(known in (ord("?"), byte) for known, byte in zip(beginning, start, strict=False)):
            return _begun(name, format, f"its header, {start!r}, is not whole")
    return PictureError(f"{name} cannot be read as a picture: it does not begin like any format that is read; it is "
                        "damaged or something else: replace or remove it")


def _begun(name, format, reason):
    return PictureError(f"{name} cannot be read as a picture: it begins like {format}, but not as such a file goes on "
                        f"({reason}); it is damaged, cut short or of a kind that is not read: replace or remove it")


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
    """uint16 [H, W, 3] of a portable pixmap (P3, P6) of more than 8 bits, of which Pillow keeps 8; None of others."""
    if image.format != "PPM" or image.mode != "RGB":
        return None
    (decoder, _, offset, further), = image.tile
    if decoder not in ("ppm", "ppm_plain") or (most := further[-1]) < 256:
        return None
    image.fp.seek(offset)
    size = image.height * image.width * 3
    if decoder == "ppm":
        data, length, unit = image.fp.read(2 * size), 2 * size, "bytes"
    else:
        data = re.sub(rb"#[^\r\n]*", b" ", image.fp.read()).split(maxsplit=size)[:size]
        length, unit = size, "numbers"
    if len(data) < length:
        raise ValueError(f"its pixels have {len(data)} {unit} of {length}")
    numbers = np.frombuffer(data, ">u2") if decoder == "ppm" else np.array([int(word) for word in data], np.uint32)
    numbers = np.minimum(numbers, most).reshape(image.height, image.width, 3)
    return rescale(numbers.astype(np.uint16), most, 65535)


def has_further_frames(image):
    """Whether an image, opened and not yet decoded, moves or is one of several.

    The previews in a camera's JPEG are not counted.
    """
    if image.format == "PPM":
        return _is_followed(image)
    if image.format != "MPO":
        return getattr(image, "is_animated", False)
    kinds = [entry["Attribute"]["MPType"] for entry in image.mpinfo[0xB002]]
    return any("Multi-Frame" in kind or (kind == "Undefined" and number and _is_of_one_size(image, number))
               for number, kind in enumerate(kinds))


def _is_of_one_size(image, number):
    """Whether a further image in a camera's JPEG is as large as the first, and no map of gains or depths to it."""
    if any(sign in image.info.get("xmp", b"") for sign in BOUND):
        return False
    size = image.size
    try:
        image.seek(number)
        return image.size == size
    except Exception:   # the first one is sound
        return False
    finally:
        image.seek(0)


def _is_followed(image):
    """Whether another portable pixmap stands behind this one, as in a stream of them; those in digits are single."""
    (decoder, _, offset, further), = image.tile
    if decoder == "ppm_plain":
        return False
    is_deep = further == "I;16B" or (decoder == "ppm" and further[-1] > 255)
    row = -(-image.width // 8) if image.mode == "1" else image.width * len(image.getbands()) * (1 + is_deep)
    image.fp.seek(offset + image.height * row)
    return re.match(rb"\s*P[1-6]\s", image.fp.read(16)) is not None
