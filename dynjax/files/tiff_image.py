"""TIFF: one page's pixels, of any depth up to 16 bits, kind of colour, order of planes and lossless compression."""
import contextlib
import logging
import math

import numpy as np

from dynjax.files.image_errors import PictureError, check_size, without_range
from dynjax.files.image_pixels import cmyk_to_rgb, rescale, unpremultiply
from dynjax.files.messages import one_line
from dynjax.files.orientation import ORIENTATION, turned
from dynjax.files.pillow_image import opened, pixels
from dynjax.files.tiff_segments import DEFLATE, LZMA, LZW, NONE, READ, ZSTD, decompress, samples

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
MIN_IS_WHITE, MIN_IS_BLACK, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6   # values of PhotometricInterpretation
COLOURS = {MIN_IS_WHITE: 1, MIN_IS_BLACK: 1, RGB: 3, PALETTE: 1, CMYK: 4}
UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2   # and of ExtraSamples
SEPARATE = 2   # of PlanarConfiguration
MOST_FURTHER = 4   # samples
REDUCED = 1    # the bit of NewSubfileType for a preview
MOST_PAGES = 64   # that are looked at


@contextlib.contextmanager
def opened_tiff(file):
    """tifffile's TiffFile of an open file, and the number of its image: the first page that is not a preview."""
    import tifffile

    # Of a damaged file it logs each tag, which Python prints where nobody asks for logs.
    if not (log := logging.getLogger("tifffile")).handlers:
        log.addHandler(logging.NullHandler())
    with tifffile.TiffFile(file) as tiff:
        number = 0
        if _is_preview(tiff.pages[0]):
            number = next((number for number, page in _pages(tiff) if not _is_preview(page)), 0)
        yield tiff, number


def has_further_pages(tiff, number):
    """Whether there is a page besides `number` that is not a preview, or further images behind its pixels."""
    return (any(other != number and not _is_preview(page) for other, page in _pages(tiff))
            or _is_stack(tiff, tiff.pages[number]))


def _is_stack(tiff, page):
    """Whether a page's description tells of more images than its tags, as ImageJ writes stacks of over 4 GB."""
    if not (page.is_imagej or page.is_shaped):
        return False
    try:
        return math.prod(tiff.series[0].shape) > math.prod(page.shape)
    except Exception:   # a damaged description
        return False


def _pages(tiff):
    for number in range(MOST_PAGES):
        try:
            yield number, tiff.pages[number]
        except Exception:   # there is none, or it is damaged
            return


def _is_preview(page):
    return bool(page.tags.valueof(254, 0) & REDUCED) or page.tags.valueof(255) == 2


def read_tiff(file, tiff, number, name):
    """Decodes a page and turns it upright.

    Colours that are stored multiplied by their alpha (ExtraSamples 1) are divided by it. Further samples that are
    said not to be alpha (ExtraSamples 0) are left out; a single one of which nothing is said is alpha.

    Args:
      file: open.
      tiff: tifffile's TiffFile of it.
      number: of the page.
      name: of the file, for messages.

    Returns:
      uint8, or uint16 where a sample has more than 8 bits, [H, W, C].

    Raises:
      PictureError: values without a known range, a kind of colour or compression that is not read, or too large. Other
        errors: damaged.
    """
    page = tiff.pages[number]
    check_size(page.imagewidth, page.imagelength, name)
    bits, kind = _bits(page), page.photometric
    if page.dtype is not None and (page.dtype.kind not in "ub" or page.dtype.itemsize > 2):
        raise without_range(name, page.dtype)
    if page.compression == LZMA:
        raise PictureError(f"{name} is a {bits}-bit TIFF by LZMA, which is not decoded here; wanted another "
                           "compression: save it uncompressed or with deflate")
    plain = (kind in COLOURS and _further(page) is not None and page.imagedepth == 1
             and page.compression in READ and 1 <= bits <= (8 if kind == PALETTE else 16))
    if not plain:
        return _by_pillow(file, page, number, bits, name)   # which turns it
    return turned(_converted(_samples(file, tiff, page, bits, name), page, bits), page.tags.valueof(ORIENTATION))


def _converted(array, page, bits):
    """Stored numbers [H, W, samples] as an image."""
    kind = page.photometric
    if kind == PALETTE:
        return _looked_up(array[..., 0], page)
    levels = 255 if bits <= 8 else 65535
    array = rescale(array, 2**bits - 1, levels)
    if kind == CMYK:
        return cmyk_to_rgb(array)
    further = _further(page)
    alphas = [at for at, meaning in enumerate(further, COLOURS[kind]) if meaning != UNSPECIFIED][:1]
    array = array[..., [*range(COLOURS[kind]), *alphas]]
    if alphas and further[alphas[0] - COLOURS[kind]] == ASSOCIATED:
        array = unpremultiply(array)
    return np.concatenate([levels - array[..., :1], array[..., 1:]], -1) if kind == MIN_IS_WHITE else array


