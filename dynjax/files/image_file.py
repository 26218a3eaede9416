"""One reader for all image files: pixels as they are, and what the file says about them."""
import contextlib
import dataclasses
import io
import os

import numpy as np

from dynjax.files import image_metadata, pillow_image, png_image, tiff_image
from dynjax.files.image_errors import PictureError, damaged
from dynjax.files.orientation import turned

PNG = b"\x89PNG"


@dataclasses.dataclass
class ImageFile:
    """An image as it is in its file.

    Attributes:
      pixels: uint8 or uint16, [H, W, C]: C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. Upright.
      metadata: image_metadata.Metadata; None where it was not asked for.
      has_further: whether the file holds further images, pages or frames, of which these pixels are not.
    """
    pixels: np.ndarray
    metadata: image_metadata.Metadata | None = None
    has_further: bool = False


def read_image_file(path_or_file, *, name, reader, with_metadata=False):
    """Reads an image without taking anything away; all that the library reads comes through here.

    Args:
      path_or_file: a path, or a binary file open for reading.
      name: what to call the image in errors.
      reader: the public function that was called, for errors.
      with_metadata: also find out what the file says about its pixels, and whether it holds further images.

    Returns:
      ImageFile.

    Raises:
      PictureError: see `read_picture`.
    """
    try:
        with _opened(path_or_file, name, reader) as file:
            return _read(file, name, with_metadata)
    except PictureError:
        raise
    except Exception as error:   # damaged files raise almost anything: OSError, SyntaxError, struct.error, KeyError ...
        said = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise damaged(name, said) from error


def _read(file, name, with_metadata):
    start = file.read(8)
    file.seek(0)
    if start.startswith(PNG):
        chunks = png_image.read_chunks(file)
        pixels = turned(png_image.read_png(chunks, name), image_metadata.png_orientation(chunks))
        return ImageFile(pixels, image_metadata.of_png(chunks) if with_metadata else None, chunks.has_further_frames)
    if start.startswith(tiff_image.SIGNATURES):
        with tiff_image.opened_tiff(file) as (tiff, number):
            pixels = tiff_image.read_tiff(file, tiff, number, name)
            if not with_metadata:
                return ImageFile(pixels)
            return ImageFile(pixels, image_metadata.of_tiff(file, tiff.pages[number].offset),
                             tiff_image.has_further_pages(tiff, number))
    with pillow_image.opened(file, name) as image:
        has_further = with_metadata and pillow_image.has_further_frames(image)
        pixels = pillow_image.pixels(image, name)
        return ImageFile(pixels, image_metadata.of_pillow(image) if with_metadata else None, has_further)


@contextlib.contextmanager
def _opened(path_or_file, name, reader):
    """An open file at its beginning that finds no memory for more than it has."""
    if not isinstance(path_or_file, str | os.PathLike):
        if hasattr(path_or_file, "seek"):   # as Pillow does where it can
            with contextlib.suppress(OSError):
                path_or_file.seek(0)
        yield io.BytesIO(path_or_file.read())
        return
    try:
        file = pillow_image.PictureFile(path_or_file)
    except FileNotFoundError:
        raise PictureError(f"{reader} found no file {name}; check the path") from None
    except IsADirectoryError:
        raise PictureError(f"{reader} got the folder {name}; wanted one picture: give the pictures in it one by "
                           "one") from None
    except OSError as error:
        raise PictureError(f"{reader} cannot open {name} ({error.strerror}); check its path and permissions") from None
    with file:
        yield file
