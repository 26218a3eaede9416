"""How a camera was held, as EXIF and TIFF record it."""

ORIENTATION = 274   # the tag of both


def turned(array, orientation):
    """[H, W, C] as it is to be seen: what ImageOps.exif_transpose does, for what Pillow does not hold."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array[::-1] if orientation in (3, 4, 7, 8) else array
