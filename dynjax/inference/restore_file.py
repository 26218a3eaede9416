"""Restoration from an image file to an image file."""
import os

from dynjax.files import check_target, write_deep_picture
from dynjax.files.image_errors import PictureError
from dynjax.files.image_file import read_image_file
from dynjax.inference.restore import restore


def restore_file(network, variables, source, target, alpha=None, *, further=(), tile=None, overlap=None, multiple=None,
                 quality=None):
    """Reads a picture, restores it and writes it: 16 bits stay 16 bits, transparency is carried over.

    So are the colour profile, EXIF, XMP and the resolution, where the target's format has a place for them. What would
    no longer be true is not: the recorded rotation, which is applied, previews, and a profile of inks, for CMYK becomes
    RGB by the plain formula.

    Args:
      network: as for `restore`.
      variables: as for `restore`.
      source: path of the picture; of one only, see Raises.
      target: path to write to, which may be the same; its format is that of its ending.
      alpha: as for `restore`.
      further: as for `restore`.
      tile: as for `restore`.
      overlap: as for `restore`.
      multiple: as for `restore`.
      quality: as for `dynjax.files.write_deep_picture`.

    Raises:
      ValueError: as `restore`; a picture that cannot be read, or not be written in that format or place; a file of
        several pages or frames, of which only one would be restored. Previews do not count, neither in TIFFs nor in
        the JPEGs of cameras.
    """
    image = read_image_file(source, name=os.fspath(source), reader="read_deep_picture", with_metadata=True)
    if image.has_further:
        raise PictureError(f"{os.fspath(source)} holds several pages or frames, of which restore_file would restore "
                           "one; wanted a file of one picture: save its pages or frames as files of their own")
    picture = image.pixels
    check_target(target, picture, quality=quality)   # before a long computation is done in vain
    restored = restore(network, variables, picture, alpha, further=further, tile=tile, overlap=overlap,
                       multiple=multiple, name=source)
    write_deep_picture(target, restored, quality=quality, metadata=image.metadata.fitted(restored))
