"""Compressed pixels that are more than the picture has: refused before their memory is taken."""
import zlib

from dynjax.files.pictures import PictureError

AT_ONCE = 2**20   # bytes


def check_inflated(pieces, pixels, name):
    """Refuses deflated data that unpack to more than twice the bytes of a picture's pixels.

    A few hundred kilobytes can unpack to as many megabytes, which the decoders used here would hold and convert whole.

    Args:
      pieces: bytes, of one deflated stream. pixels: bytes that they should become. name: of the file.

    Raises:
      PictureError: they become more. zlib.error: damaged.
    """
    inflating, count = zlib.decompressobj(), 0
    for piece in pieces:
        while piece and not inflating.eof:
            count += len(inflating.decompress(piece, AT_ONCE))
            piece = inflating.unconsumed_tail
            if count > 2 * pixels + AT_ONCE:
                raise PictureError(f"{name} unpacks to more than the {pixels} bytes of its pixels; it is damaged or "
                                   "made to fill the memory: replace or remove it")
