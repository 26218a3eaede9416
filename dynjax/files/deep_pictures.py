"""Pictures as they are on disk: 8 or 16 bits, grey or colour, with or without transparency."""
import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dynjax.files.atomic import write_atomically
from dynjax.files.deep_tiff import read_deep_tiff, write_tiff
from dynjax.files.inflation import check_inflated
from dynjax.files.messages import one_line
from dynjax.files.orientation import ORIENTATION, turned
from dynjax.files.pictures import PictureError, check_size, open_picture, read_picture, sixteen_bit_grey

PNG = b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DEEP_ENDINGS = (".png", ".tif", ".tiff")
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
KINDS = {1: "grey", 2: "grey with transparency", 3: "RGB", 4: "RGB with transparency"}
CHANNELS = {   # that Pillow writes without losing one; not all endings that it reads
    **dict.fromkeys((".png", ".tif", ".tiff", ".webp", ".tga", ".jp2", ".avif"), (1, 2, 3, 4)),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".ppm", ".pnm", ".gif"), (1, 3)),
    ".pgm": (1,)}


def read_deep_picture(path):
    """Reads a picture without taking anything away.

    16-bit PNG and TIFF keep their bits, and so does 16-bit grey of other formats; of the rest Pillow reads 8.
    Palettes are looked up, a colour that stands for transparency becomes an alpha channel, CMYK is converted, the
    rotation that a camera recorded is applied.

    Args:
      path: of the file.

    Returns:
      uint8 or uint16, [H, W, C]: C is 1 grey, 2 grey and transparency, 3 RGB, 4 RGB and transparency.

    Raises:
      PictureError (a ValueError): absent, a folder, damaged, no picture, values without a known range (floating
        point, 32-bit integers), or too large, as `read_picture` says it.
    """
    name = os.fspath(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise PictureError(f"read_deep_picture found no file {name}; check the path") from None
    except IsADirectoryError:
        raise PictureError(f"read_deep_picture got the folder {name}; wanted one picture: give the pictures in it one "
                           "by one") from None
    try:
        if data.startswith(TIFF) and (deep := read_deep_tiff(data, name)) is not None:
            return deep
        with open_picture(io.BytesIO(data)) as image:
            check_size(image, name)
            if data.startswith(PNG) and data[24] == 16:   # the header's bit depth
                return turned(_read_png(data, name), image.getexif().get(ORIENTATION))
            image.load()
            if (deep := sixteen_bit_grey(image, name)) is not None:
                return deep[..., None]
            if image.format == "PNG" and image.mode == "L" and "transparency" in image.info:
                image.info["transparency"] *= 255 // (2 ** data[24] - 1)   # Pillow scales the pixels only
            image = ImageOps.exif_transpose(image)
            grey = image.mode in ("1", "L", "LA", "La")
            array = np.array(image.convert(MODES[(1 if grey else 3) + image.has_transparency_data]))
            return array[..., None] if array.ndim == 2 else array
    except PictureError:
        raise
    except Exception as error:   # damaged files raise almost anything
        read_picture(io.BytesIO(data), name=name)   # says it in its own words, where it cannot read it either
        raise PictureError(f"{name} cannot be read as a picture ({type(error).__name__}: {one_line(error)}); it is "
                           "damaged, cut short or of another format: replace or remove it") from error


def check_target(path, picture):
    """Refuses a target that `write_deep_picture` cannot write, before the work of making its picture is done.

    Args:
      path: where the picture is to be written.
      picture: it, or another of its type and channels, [H, W, C].

    Raises:
      ValueError: another type or shape, or a format that cannot hold it.
    """
    ending, depth, shape = Path(path).suffix.lower(), picture.dtype, picture.shape
    if depth not in (np.uint8, np.uint16):
        raise ValueError(f"write_deep_picture got {depth} for {path}; wanted uint8 or uint16.")
    if len(shape) != 3 or shape[-1] not in MODES or 0 in shape:
        raise ValueError(f"write_deep_picture got shape {shape} for {path}; wanted [H, W, C], C from 1 to 4.")
    # Pillow may be built without WebP or AVIF.
    if ending not in CHANNELS or Image.registered_extensions().get(ending) not in Image.SAVE:
        raise ValueError(f"write_deep_picture cannot write {ending or 'a name without ending'}, which came as {path}; "
                         f"wanted one of {', '.join(CHANNELS)}.")
    if depth == np.uint16 and ending not in DEEP_ENDINGS:
        raise ValueError(f"the picture for {path} has 16 bits a channel, and {ending} cannot hold 16 bits; wanted "
                         f"{', '.join(DEEP_ENDINGS[:-1])} or {DEEP_ENDINGS[-1]}.")
    if shape[-1] not in CHANNELS[ending]:
        raise ValueError(f"the picture for {path} is {KINDS[shape[-1]]}; wanted "
                         f"{' or '.join(KINDS[channels] for channels in CHANNELS[ending])} for {ending}: give the "
                         "target another ending, such as .png.")


def write_deep_picture(path, picture):
    """Writes a picture in the format of the path's ending.

    Args:
      path: where to; missing folders are made. 16 bits need .png, .tif or .tiff. A .gif has 256 colours at most.
      picture: uint8 or uint16, [H, W, C], C as `read_deep_picture` gives it.

    Raises:
      ValueError: another type or shape, or a format that cannot hold it.
    """
    picture, ending = np.ascontiguousarray(picture), Path(path).suffix.lower()
    check_target(path, picture)
    buffer = io.BytesIO()
    if picture.dtype == np.uint16 and ending == ".png":
        _write_png(buffer, picture)
    elif ending in (".tif", ".tiff"):
        write_tiff(buffer, picture)
    else:
        array = picture[..., 0] if picture.shape[-1] == 1 else picture
        try:
            Image.fromarray(array).save(buffer, format=Image.registered_extensions()[ending])
        except (OSError, ValueError) as error:   # most formats limit the size
            raise ValueError(f"{path}, of {picture.shape[1]} x {picture.shape[0]} pixels, cannot be written as "
                             f"{ending} ({error}); wanted what {ending} holds: write it as .png or .tif.") from error
    write_atomically(Path(path), buffer.getvalue())


def _read_png(data, name):
    import png  # Pillow keeps the upper 8 bits of 16-bit colour

    width, height, rows, info = png.Reader(bytes=data).read()
    deflated = (content for kind, content in png.Reader(bytes=data).chunks() if kind == b"IDAT")
    check_inflated(deflated, 2 * width * height * info["planes"], name)
    array = np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, info["planes"])
    if "transparent" not in info:
        return array
    opaque = np.any(array != np.array(info["transparent"], np.uint16), axis=-1, keepdims=True)
    return np.concatenate([array, np.uint16(65535) * opaque], -1)


def _write_png(file, picture):
    import png

    height, width, channels = picture.shape
    writer = png.Writer(width, height, bitdepth=16, greyscale=channels < 3, alpha=channels in (2, 4))
    writer.write(file, picture.reshape(height, width * channels))
