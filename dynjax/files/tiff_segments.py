"""The strips and tiles of a TIFF, decompressed within the bytes that they should have."""
import io
import struct

import numpy as np
from PIL import TiffImagePlugin

from dynjax.files.inflation import inflate

NONE, LZW, PACKBITS = 1, 5, 32773   # values of the tag Compression
DEFLATE, LZMA, ZSTD = (8, 32946), 34925, 50000
READ = (NONE, LZW, *DEFLATE, PACKBITS, ZSTD)
MOST_SMALLER = 2600   # LZW: 3838 bytes are the most that a code of 12 bits stands for
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def decompress(data, compression, rows, row_bytes, name, *, is_reversed=False):
    """Decompresses one strip or tile to rows * row_bytes bytes.

    Args:
      data: bytes of the file.
      compression: of READ.
      rows: of the strip or tile.
      row_bytes: bytes of each, once decompressed.
      name: of the file, for messages.
      is_reversed: the tag FillOrder is 2, which turns the bits of each byte round.

    Raises:
      PictureError: deflated data that unpack to far more. Other errors: damaged or cut short.
    """
    data, size = data.translate(REVERSED) if is_reversed else data, rows * row_bytes
    if compression in DEFLATE:
        return inflate([data], size, size, name)
    if compression in (LZW, PACKBITS) and size > MOST_SMALLER * len(data):
        raise ValueError(f"a strip or tile has {len(data)} bytes for {size}")
    if compression != NONE:
        return _by_libtiff(data, compression, rows, row_bytes)
    if len(data) < size:
        raise ValueError(f"a strip or tile has {len(data)} bytes of {size}")
    return data


def _by_libtiff(data, compression, rows, row_bytes):
    """Decompresses as 8-bit grey, whatever the bytes stand for: Pillow's libtiff has the codecs, not all the pixels."""
    tags = ((256, row_bytes), (257, rows), (258, 8), (259, compression), (262, 1), (273, 8), (277, 1), (278, rows),
            (279, len(data)))
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    padded = data + bytes(len(data) % 2)
    file = b"II*\0" + struct.pack("<I", 8 + len(padded)) + padded + directory + bytes(4)
    with TiffImagePlugin.TiffImageFile(io.BytesIO(file)) as image:   # Image.open would count bytes as pixels
        return np.asarray(image).tobytes()


def samples(data, rows, columns, count, bits, byteorder):
    """Unpacks decompressed bytes as whole numbers, [rows, columns, count].

    Args:
      data: bytes.
      rows, columns: of the strip or tile.
      count: samples a pixel.
      bits: of a sample, 1 to 16. Those of other than 8 and 16 lie side by side, each row from a whole byte on.
      byteorder: of the file, "<" or ">".
    """
    if bits in (8, 16):
        return np.frombuffer(data, f"{byteorder}u{bits // 8}", rows * columns * count).reshape(rows, columns, count)
    width = columns * count
    packed = np.frombuffer(data, np.uint8, rows * -(-width * bits // 8)).reshape(rows, -1)
    bit = np.unpackbits(packed, axis=1, count=width * bits).reshape(rows, width, bits)
    numbers = np.zeros((rows, width), np.uint8 if bits <= 8 else np.uint16)
    for place in range(bits):
        numbers = numbers << 1 | bit[..., place]
    return numbers.reshape(rows, columns, count)
