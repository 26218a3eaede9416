"""Finds the images below a folder: follows links without going in circles, and says what could not be reached."""
import logging
import os
import re
import stat
from collections import deque
from pathlib import Path, PurePosixPath

from dynjax.files.pictures import is_picture

log = logging.getLogger("dynjax.data")

# What systems put beside data, lower case; names that begin with a dot are hidden anyway.
NO_DATA = {"__macosx", "@eadir", "@recycle", "#recycle", "#snapshot", "~snapshot", "@recently-snapshot", "$recycle.bin",
           "recycler", "recycled", "system volume information", "lost+found", "lost.dir", "__pycache__"}
SHOWN = 5


def is_hidden(path):
    """Whether a relative path lies in what systems hide: ".thumbnails/...", "__MACOSX/...", "@eaDir/..."."""
    parts = PurePosixPath(str(path).replace("\\", "/")).parts
    return any(part.startswith(".") or part.lower() in NO_DATA or re.fullmatch(r"found\.\d{3}", part.lower())
               for part in parts)


class FolderWalk:
    """The images in a folder and the folders below it, hidden ones and those of the system left out.

    Links to files and to folders are followed, wherever they lead; a folder within itself is entered once. Everything
    that is no link comes first, so that what is reached both ways has the path without a link. Two hard links are two
    files.

    Args:
      folder: where to begin, an existing folder.
      every_link: whether an image or folder that is reached several ways is there under each of its paths, as pairs
        need it, which go together by their names; otherwise it is there once.

    Attributes:
      found: relative paths of the images, with "/", sorted.
      broken: {relative path: why} of links that lead nowhere, folders and files that cannot be looked at.
      repeated: relative paths that lead to what is there already.

    Raises:
      OSError: the folder itself cannot be listed.
    """

    def __init__(self, folder, *, every_link=False):
        self.folder, self.every_link = str(folder), every_link
        self.found, self.broken, self.repeated = [], {}, []
        self._seen = set()                            # real paths
        self._folders, self._links = [], deque()      # (relative path, real path, real paths of the folders around it)
        os.scandir(self.folder).close()
        self._folders.append(("", os.path.realpath(self.folder), ()))
        while self._folders or self._links:
            if self._folders:
                self._enter(*self._folders.pop())
            else:
                self._follow(*self._links.popleft())
        self.found.sort()
        self.repeated.sort()

    def left_out(self):
        """What could not be reached, in words; "" where there is nothing."""
        return "" if not self.broken else _counted(
            len(self.broken), "entry that cannot be reached", "entries that cannot be reached",
            [f"{path}: {why}" for path, why in sorted(self.broken.items())])

    def warn(self):
        """Says in warnings of the logger "dynjax.data" what was left out and what is there once only, if anything."""
        if self.broken:
            log.warning("left out of %s: %s; mend or remove what is named, for the set is smaller than it looks",
                        self.folder, self.left_out())
        if self.repeated:
            log.warning("counted once in %s: %s", self.folder, _counted(
                len(self.repeated), "path leads to what is there already", "paths lead to what is there already",
                self.repeated))

    def _enter(self, relative, real, around):
        if real in around or (real in self._seen and not self.every_link):
            self.repeated.append(relative)
            return
        try:
            with os.scandir(self._path(relative)) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self.broken[relative] = f"a folder that cannot be opened ({error.strerror or error})"
            return
        self._seen.add(real)
        for entry in entries:
            if is_hidden(entry.name):
                continue
            path = f"{relative}/{entry.name}" if relative else entry.name
            place = path, os.path.join(real, entry.name), (*around, real)
            try:
                if entry.is_symlink():
                    self._links.append(place)
                elif entry.is_dir():
                    self._folders.append(place)
                elif is_picture(entry.name):
                    self._take(path, place[1], entry.stat())
            except OSError as error:
                self.broken[path] = f"it cannot be looked at ({error.strerror or error})"

    def _follow(self, path, real, around):
        try:
            status = os.stat(self._path(path))
        except OSError as error:
            self.broken[path] = f"a broken link to {_target(self._path(path))} ({error.strerror or error})"
            return
        real = os.path.realpath(real)
        if stat.S_ISDIR(status.st_mode):
            self._enter(path, real, around)
        elif is_picture(path):
            self._take(path, real, status)

    def _take(self, path, real, status):
        if not stat.S_ISREG(status.st_mode):
            self.broken[path] = "no file, in spite of its name"   # a pipe would be waited for
        elif real in self._seen and not self.every_link:
            self.repeated.append(path)
        else:
            self._seen.add(real)
            self.found.append(path)

    def _path(self, relative):
        return os.path.join(self.folder, relative)


def shortened(names):
    """The first few of many names, separated by commas."""
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def open_walk(folder, *, every_link=False):
    """The `FolderWalk` of a folder that a user named, which is made absolute.

    Raises:
      ValueError: no such folder, a file, one that cannot be listed.
    """
    path = Path(folder).expanduser()
    try:
        if path.is_file():
            raise ValueError(f"{path} is a file; wanted a folder of pictures or a .zip: give the folder it lies in")
        if not path.exists():
            link = f", a broken link to {_target(path)}" if path.is_symlink() else ""
            raise ValueError(f"there is no folder {path}{link}; check the path, which is taken from {Path.cwd()}")
        return FolderWalk(os.path.abspath(path), every_link=every_link)
    except OSError as error:
        raise ValueError(f"the folder {path} cannot be opened ({error.strerror or error}); wanted one that may be "
                         "read: check its permissions, and those of the folders around it") from error


def _target(path):
    try:
        return os.readlink(path)
    except OSError:
        return "somewhere"


def _counted(count, one, many, names):
    return f"{count} {one if count == 1 else many} ({shortened(names)})"
