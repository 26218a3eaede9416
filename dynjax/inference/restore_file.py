"""Restoration from an image file to an image file."""
from dynjax.files import check_target, read_deep_picture, write_deep_picture
from dynjax.inference.restore import restore


def restore_file(network, variables, source, target, alpha=None, *, further=(), tile=None, overlap=None, multiple=None):
    """Reads a picture, restores it and writes it: 16 bits stay 16 bits, transparency is carried over.

    Args:
      source, target: paths; the format of the target is that of its ending. The others as for `restore`.

    Raises:
      ValueError: as `restore`; a picture that cannot be read, or not be written in that format.
    """
    picture = read_deep_picture(source)
    check_target(target, picture)   # before a long computation is done in vain
    write_deep_picture(target, restore(network, variables, picture, alpha, further=further, tile=tile,
                                       overlap=overlap, multiple=multiple, name=source))
