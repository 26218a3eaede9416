"""16-bit TIFFs: kinds of colour, planes, compression."""
import io
import logging
import types

import numpy as np

from dynjax.files.inflation import check_inflated
from dynjax.files.messages import one_line
from dynjax.files.orientation import ORIENTATION, turned
from dynjax.files.pictures import PictureError, check_size, open_picture, sixteen_bit_grey, without_range

MIN_IS_WHITE, MIN_IS_BLACK, RGB, CMYK = 0, 1, 2, 5   # values of the tag PhotometricInterpretation
DEFLATED, LZMA, ZSTD = (8, 32946), 34925, 50000   # and of Compression


def read_deep_tiff(data, name):
    """The first page as uint16 [H, W, C], or None where it has 8 bits or fewer.

    Pillow does not know all of those that have 16.

    Args:
      data: the file's bytes. name: of the file, for messages.

    Raises:
      PictureError: values without a known range, a kind of colour or compression that is not read, or too large.
    """
    import tifffile

    # Of a damaged file it logs each tag, which Python prints where nobody asks for logs.
    if not (log := logging.getLogger("tifffile")).handlers:
        log.addHandler(logging.NullHandler())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if page.dtype is None or page.dtype in (np.uint8, np.bool_):
            return None
        if page.dtype != np.uint16:
            raise without_range(name, page.dtype)
        check_size(types.SimpleNamespace(width=page.imagewidth, height=page.imagelength), name)
        kind = page.photometric
        if page.bitspersample != 16 or kind not in (MIN_IS_WHITE, MIN_IS_BLACK, RGB, CMYK):
            colours = one_line(getattr(kind, "name", kind))
            raise PictureError(f"{name} is a TIFF of {page.bitspersample}-bit {colours}; wanted grey, RGB or CMYK of 8 "
                               "or 16 bits: convert it, best to a 16-bit PNG")
        if page.samplesperpixel not in (1, 2, 3, 4) or page.imagedepth != 1 or (
                kind == CMYK and page.samplesperpixel != 4):
            raise _wrong_shape(name, page.shape)
        _check_segments(page, data, name)
        orientation = page.tags.valueof(ORIENTATION)
        try:
            array = page.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):   # a package of decoders that tifffile asks for, LZW's among them
                raise
            return _by_pillow(data, name, page)
        if page.planarconfig == 2 and array.ndim == 3:   # one plane a channel
            array = np.moveaxis(array, 0, -1)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.size == 0 or array.shape[-1] not in (1, 2, 3, 4):
        raise _wrong_shape(name, array.shape)
    if kind == CMYK:   # by the plain formula, as Pillow converts 8 bits
        light = 1 - array / 65535
        array = np.rint(light[..., :3] * light[..., 3:] * 65535).astype(np.uint16)
    if kind == MIN_IS_WHITE:
        array = np.concatenate([65535 - array[..., :1], array[..., 1:]], -1)
    return turned(array, orientation)


def _wrong_shape(name, shape):
    return PictureError(f"{name} has a first page of shape {shape}; wanted [H, W, C], C from 1 to 4, 4 for CMYK: "
                        "convert it, best to a 16-bit PNG")


def _check_segments(page, data, name):
    """Refuses tiles that are too large, and strips or tiles that unpack to more than a picture."""
    check_size(types.SimpleNamespace(width=page.tilewidth, height=page.tilelength), name)
    if page.compression in (LZMA, ZSTD):
        raise PictureError(f"{name} is a 16-bit TIFF by {page.compression.name}, which is not decoded here; wanted "
                           "another compression: save it uncompressed or with deflate")
    if page.compression in DEFLATED:
        pixels = 2 * page.samplesperpixel * max(page.imagewidth * page.imagelength, page.tilewidth * page.tilelength)
        for start, length in zip(page.dataoffsets, page.databytecounts, strict=False):
            check_inflated([memoryview(data)[start:start + length]], pixels, name)


def _by_pillow(data, name, page):
    if page.samplesperpixel > 1:   # Pillow would keep 8 bits
        compression = getattr(page.compression, "name", page.compression)
        raise PictureError(f"{name} is a 16-bit TIFF of {page.samplesperpixel} channels by {compression}, which is not "
                           "decoded here; wanted grey or another compression: save it uncompressed or with deflate, "
                           "or install imagecodecs")
    with open_picture(io.BytesIO(data)) as image:
        return sixteen_bit_grey(image, name)[..., None]


def write_tiff(file, picture):
    """uint8 or uint16 [H, W, C], C from 1 to 4, deflated."""
    import tifffile

    channels = picture.shape[-1]
    array = picture[..., 0] if channels == 1 else picture
    tifffile.imwrite(file, array, photometric="rgb" if channels > 2 else "minisblack", compression="zlib",
                     planarconfig="contig", extrasamples=["unassalpha"] if channels in (2, 4) else None)
