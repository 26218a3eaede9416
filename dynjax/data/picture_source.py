"""What every source of pictures is: random access by index, a name a picture, unreadable ones passed over."""
import logging
import os
import threading
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np

from dynjax.data.folder_walk import open_walk
from dynjax.files.pictures import PictureError, read_picture

log = logging.getLogger("dynjax.data")


class PictureSource:
    """Pictures by index; may be pickled and read from several threads.

    `source[i]` is uint8 [H, W, 3]; of pairs, which have `channels` 6, [H, W, 6]. A picture that cannot be read is
    replaced by the next readable one (the first follows the last), so that the same index always gives the same pixels;
    it is named in one warning of the logger "dynjax.data" and counted in `skipped`. `read(i)` is picture i itself or a
    PictureError.

    A subclass gives `description` (its repr, the same whenever the same thing is opened), `names` (a string a
    picture, each once: the stem of the file's name where that is enough) and `read`. Where pictures are described, as
    faces are, `attribute_names` says by what, and `attributes`, int8 [N, A], is 1 where a picture has it, -1 where not.
    """
    channels = 3
    attribute_names = ()
    attributes = None

    def __init__(self, description, names):
        self.description = description
        self.names = tuple(names)
        self._unreadable = set()
        self._lock = threading.Lock()

    def __len__(self):
        return len(self.names)

    def __repr__(self):
        return f"{self.description}, {len(self)} pictures"

    def __getitem__(self, index):
        index = range(len(self))[index]   # negative ones count from the end; IndexError past it
        for offset in range(len(self)):
            actual = (index + offset) % len(self)
            if actual in self._unreadable:
                continue
            try:
                return self.read(actual)
            except PictureError as error:
                self.skip(actual, error)
        raise PictureError(f"none of the pictures of {self!r} can be read, the reasons are in the warnings above; "
                           "check that the files are complete, or give another source")

    def read(self, index):
        """Picture `index` as uint8 [H, W, 3]; PictureError where it cannot be read."""
        raise NotImplementedError

    def skip(self, index, error):
        """Notes that picture `index` cannot be read: a warning the first time, and one more in `skipped`."""
        with self._lock:
            new = index not in self._unreadable
            self._unreadable.add(index)
        if new:
            log.warning("left out: %s", error)

    @property
    def skipped(self):
        """How many pictures were found unreadable so far."""
        return len(self._unreadable)

    def __getstate__(self):
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._lock = threading.Lock()


class FileSource(PictureSource):
    """Pictures in files: `paths` in the order given, made absolute; `names` one each."""

    def __init__(self, description, paths, names):
        super().__init__(description, names)
        self.paths = tuple(map(os.path.abspath, paths))

    def read(self, index):
        return read_picture(self.paths[index])


def open_folder(folder, *, every_link=False):
    """All pictures in a folder and the folders below it, sorted by path; links are followed, hidden ones left out.

    Paths are made absolute, so that a later change of the working folder changes nothing. What cannot be reached, such
    as a broken link or a folder that may not be read, is named in one warning of the logger "dynjax.data".

    Args:
      folder: its path, with ~ for the home folder.
      every_link: whether a picture that is reached by several paths is there under each; see `FolderWalk`.

    Raises:
      ValueError: no such folder, no picture in it, or it may not be read.
    """
    folder = Path(folder).expanduser()
    walk = open_walk(folder, every_link=every_link)
    if not walk.found:
        left_out = walk.left_out()
        raise ValueError(f"the folder {folder} holds no pictures; wanted .png, .jpg, .webp or the like in it or in "
                         f"folders below it{f'. There is {left_out}' if left_out else ''}")
    walk.warn()
    return FileSource(f"folder:{folder}", [os.path.join(walk.folder, path) for path in walk.found],
                      unique_names(walk.found))


def unique_names(paths):
    """A name for each relative path: the stem; where several share it, with its folders; then with its ending too."""
    paths = [PurePosixPath(path) for path in paths]
    names = [path.stem for path in paths]
    for longer in (lambda path: str(path.with_suffix("")), str):
        count = Counter(names)
        names = [name if count[name] == 1 else longer(path) for name, path in zip(names, paths, strict=True)]
    # Old archives have names that are no UTF-8, which no table could hold.
    return [os.fsencode(name).decode(errors="backslashreplace") for name in names]


def check_picture(picture, name):
    """`picture` itself where it is uint8 [H, W, 3], or [H, W, 6] of a pair; a ValueError that names it where not."""
    picture = np.asarray(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[-1] not in (3, 6):
        raise ValueError(f"picture {name} is {picture.dtype} {picture.shape}; wanted uint8 [H, W, 3]: convert it in "
                         "the source")
    return picture
