"""Pictures read out of a zip file (DIV2K_train_HR.zip as it is downloaded) without unpacking it."""
import io
import os
import posixpath
import stat
import threading
import zipfile
from pathlib import Path

from dynjax.data.folder_walk import is_hidden, shortened
from dynjax.data.picture_source import PictureSource, log, unique_names
from dynjax.files.pictures import PictureError, is_picture, read_picture


class ZipSource(PictureSource):
    """All pictures in a zip and in the folders within it, sorted by path; hidden ones are left out.

    Links within the zip are not followed: what they lead to is there under its own path. One that leads out of the zip
    is named in a warning of the logger "dynjax.data".

    Raises:
      ValueError: no such file, not a zip, or no picture in it.
    """

    def __init__(self, path):
        path = Path(path).expanduser()
        self.path = Path(os.path.abspath(path))   # opened again later, from wherever that is
        if not self.path.is_file():
            raise ValueError(f"there is no zip file {path}; check the path, which is taken from {Path.cwd()}")
        try:
            with zipfile.ZipFile(self.path) as archive:
                entries = [entry for entry in archive.infolist() if not is_hidden(entry.filename)]
                astray = [entry.filename for entry in entries if _leads_out(archive, entry)]
        except (zipfile.BadZipFile, OSError) as error:
            raise ValueError(f"{self.path} cannot be opened as a zip ({error}); it is damaged or not wholly "
                             "downloaded: fetch it again") from error
        files = [entry.filename for entry in entries if not entry.is_dir() and not _is_link(entry)]
        self.members = tuple(sorted(set(filter(is_picture, files))))   # a later entry replaces one of its name
        if not self.members:
            raise ValueError(f"{self.path} holds no pictures among {len(files)} files; wanted a zip of .png, .jpg, "
                             ".webp or the like")
        if astray:
            log.warning("left out of %s: links that lead out of it (%s); pack what they lead to, for the set is "
                        "smaller than it looks", self.path, shortened(astray))
        super().__init__(f"zip:{path}", unique_names(self.members))
        self._open()

    def _open(self):
        """The archive is opened at the first reading, and anew after pickling."""
        self._archive = None
        self._archive_lock = threading.Lock()

    def read(self, index):
        name = f"{self.members[index]} in {self.path}"
        try:
            with self._archive_lock:   # the bytes one thread after the other, the decoding beside each other
                if self._archive is None:
                    self._archive = zipfile.ZipFile(self.path)
                data = self._archive.read(self.members[index])
        except Exception as error:   # damage shows as BadZipFile, zlib.error, EOFError ...; a password as RuntimeError
            raise PictureError(f"{name} cannot be unpacked ({type(error).__name__}: {error}); fetch the zip again, or "
                               "unpack it and give the folder") from error
        return read_picture(io.BytesIO(data), name=name)

    def __getstate__(self):
        return {name: value for name, value in super().__getstate__().items() if not name.startswith("_archive")}

    def __setstate__(self, state):
        super().__setstate__(state)
        self._open()


def _is_link(entry):
    """Whether a zip's entry is a symbolic link, which is stored as a file that holds where it leads."""
    return stat.S_ISLNK(entry.external_attr >> 16)


def _leads_out(archive, entry):
    """Whether an entry is a link to what the zip does not hold."""
    if not _is_link(entry):
        return False
    try:
        target = archive.read(entry).decode() if entry.file_size <= 4096 else "/"   # no path is longer
    except Exception:   # damage shows as BadZipFile, zlib.error ...; a password as RuntimeError
        return True
    place = posixpath.normpath(posixpath.join(posixpath.dirname(entry.filename), target))
    return place != "." and not any(name == place or name.startswith(place + "/") for name in archive.namelist())
