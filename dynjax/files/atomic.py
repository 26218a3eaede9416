"""Writing a file in one step: it is there completely or not at all."""
import errno
import os
import tempfile
from pathlib import Path

from dynjax.files.messages import first_line, one_line

NAMED = 40   # characters of a file's name that its temporary one has


def write_atomically(path, data):
    """Writes bytes to `path`, through a temporary file beside it that is then renamed; makes missing folders."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of a name that is as long as names may be, a part.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:NAMED]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    fsync_path(path.parent)


def check_place(path, writer, *, ending=".png"):
    """Refuses a path where no file can be written, before the work of making its content is done.

    Args:
      path: where a file is to be written; missing folders may be missing.
      writer: the public function that was called, for errors.
      ending: of a name that it writes, for errors.

    Raises:
      ValueError: a folder, a name that no file may have, or something in the path that is no folder or in which
        nothing may be made.
    """
    path = Path(path)
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):   # told below
        pass
    except (OSError, ValueError) as error:   # too long; a zero byte
        raise ValueError(f"{writer} cannot write {one_line(path)} ({first_line(error)}); choose another name or "
                         "place") from None
    if path.is_dir():
        raise ValueError(f"{writer} got the folder {path}; wanted the path of a file: add a name with an ending, such "
                         f"as {ending}")
    parent = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not parent.is_dir():
        raise ValueError(f"{writer} cannot write {path}: {parent} is a file, not a folder; choose another place")
    try:
        tempfile.TemporaryFile(dir=parent).close()   # permissions alone do not tell
    except OSError as error:
        raise ValueError(f"{writer} cannot write {path}: nothing may be made in the folder {parent} "
                         f"({first_line(error)}); change its permissions or choose another place") from None


def fsync_path(path):
    """Waits until a file's content, or the names in a folder, would survive a power cut."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        if os.path.isdir(path):   # one in which files may be made but not listed
            return
        raise
    try:
        os.fsync(handle)
    except OSError as error:   # some file systems have it for no folder
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES) or not os.path.isdir(path):
            raise
    finally:
        os.close(handle)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
