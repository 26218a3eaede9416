"""Pictures as they are on disk: 8 or 16 bits, grey or colour, with or without transparency."""
import io
import os
import types
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from dynjax.files.atomic import write_atomically
from dynjax.files.pictures import PictureError, check_size, read_picture, sixteen_bit_grey, without_range

PNG = b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION = 274   # EXIF's and TIFF's tag
DEEP_ENDINGS = (".png", ".tif", ".tiff")
MIN_IS_WHITE, MIN_IS_BLACK, RGB, CMYK = 0, 1, 2, 5   # values of TIFF's tag PhotometricInterpretation
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
        if data.startswith(TIFF) and (deep := _read_tiff(data, name)) is not None:
            return deep
        with Image.open(io.BytesIO(data)) as image:
            check_size(image, name)
            if data.startswith(PNG) and data[24] == 16:   # the header's bit depth
                return _turned(_read_png(data), image.getexif().get(ORIENTATION))
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
        raise PictureError(f"{name} cannot be read as a picture ({type(error).__name__}: {error}); it is damaged, cut "
                           "short or of another format: replace or remove it") from error


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
        _write_tiff(buffer, picture)
    else:
        array = picture[..., 0] if picture.shape[-1] == 1 else picture
        try:
            Image.fromarray(array).save(buffer, format=Image.registered_extensions()[ending])
        except (OSError, ValueError) as error:   # most formats limit the size
            raise ValueError(f"{path}, of {picture.shape[1]} x {picture.shape[0]} pixels, cannot be written as "
                             f"{ending} ({error}); wanted what {ending} holds: write it as .png or .tif.") from error
    write_atomically(Path(path), buffer.getvalue())


def _read_png(data):
    import png  # Pillow keeps the upper 8 bits of 16-bit colour

    width, height, rows, info = png.Reader(bytes=data).read()
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


def _read_tiff(data, name):
    """The first page, or None where it has 8 bits or fewer; Pillow does not know all of those that have 16."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if page.dtype is None or page.dtype in (np.uint8, np.bool_):
            return None
        if page.dtype != np.uint16:
            raise without_range(name, page.dtype)
        check_size(types.SimpleNamespace(width=page.imagewidth, height=page.imagelength), name)
        kind = page.photometric
        if page.bitspersample != 16 or kind not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB, CMYK):
            raise PictureError(f"{name} is a TIFF of {page.bitspersample}-bit {getattr(kind, 'name', kind)}; wanted "
                               "grey, RGB or CMYK of 8 or 16 bits: convert it, best to a 16-bit PNG")
        orientation = page.tags.valueof(ORIENTATION)
        try:
            array = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):   # a package of decoders that tifffile asks for, LZW's among them
                raise
            return _read_tiff_by_pillow(data, name, page)
        if page.planarconfig == 2 and array.ndim == 3:   # one plane a channel
            array = np.moveaxis(array, 0, -1)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[-1] not in MODES or (kind == CMYK and array.shape[-1] != 4):
        raise PictureError(f"{name} has a first page of shape {array.shape}; wanted [H, W, C], C from 1 to 4, 4 for "
                           "CMYK: convert it, best to a 16-bit PNG")
    if kind == CMYK:   # by the plain formula, as Pillow converts 8 bits
        light = 1 - array / 65535
        array = np.rint(light[..., :3] * light[..., 3:] * 65535).astype(np.uint16)
    if kind == MIN_IS_WHITE:
        array = np.concatenate([65535 - array[..., :1], array[..., 1:]], -1)
    return _turned(array, orientation)


def _read_tiff_by_pillow(data, name, page):
    if page.samplesperpixel > 1:   # Pillow would keep 8 bits
        compression = getattr(page.compression, "name", page.compression)
        raise PictureError(f"{name} is a 16-bit TIFF of {page.samplesperpixel} channels by {compression}, which is not "
                           "decoded here; wanted grey or another compression: save it uncompressed or with deflate, "
                           "or install imagecodecs")
    with Image.open(io.BytesIO(data)) as image:
        return sixteen_bit_grey(image, name)[..., None]


def _turned(array, orientation):
    """[H, W, C] as it is to be seen: what ImageOps.exif_transpose does, for what Pillow does not hold."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array[::-1] if orientation in (3, 4, 7, 8) else array


def _write_tiff(file, picture):
    import tifffile

    channels = picture.shape[-1]
    array = picture[..., 0] if channels == 1 else picture
    tifffile.imwrite(file, array, photometric="rgb" if channels > 2 else "minisblack", compression="zlib",
                     planarconfig="contig", extrasamples=["unassalpha"] if channels in (2, 4) else None)
