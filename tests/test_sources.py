"""open_source finds the right kind, and says what it wanted where it does not."""
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import skimage.data
from PIL import Image

from dynjax.data.sources import open_source


def test_samples_are_the_photographs_of_scikit_image():
    train, test, both = (open_source("samples", split=split) for split in ("train", "test", None))
    assert test.names == ("chelsea", "coffee")
    np.testing.assert_array_equal(test[0], skimage.data.chelsea())
    np.testing.assert_array_equal(test[1], skimage.data.coffee())
    assert {"astronaut", "rocket", "motorcycle_left", "motorcycle_right"} <= set(train.names)
    assert not set(train.names) & set(test.names)
    assert sorted(both.names) == sorted(train.names + test.names)
    for index, name in enumerate(train.names):
        assert train[index].shape[2] == 3, name
        assert min(train[index].shape[:2]) >= 300, name
        assert np.ptp(train[index].astype(int), axis=-1).max() > 30, f"{name} has no colours"
    assert train.skipped == 0


def test_folder_and_zip_by_kind_or_by_path(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    with zipfile.ZipFile(tmp_path / "Set.ZIP", "w") as file:
        file.write(tmp_path / "one.png", "Set/one.png")
    for spec in (f"folder:{tmp_path}", str(tmp_path), tmp_path):
        assert repr(open_source(spec)) == f"folder:{tmp_path}, 1 pictures"
    for spec in (f"zip:{tmp_path}/Set.ZIP", f"{tmp_path}/Set.ZIP", tmp_path / "Set.ZIP"):
        assert repr(open_source(spec, split="train")) == f"zip:{tmp_path}/Set.ZIP, 1 pictures"
    (tmp_path / "unpacked.zip").mkdir()   # a folder in spite of its name
    Image.new("RGB", (4, 4)).save(tmp_path / "unpacked.zip" / "two.png")
    assert open_source(tmp_path / "unpacked.zip").names == ("two",)


def test_relative_and_home_paths(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "pictures" / "one.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spec in ("pictures", "./pictures", "folder:pictures", "~/pictures", "folder:~/pictures"):
        assert open_source(spec)[0].shape == (4, 4, 3)


@pytest.mark.parametrize("spec, options, words", [
    ("foldr:/data", {}, r"'foldr:/data' is neither a known kind nor.*wanted samples, folder:PATH, zip:PATH, tfds:"),
    ("nowhere/at/all", {}, "neither a known kind nor a folder that exists"),
    ("", {}, "neither a known kind"),
    ("folder:", {}, "says nothing behind the colon"),
    ("folder:nowhere", {}, "there is no folder nowhere"),
    ("nowhere.zip", {}, r"there is no zip file nowhere\.zip"),
    ("samples", {"split": "valid"}, "no split 'valid'; wanted 'train', 'test'"),
    ("samples", {"data_dir": "x"}, "belong to tfds: sources.*leave them out"),
    (__file__, {}, "is a file; wanted a folder"),
])
def test_errors_say_what_was_wanted(spec, options, words):
    with pytest.raises(ValueError, match=words):
        open_source(spec, **options)


def test_importing_and_opening_is_light():
    program = ("import sys, dynjax.data as d; d.open_source('samples'); "
               "print([m for m in ('grain', 'tensorflow_datasets', 'tensorflow', 'skimage') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
