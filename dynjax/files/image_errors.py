"""What is said of an image file that is not read, and the sizes that are refused before anything is decoded."""
from PIL import Image

from dynjax.files.messages import one_line


class PictureError(ValueError):
    """A picture that cannot be read; the message names it and says why."""


def check_size(width, height, name):
    """Refuses, before anything is decoded, what would fill the memory."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        raise too_large(name, f"{width} x {height} pixels, the limit is {limit}")


def too_large(name, why):
    """The error for an image of more pixels than PIL.Image.MAX_IMAGE_PIXELS."""
    return PictureError(f"{name} is too large to be decoded safely ({why}); if you trust it, raise the limit with "
                        "PIL.Image.MAX_IMAGE_PIXELS = ..., or cut it into parts")


def without_range(name, kind):
    """The error for floating point or wide integers."""
    return PictureError(f"{name} holds {kind} values, whose black and white are not known; wanted 8 or 16 bits: "
                        "scale it to 0..65535 and save it as a 16-bit PNG")


def damaged(name, why):
    """The error for a file that has a format that is read and breaks its rules."""
    return PictureError(f"{name} cannot be read as a picture ({one_line(why)}); it is damaged, cut short or of another "
                        "format: replace or remove it")