def _further(page):
    """What each sample behind the colours means, a value of ExtraSamples; None where that is not to be told."""
    count = page.samplesperpixel - COLOURS[page.photometric]
    said = page.tags.valueof(338)
    said = () if said is None else said if isinstance(said, tuple) else (said,)
    if count == 1 and not said:
        said = (UNASSOCIATED,)   # as such files are meant
    if count not in range(MOST_FURTHER + 1) or len(said) < count or (page.photometric in (CMYK, PALETTE) and count):
        return None
    said = said[:count]
    # Grey with several channels of which nothing is said may be anything.
    is_grey = COLOURS[page.photometric] == 1
    return None if is_grey and count > 1 and not set(said) & {ASSOCIATED, UNASSOCIATED} else said


def _bits(page):
    """Bits a sample; 0 where they differ."""
    bits = page.tags.valueof(258, 1)
    bits = set(bits if isinstance(bits, tuple) else (bits,))
    return bits.pop() if len(bits) == 1 else 0


def _by_pillow(file, page, number, bits, name):
    """Decodes what has 8 bits and colours or a compression that only Pillow knows."""
    if bits > 8:
        colours = _named(page.photometric)
        if page.photometric not in COLOURS:
            raise PictureError(f"{name} is a TIFF of {bits}-bit {colours}; wanted grey, RGB or CMYK of 8 or 16 bits: "
                               "convert it, best to a 16-bit PNG")
        if page.compression not in READ:
            raise _undecoded(page, bits, "a codec that is not here", name)
        raise _wrong_shape(page, name)
    if page.photometric in (MIN_IS_WHITE, MIN_IS_BLACK) and page.samplesperpixel > 2:   # of which Pillow may take one
        raise _wrong_shape(page, name)
    if page.photometric == YCBCR and page.compression == NONE and page.is_subsampled:   # which Pillow takes for whole
        raise PictureError(f"{name} is an uncompressed TIFF of YCbCr with fewer colours than pixels, which is not "
                           "read; wanted RGB: convert it, best to a PNG")
    file.seek(0)
    with opened(file, name) as image:
        image.seek(number)
        check_size(image.width, image.height, name)
        return pixels(image, name)


def _wrong_shape(page, name):
    return PictureError(f"{name} has a first page of shape {page.shape}; wanted [H, W, C], C from 1 to 4, 4 for CMYK: "
                        "convert it, best to a 16-bit PNG")


def _named(value):
    """A tag's value by its name; in damaged files it may be any text or bytes."""
    return one_line(getattr(value, "name", value))


def _undecoded(page, bits, why, name):
    return PictureError(f"{name} is a {bits}-bit TIFF of {page.samplesperpixel} channels by "
                        f"{_named(page.compression)}, which cannot be decoded ({one_line(why)}); it is damaged, or of "
                        "a kind that is not read: save it uncompressed or with deflate")


def _samples(file, tiff, page, bits, name):
    """The page's numbers as they are stored, predictor undone, [H, W, samples]."""
    height, width, of_pixel = page.imagelength, page.imagewidth, page.samplesperpixel
    tall, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)
    check_size(wide, tall, name)
    if not (height and width and tall and wide):
        raise ValueError(f"its image has {width} x {height} pixels")
    planes = of_pixel if page.planarconfig == SEPARATE else 1
    in_plane = of_pixel // planes
    places = [(plane, top, left) for plane in range(planes) for top in range(0, height, tall)
              for left in range(0, width, wide)]
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
    if len(segments) < len(places):
        raise ValueError(f"it has {len(segments)} strips or tiles of {len(places)}")
    row_bytes = -(-wide * in_plane * bits // 8)
    array = None   # before a first strip or tile is there, the memory for all of them need not be
    is_reversed = page.tags.valueof(266) == 2
    predicted = page.predictor == 2 and page.compression in (LZW, *DEFLATE, ZSTD)   # which libtiff heeds there only
    if predicted and bits not in (8, 16):
        raise ValueError(f"it has differences of {bits}-bit numbers")
    for (plane, top, left), (offset, length) in zip(places, segments, strict=False):
        rows = tall if page.is_tiled else min(tall, height - top)
        file.seek(offset)
        # Without compression the length is known, and some files say a wrong one.
        data = file.read(length if page.compression != NONE else rows * row_bytes)
        try:
            data = decompress(data, page.compression, rows, row_bytes, name, is_reversed=is_reversed)
        except PictureError:
            raise
        except Exception as error:   # what the decoders say of damage
            if page.compression in (NONE, *DEFLATE):
                raise
            raise _undecoded(page, bits, error, name) from error
        segment = samples(data, rows, wide, in_plane, bits, tiff.byteorder)
        if array is None:
            array = np.empty((height, width, of_pixel), np.uint8 if bits <= 8 else np.uint16)
        if predicted:
            segment = np.cumsum(segment, axis=1, dtype=array.dtype)   # which wraps round
        array[top:top + rows, left:left + wide, plane:plane + in_plane] = segment[:height - top, :width - left]
    return array


def _looked_up(indices, page):
    """Palette indices [H, W] as RGB; the palette has 16 bits, of which the upper 8 count, as libtiff takes it."""
    colours = np.asarray(page.tags.valueof(320), np.uint16).reshape(3, -1).T
    colours = (colours >> 8 if colours.max(initial=0) > 255 else colours).astype(np.uint8)
    return colours[np.minimum(indices, len(colours) - 1)]
