"""Zips are read in place, laid out as official ones are: one folder with the pictures in it."""
import io
import pickle
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from dynjax.data.zip_source import ZipSource
from dynjax.files.pictures import PictureError

RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 256, (12, 20, 24, 3), dtype=np.uint8)


def png(array):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "DIV2K_train_HR.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.mkdir("DIV2K_train_HR")
        for index in reversed(range(12)):
            file.writestr(f"DIV2K_train_HR/{index + 1:04d}.png", png(PICTURES[index]))
        file.writestr("__MACOSX/DIV2K_train_HR/._0001.png", b"not a picture")
        file.writestr("__MACOSX/DIV2K_train_HR/0001.png", b"not a picture")
        file.writestr("DIV2K_train_HR/readme.txt", "text")
    return path


def test_nested_folder_is_read_in_order(archive):
    source = ZipSource(archive)
    assert source.names == tuple(f"{index + 1:04d}" for index in range(12))
    for index in range(12):
        np.testing.assert_array_equal(source[index], PICTURES[index])
    assert repr(source) == repr(ZipSource(str(archive))) == f"zip:{archive}, 12 pictures"
    assert list(archive.parent.iterdir()) == [archive]   # nothing was unpacked


def test_threads_and_pickled_copies_read_the_same(archive):
    source = ZipSource(archive)
    source[0]
    copy = pickle.loads(pickle.dumps(source))
    indices = [index % 12 for index in range(96)]
    with ThreadPoolExecutor(8) as threads:
        for read in (source, copy):
            for index, picture in zip(indices, threads.map(read.__getitem__, indices), strict=True):
                np.testing.assert_array_equal(picture, PICTURES[index])


def test_damaged_member_is_named_and_replaced(archive):
    with zipfile.ZipFile(archive) as file:
        entry = file.getinfo("DIV2K_train_HR/0003.png")
    data = bytearray(archive.read_bytes())
    data[entry.header_offset + 300] ^= 0xFF
    archive.write_bytes(data)
    source = ZipSource(archive)
    with pytest.raises(PictureError, match=r"0003\.png in .*DIV2K_train_HR\.zip cannot be unpacked.*fetch the zip"):
        source.read(2)
    np.testing.assert_array_equal(source[2], PICTURES[3])
    assert source.skipped == 1


def test_zip_errors(tmp_path, archive):
    with pytest.raises(ValueError, match=r"there is no zip file .*gone\.zip"):
        ZipSource(tmp_path / "gone.zip")
    short = tmp_path / "short.zip"
    short.write_bytes(archive.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"short\.zip cannot be opened as a zip.*fetch it again"):
        ZipSource(short)
    with zipfile.ZipFile(tmp_path / "text.zip", "w") as file:
        file.writestr("a.txt", "text")
    with pytest.raises(ValueError, match=r"text\.zip holds no pictures among 1 files"):
        ZipSource(tmp_path / "text.zip")
