"""Pictures read out of a zip file (DIV2K_train_HR.zip as it is downloaded) without unpacking it."""
import io
import threading
import zipfile
from pathlib import Path

from dynjax.data.picture_source import PictureSource, is_hidden, unique_names
from dynjax.files.pictures import PictureError, is_picture, read_picture


class ZipSource(PictureSource):
    """All pictures in a zip and in the folders within it, sorted by path.

    Raises:
      ValueError: no such file, not a zip, or no picture in it.
    """

    def __init__(self, path):
        self.path = Path(path).expanduser()
        if not self.path.is_file():
            raise ValueError(f"there is no zip file {self.path}; check the path, which is taken from {Path.cwd()}")
        try:
            with zipfile.ZipFile(self.path) as archive:
                files = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        except (zipfile.BadZipFile, OSError) as error:
            raise ValueError(f"{self.path} cannot be opened as a zip ({error}); it is damaged or not wholly "
                             "downloaded: fetch it again") from error
        self.members = tuple(sorted(name for name in files if is_picture(name) and not is_hidden(name)))
        if not self.members:
            raise ValueError(f"{self.path} holds no pictures among {len(files)} files; wanted a zip of .png, .jpg, "
                             ".webp or the like")
        super().__init__(f"zip:{self.path}", unique_names(self.members))
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
