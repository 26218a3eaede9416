"""PNG: the chunks that make the pixels, whatever is wrong with the others, and the chunks that describe them."""
import dataclasses
import io
import struct
import zlib

import numpy as np

from dynjax.files.image_errors import check_size
from dynjax.files.image_pixels import rescale
from dynjax.files.inflation import inflate
from dynjax.files.pillow_image import opened

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6   # colour types
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}
# Adam7: first column and row of each pass, and their steps
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
DESCRIBING = (b"iCCP", b"eXIf", b"pHYs", b"iTXt", b"zTXt", b"tEXt")


@dataclasses.dataclass
class PngChunks:
    """What a PNG holds. Texts and profiles are as they lie in the file, deflated."""
    header: tuple = ()   # width, height, bits a sample, colour type, compression, filter, interlacing
    palette: bytes = b""
    transparency: bytes | None = None
    pixels: list = dataclasses.field(default_factory=list)   # bytes, one deflated stream
    describing: list = dataclasses.field(default_factory=list)   # (kind, content)
    has_further_frames: bool = False


def read_chunks(file):
    """Reads the chunks of a PNG as PngChunks.

    Those without which there are no pixels must be whole. Of the others those with a wrong checksum are passed over, as
    libpng does, and so is damage behind the pixels.

    Args:
      file: open at its beginning.

    Raises:
      ValueError: in words that follow the file's name: damaged or cut short.
    """
    if file.read(8) != SIGNATURE:
        raise ValueError("it begins like PNG, but its signature is not whole, as when line ends were converted")
    chunks = PngChunks()
    while True:
        start = file.read(8)
        if len(start) < 8:
            break
        length, kind = struct.unpack(">I4s", start)
        if kind == b"IEND":
            break
        if kind not in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", *DESCRIBING):
            chunks.has_further_frames |= kind == b"fdAT"
            file.seek(length + 4, io.SEEK_CUR)
            continue
        content = file.read(length)
        if len(content) < length:
            if kind == b"IDAT" or not chunks.pixels:
                raise ValueError(f"it ends within its chunk {kind.decode()}, which claims {length} bytes and has "
                                 f"{len(content)}")
            break
        sound = file.read(4) == struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
        if kind == b"IDAT":   # which have a checksum of their own, deflated
            chunks.pixels.append(content)
        elif kind in (b"IHDR", b"PLTE"):
            if not sound:
                raise ValueError(f"its chunk {kind.decode()} has a wrong checksum")
            if kind == b"PLTE":
                chunks.palette = content
            elif length != 13:
                raise ValueError(f"its header has {length} bytes, not 13")
            else:
                chunks.header = struct.unpack(">IIBBBBB", content)
        elif sound and kind == b"tRNS":
            chunks.transparency = content
        elif sound:
            chunks.describing.append((kind, content))
    if not chunks.header:
        raise ValueError("it begins like PNG, but has no header")
    if not chunks.pixels:
        raise ValueError("it ends before its pixels")
    return chunks


def read_png(chunks, name):
    """Decodes the pixels; of an animation, those of the image that readers without animation show.

    Args:
      chunks: PngChunks.
      name: of the file, for messages.

    Returns:
      uint8, or uint16 where the file has 16 bits, [H, W, C], not yet turned.

    Raises:
      PictureError: too large or no such PNG. Other errors: damaged.
    """
    width, height, depth, colour, *_ = chunks.header
    if depth == 16 and colour in SAMPLES and colour != PALETTE:
        check_size(width, height, name)
        return _with_transparent_colour(_sixteen_bits(chunks, name), chunks)
    palette = chunk(b"PLTE", chunks.palette) if colour == PALETTE else b""
    array = _by_pillow(chunks.header, b"".join([palette, *(chunk(b"IDAT", part) for part in chunks.pixels)]), name)
    if colour == PALETTE:
        return _looked_up(array[..., 0], chunks)
    return _with_transparent_colour(array, chunks)


def chunk(kind, content):
    """The bytes of a chunk: length, kind, content, checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _by_pillow(header, chunks, name):
    """uint8 [H, W, C] of a PNG of up to 8 bits; indices where it has a palette."""
    data = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", *header)) + chunks + chunk(b"IEND", b"")
    with opened(io.BytesIO(data), name) as image:
        array = np.array(image)
    array = array * np.uint8(255) if array.dtype == bool else array
    return array[..., None] if array.ndim == 2 else array


def _sixteen_bits(chunks, name):
    """Decodes the upper and the lower bytes as two PNGs of 8 bits.

    Pillow keeps the upper ones only, and pypng takes seconds a megapixel. The filters of PNG bind each byte to those of
    the same place in the pixels around it, so that the two are independent of each other.
    """
    width, height, _, colour, compression, filtering, interlaced = chunks.header
    samples = SAMPLES[colour]
    sides = [(width, height)]
    if interlaced:
        sides = [(-((x - width) // across), -((y - height) // down)) for x, y, across, down in PASSES]
    sides = [(columns, rows) for columns, rows in sides if columns > 0 and rows > 0]
    size = sum(rows * (1 + 2 * samples * columns) for columns, rows in sides)
    lines = np.frombuffer(inflate(chunks.pixels, size, 2 * samples * width * height, name), np.uint8)
    halves, at = ([], []), 0
    for columns, rows in sides:
        end = at + rows * (1 + 2 * samples * columns)
        of_pass = lines[at:end].reshape(rows, -1)
        for half, first in zip(halves, (1, 2), strict=True):
            half.append(np.concatenate([of_pass[:, :1], of_pass[:, first::2]], 1).tobytes())
        at = end
    header = width, height, 8, colour, compression, filtering, interlaced
    upper, lower = (_by_pillow(header, chunk(b"IDAT", zlib.compress(b"".join(half), 0)), name) for half in halves)
    return upper.astype(np.uint16) << 8 | lower


def _looked_up(indices, chunks):
    """Palette indices [H, W] as RGB, or RGBA where an entry is transparent; indices behind the palette are black."""
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 3] = 255
    count = min(256, len(chunks.palette) // 3)
    entries = np.frombuffer(chunks.palette, np.uint8, 3 * count).reshape(-1, 3)
    if not count:
        raise ValueError("it has no palette")
    colours[:count, :3] = entries
    if chunks.transparency is None:
        return colours[indices, :3]
    opacities = np.frombuffer(chunks.transparency[:256], np.uint8)
    colours[:len(opacities), 3] = opacities
    return colours[indices]


def _with_transparent_colour(array, chunks):
    """Appends an alpha channel that is 0 where a pixel has the colour that the chunk tRNS names, if it names one."""
    _, _, depth, colour, *_ = chunks.header
    key = chunks.transparency
    if key is None or colour not in (GREY, RGB) or len(key) < 2 * SAMPLES[colour]:
        return array
    levels, top = 2**depth - 1, np.iinfo(array.dtype).max
    key = rescale(np.frombuffer(key, ">u2", SAMPLES[colour]) & levels, levels, top)   # its upper bits mean nothing
    alpha = np.where(np.any(array != key, axis=-1, keepdims=True), top, 0).astype(array.dtype)
    return np.concatenate([array, alpha], -1)
