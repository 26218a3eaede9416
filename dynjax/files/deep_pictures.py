"""Pictures as they are on disk: 8 or 16 bits, grey or colour, with or without transparency."""
import os
from pathlib import Path

import numpy as np
from PIL import Image

from dynjax.files.atomic import check_place, write_atomically
from dynjax.files.image_encoding import LOSSY, encoded
from dynjax.files.image_file import read_image_file

DEEP_ENDINGS = (".png", ".tif", ".tiff")
KINDS = {1: "grey", 2: "grey with transparency", 3: "RGB", 4: "RGB with transparency"}
CHANNELS = {   # that Pillow writes without losing one; not all endings that it reads
    **dict.fromkeys((".png", ".tif", ".tiff", ".webp", ".tga", ".jp2", ".avif"), (1, 2, 3, 4)),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".ppm", ".pnm", ".gif"), (1, 3)),
    ".pgm": (1,)}


def read_deep_picture(path):
    """Reads a picture without taking anything away.

    16-bit PNG, TIFF and PPM keep their bits, and so does 16-bit grey of other formats; of the rest Pillow reads 8.
    Numbers of 9 to 15 bits are scaled to 16. Palettes are looked up, a colour that stands for transparency becomes an
    alpha channel, CMYK is converted, the rotation that a camera recorded is applied. Colours that a TIFF stores
    multiplied by their alpha are divided by it; a fourth sample (a second of grey) that a TIFF says not to be alpha is
    left out.
    Of several pages or frames the first is taken, as `read_picture` says it.

    Args:
      path: of the file.

    Returns:
      uint8 or uint16, [H, W, C]: C is 1 grey, 2 grey and transparency, 3 RGB, 4 RGB and transparency.

    Raises:
      PictureError (a ValueError): absent, a folder, damaged, no picture, values without a known range (floating
        point, 32-bit integers), or too large, as `read_picture` says it.
    """
    return read_image_file(path, name=os.fspath(path), reader="read_deep_picture").pixels


def check_target(path, picture, *, quality=None):
    """Refuses a target that `write_deep_picture` cannot write, before the work of making its picture is done.

    Args:
      path: where the picture is to be written.
      picture: it, or another of its type and channels, [H, W, C].
      quality: as for `write_deep_picture`.

    Raises:
      ValueError: another type or shape, a format that cannot hold it, a quality that it does not have, or a place where
        no file can be written.
    """
    ending, depth, shape = Path(path).suffix.lower(), picture.dtype.newbyteorder("="), picture.shape
    if depth not in (np.uint8, np.uint16):
        raise ValueError(f"write_deep_picture got {depth} for {path}; wanted uint8 or uint16.")
    if len(shape) != 3 or shape[-1] not in KINDS or 0 in shape:
        raise ValueError(f"write_deep_picture got shape {shape} for {path}; wanted [H, W, C], C from 1 to 4.")
    check_place(path, "write_deep_picture")
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
    if quality is None:
        return
    if ending not in LOSSY:
        raise ValueError(f"write_deep_picture got quality={quality!r} for {path}, but {ending} is written without "
                         f"loss; leave quality out, or choose one of {', '.join(LOSSY)}.")
    if isinstance(quality, bool) or not isinstance(quality, int | np.integer) or not 1 <= quality <= 100:
        raise ValueError(f"write_deep_picture got quality={quality!r} for {path}; wanted a whole number from 1 to 100.")


def write_deep_picture(path, picture, *, quality=None, metadata=None):
    """Writes a picture in the format of the path's ending.

    Args:
      path: where to; missing folders are made. 16 bits need .png, .tif or .tiff. A .gif has 256 colours at most.
      picture: uint8 or uint16, [H, W, C], C as `read_deep_picture` gives it.
      quality: of .jpg, .webp and .avif, 1 to 100. By default .jpg and .avif have 95 and .webp is lossless, for lossy
        WebP halves the resolution of colours at any quality; .jpg and .avif keep it.
      metadata: what to say of the picture, dynjax.files.image_metadata.Metadata that is true of it; what the format
        has no place for is left out.

    Raises:
      ValueError: another type or shape, a format that cannot hold it, a quality that it does not have, or a place where
        no file can be written.
    """
    picture, ending = np.asarray(picture), Path(path).suffix.lower()
    check_target(path, picture, quality=quality)
    picture = np.ascontiguousarray(picture, picture.dtype.newbyteorder("="))
    try:
        data = encoded(picture, ending, quality, metadata)
    except (OSError, ValueError) as error:   # most formats limit the size
        raise ValueError(f"{path}, of {picture.shape[1]} x {picture.shape[0]} pixels, cannot be written as {ending} "
                         f"({error}); wanted what {ending} holds: write it as .png or .tif.") from error
    write_atomically(Path(path), data)
