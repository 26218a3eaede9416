"""Inflating deflated pixels and texts within a given number of bytes."""
import zlib

from dynjax.files.image_errors import PictureError

AT_ONCE = 2**20   # bytes


def inflate(pieces, size, pixels, name):
    """Inflates what an image needs of its deflated pixels; refuses what unpacks to more than twice as much.

    A few hundred kilobytes can unpack to as many megabytes, which the decoders used here would hold and convert whole.

    Args:
      pieces: bytes, of one deflated stream.
      size: bytes that are needed; what follows them is left out.
      pixels: bytes of the image's pixels, for the message.
      name: of the file.

    Returns:
      A bytearray of `size` bytes.

    Raises:
      PictureError: they unpack to much more.
      ValueError: they unpack to less.
      zlib.error: damaged, as their checksum may say.
    """
    inflating, needed, count = zlib.decompressobj(), bytearray(), 0
    for piece in pieces:
        while piece and not inflating.eof:
            part = inflating.decompress(piece, AT_ONCE)
            needed += part[:size - len(needed)]
            count += len(part)
            piece = inflating.unconsumed_tail
            if count > 2 * size + AT_ONCE:
                raise PictureError(f"{name} unpacks to more than the {pixels} bytes of its pixels; it is damaged or "
                                   "made to fill the memory: replace or remove it")
    if len(needed) < size:
        raise ValueError(f"its pixels unpack to {len(needed)} bytes of {size}")
    return needed


def inflate_text(data, most):
    """Inflates a text or profile; None where it is damaged or has more than `most` bytes."""
    inflating = zlib.decompressobj()
    try:
        text = inflating.decompress(data, most)
    except zlib.error:
        return None
    return text if inflating.eof else None
