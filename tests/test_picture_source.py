"""Folders: what is found, in which order, under which names; unreadable pictures are passed over alike each time."""
import logging
import pickle

import numpy as np
import pytest
from PIL import Image

from dynjax.data.picture_source import open_folder, unique_names
from dynjax.files.pictures import PictureError


def flat(value, size=(8, 6)):
    return Image.new("RGB", size, (value,) * 3)


@pytest.fixture
def folder(tmp_path):
    """Four pictures of values 1..4 in the order of their paths, and what is no picture."""
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / ".thumbnails").mkdir()
    for value, name in enumerate(["A.PNG", "b/deep/x.jpg", "b/y.webp", "c.Png"], start=1):
        flat(value).save(tmp_path / name, format={"jpg": "JPEG", "webp": "WEBP"}.get(name[-3:], "PNG"), quality=100)
    flat(9).save(tmp_path / ".thumbnails" / "A.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "d.png").mkdir()
    return tmp_path


def damage(path):
    path.write_bytes(path.read_bytes()[:-30])


def test_folder_is_searched_deeply_and_sorted(folder):
    source = open_folder(str(folder))
    assert source.names == ("A", "x", "y", "c")
    assert len(source) == 4
    assert source[0].dtype == np.uint8
    assert source[0].shape == (6, 8, 3)
    assert [int(np.round(source[i].mean())) for i in range(4)] == [1, 2, 3, 4]
    np.testing.assert_array_equal(source[-1], source[3])
    with pytest.raises(IndexError):
        source[4]
    assert repr(source) == repr(open_folder(folder))
    assert str(folder) in repr(source)


def test_unreadable_pictures_are_replaced_named_once_and_counted(folder, caplog):
    damage(folder / "c.Png")
    damage(folder / "A.PNG")
    source = open_folder(folder)
    with caplog.at_level(logging.WARNING, logger="dynjax.data"):
        for _ in range(3):
            np.testing.assert_array_equal(source[3], source.read(1))   # the last is followed by the first, bad as well
            np.testing.assert_array_equal(source[0], source.read(1))
    assert source.skipped == 2
    assert [record.name for record in caplog.records] == ["dynjax.data"] * 2
    assert "c.Png" in caplog.text
    assert "A.PNG" in caplog.text
    with pytest.raises(PictureError, match=r"A\.PNG") as error:
        source.read(0)
    source.skip(0, error.value)   # by another reader of the same source
    assert (source.skipped, len(caplog.records)) == (2, 2)


def test_nothing_readable_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no")
    source = open_folder(tmp_path)
    with pytest.raises(PictureError, match=r"none of the pictures of folder:.*1 pictures can be read"):
        source[0]


def test_pickled_source_reads_the_same(folder):
    source = open_folder(folder)
    copy = pickle.loads(pickle.dumps(source))
    assert (repr(copy), copy.names) == (repr(source), source.names)
    np.testing.assert_array_equal(copy[1], source[1])
    damage(folder / "A.PNG")
    np.testing.assert_array_equal(copy[0], source[1])   # its lock is there too


def test_folder_errors(tmp_path):
    with pytest.raises(ValueError, match=r"there is no folder .*nowhere; check the path"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no pictures; wanted \.png"):
        open_folder(tmp_path)
    flat(1).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png is a file; wanted a folder"):
        open_folder(tmp_path / "a.png")


def test_names_are_stems_where_these_are_enough():
    assert unique_names(["a/1.png", "a/2.png"]) == ["1", "2"]
    assert unique_names(["stra\udcdfe.png"]) == [r"stra\xdfe"]   # of Latin-1, as the system gives it
    assert unique_names(["a/1.png", "b/1.png", "b/2.x.png"]) == ["a/1", "b/1", "2.x"]
    assert unique_names(["1.jpg", "1.png", "b/1.png"]) == ["1.jpg", "1.png", "b/1"]
