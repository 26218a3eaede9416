"""Style pictures: a painting from a file or one of the drawn ones, at the size that the style is to be learned at."""
import os
from pathlib import Path

import numpy as np
from PIL import Image

from dynjax.data.drawn_styles import STYLES, draw_style
from dynjax.files.pictures import read_picture

DRAWN_SIZE = 256


def open_style(spec, size=None, *, square=False):
    """Opens a style picture.

    The size decides how large the brush strokes are in the result: the same painting at 256 and at 512 pixels is two
    styles.

    Args:
      spec: "drawn:NAME", one of `dynjax.data.drawn_styles.STYLES`, or the path of a picture file; grey, palettes,
        transparency and the like become RGB as `dynjax.files.pictures.read_picture` says.
      size: the shorter side is made this long and the ratio of the sides is kept (Lanczos); None leaves the picture as
        it is. A drawn one is square and is drawn at this size (256 where None), not resized.
      square: whether both sides become `size` and the ratio is lost, as in the published program of Dynamic-Net
        (Shoshan et al. 2019).

    Returns:
      float32, [H, W, 3], [0, 1].

    Raises:
      ValueError: an unknown drawing, a file that is missing or no picture, a size that is none.
    """
    if size is not None and (not isinstance(size, int | np.integer) or size < 16):
        raise ValueError(f"the style {os.fspath(spec)!r} was asked for at size={size!r}; wanted an integer of at least "
                         "16, or None to leave the picture as it is")
    if square and size is None:
        raise ValueError(f"the style {os.fspath(spec)!r} was asked for with square=True and no size; give the size of "
                         "the square, such as size=256")
    kind, _, name = os.fspath(spec).partition(":")
    if kind == "drawn":
        return _to_float(draw_style(name, size or DRAWN_SIZE))
    path = Path(spec).expanduser()
    if not path.is_file():
        drawn = ", ".join(f"drawn:{name}" for name in STYLES)
        raise ValueError(f"there is no style picture {os.fspath(spec)!r}; wanted the path of a picture file, which is "
                         f"taken from {Path.cwd()}, or one of {drawn}")
    picture = read_picture(path)
    if size is not None:
        height, width = picture.shape[:2]
        scale = size / min(height, width)
        wanted = (size, size) if square else (round(width * scale), round(height * scale))
        picture = np.asarray(Image.fromarray(picture).resize(wanted, Image.Resampling.LANCZOS))
    return _to_float(picture)


def _to_float(picture):
    return picture.astype(np.float32) / 255
