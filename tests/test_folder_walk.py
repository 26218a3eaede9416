"""Folders with links, circles, broken ends, what may not be read, and what systems put beside data."""
import logging
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dynjax.data import open_source
from dynjax.data.folder_walk import FolderWalk, is_hidden


def save(path, value=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (value,) * 3).save(path)
    return path


@pytest.fixture
def train(tmp_path):
    """A folder with one picture of its own; beside it a store with a and b."""
    save(tmp_path / "train" / "own.png", 1)
    for value, name in enumerate("ab", start=2):
        save(tmp_path / "store" / f"{name}.png", value)
    return tmp_path / "train"


@pytest.mark.parametrize("target", ["{}/store", "../store"])
def test_linked_folders_and_files_are_followed(train, target):
    (train / "DIV2K").symlink_to(target.format(train.parent))
    source = open_source(f"folder:{train}")
    assert source.names == ("a", "b", "own") and [int(source[i].mean()) for i in range(3)] == [2, 3, 1]
    (train / "DIV2K").unlink()
    (train / "deep").mkdir()
    (train / "deep" / "b.png").symlink_to(train.parent / "store" / "b.png")
    (train / "deep" / "c.png").symlink_to(save(train.parent / "c.png"))
    (train / "twice").symlink_to(train.parent / "hop")
    (train.parent / "hop").symlink_to(train.parent / "store")          # a link to a link
    walk = FolderWalk(train)
    assert (walk.found, walk.repeated) == (["deep/c.png", "own.png", "twice/a.png", "twice/b.png"], ["deep/b.png"])
    assert open_source(train.parent / "hop").names == ("a", "b")       # the folder itself a link


def test_circles_end(train):
    (train / "self").symlink_to(train)
    (train / "up").symlink_to(train.parent)
    (train / "sub").mkdir()
    save(train / "sub" / "c.png")
    (train / "sub" / "back").symlink_to("..")
    (train / "x").mkdir()
    (train / "y").mkdir()
    (train / "x" / "to_y").symlink_to(train / "y")
    (train / "y" / "to_x").symlink_to(train / "x")
    (train / "ring").symlink_to("ring")
    for every_link in (False, True):
        walk = FolderWalk(train, every_link=every_link)
        assert [Path(path).name for path in walk.found].count("own.png") == 1
        assert {Path(path).name for path in walk.found} == {"own.png", "c.png", "a.png", "b.png"}
        assert list(walk.broken) == ["ring"] and "a broken link to ring" in walk.broken["ring"]
    assert len(open_source(f"folder:{train}")) == 4


def test_links_to_each_other_are_not_gone_through_in_every_order(train):
    """Twelve folders, each linked to all others: 12! ways, one visit each."""
    for index in range(12):
        save(train / f"{index}" / f"p{index}.png")
    for index in range(12):
        for other in range(12):
            (train / f"{index}" / f"to{other}").symlink_to(train / f"{other}")
    assert len(open_source(f"folder:{train}")) == 13


def test_what_is_reached_twice_is_there_once_under_its_own_path(train, caplog):
    (train / "A_copy.png").symlink_to("own.png")
    (train / "A_folder").symlink_to("z")
    save(train / "z" / "c.png")
    os.link(train / "own.png", train / "hard.png")                      # two hard links are two files
    with caplog.at_level(logging.WARNING, logger="dynjax.data"):
        source = open_source(f"folder:{train}")
    assert source.names == ("hard", "own", "c")
    assert [record.message for record in caplog.records] == [
        f"counted once in {train}: 2 paths lead to what is there already (A_copy.png, A_folder)"]


def test_broken_links_are_counted_and_named_in_one_sentence(train, caplog):
    (train / "lost.png").symlink_to(train / "gone.png")
    (train / "DIV2K").symlink_to("/nowhere/DIV2K")
    (train / ".hidden").symlink_to("/nowhere")
    (train / "@eaDir").symlink_to("/nowhere")
    os.mkfifo(train / "pipe.png")
    with caplog.at_level(logging.WARNING, logger="dynjax.data"):
        assert len(open_source(f"folder:{train}")) == 1
    assert len(caplog.records) == 1 and caplog.records[0].name == "dynjax.data"
    said = caplog.records[0].message
    for part in (f"left out of {train}: 3 entries that cannot be reached", "DIV2K: a broken link to /nowhere/DIV2K",
                 f"lost.png: a broken link to {train}/gone.png", "pipe.png: no file, in spite of its name"):
        assert part in said
    for index in range(20):
        (train / f"lost{index:02d}.png").symlink_to("gone")
    caplog.clear()
    open_source(f"folder:{train}")
    assert "23 entries" in caplog.text and "lost03" not in caplog.text and ", ..." in caplog.text


def test_where_nothing_is_left_the_error_says_what_was_in_the_way(tmp_path):
    (tmp_path / "lost.png").symlink_to("gone.png")
    with pytest.raises(ValueError, match=r"holds no pictures; .* 1 entry that cannot be reached \(lost\.png: a broken"):
        open_source(f"folder:{tmp_path}")
    (tmp_path / "root").symlink_to("/nowhere")
    with pytest.raises(ValueError, match=r"there is no folder .*/root, a broken link to /nowhere; check"):
        open_source(f"folder:{tmp_path}/root")
    with pytest.raises(ValueError, match=r"neither .* \(img_align_celeba is a broken link\)"):
        (tmp_path / "img_align_celeba").symlink_to("/nowhere")
        open_source(f"celeba:{tmp_path}")


def test_a_folder_that_may_not_be_read_is_named(train, monkeypatch, caplog):
    """Tests may run as root, whom no permission stops: the system's refusal is played."""
    save(train / "secret" / "c.png")
    scandir, refused = os.scandir, {str(train / "secret")}

    def refusing(path):
        if str(path) in refused:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert len(open_source(f"folder:{train}")) == 1
    assert "1 entry that cannot be reached (secret: a folder that cannot be opened (Permission denied))" in caplog.text
    refused.add(str(train))
    with pytest.raises(ValueError, match=r"the folder .*train cannot be opened \(Permission denied\); wanted one"):
        open_source(f"folder:{train}")


NO_DATA = ["@eaDir", "$RECYCLE.BIN", "lost+found", "__MACOSX", ".Trashes", "System Volume Information", "#recycle",
           ".ipynb_checkpoints", ".thumbnails", "@Recycle", "RECYCLER", "found.000", ".git"]


def test_what_systems_put_beside_data_is_none(train, tmp_path, caplog):
    for name in NO_DATA:
        save(train / name / "deep" / "no.png")
        save(train / "sub" / name / "no.png")
    save(train / "._own.png")
    kept = ["@2x", "recycle", "lost", "found", "System", "MACOSX", "#1", "$1", "data.v2.png"]
    for value, name in enumerate(kept):
        save(train / name / f"{value}.png")
    walk = FolderWalk(train)
    assert {Path(path).stem for path in walk.found} == {"own", *map(str, range(len(kept)))} and not walk.broken
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for name in ["set", *NO_DATA, *(f"set/{name}" for name in NO_DATA)]:
            file.write(train / "own.png", f"{name}/own.png")
        file.write(train / "own.png", "__MACOSX\\own.png")             # made on Windows
    assert open_source(f"zip:{tmp_path}/set.zip").members == ("set/own.png",)
    assert is_hidden("@EADIR/x.png") and not is_hidden("x/eaDir.png")


def test_later_changes_of_the_working_folder_change_nothing(train, tmp_path, monkeypatch):
    for name in ("noisy", "clean"):
        save(tmp_path / "both" / name / "p.png")
        save(tmp_path / "sidd" / "Data" / "s" / f"1_{ {'noisy': 'NOISY', 'clean': 'GT'}[name]}_SRGB_010.PNG")
    save(tmp_path / "celeba" / "img_align_celeba" / "000001.jpg")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.write(train / "own.png", "own.png")
    monkeypatch.chdir(tmp_path)
    sources = [open_source(spec) for spec in ("train", "folder:./train", "zip:set.zip", "set.zip", "pairs:both",
                                              "pairs:both/noisy:both/clean", "sidd:sidd", "celeba:celeba")]
    said = list(map(repr, sources))
    assert said[1] == "folder:train, 1 pictures"                        # as it was named, wherever the folder lies
    sources += pickle.loads(pickle.dumps(sources))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert all(source.read(0).shape[:2] == (6, 8) for source in sources)
    assert list(map(repr, sources)) == said * 2


def test_pairs_may_share_a_clean_picture_by_links(tmp_path):
    save(tmp_path / "store" / "truth.png", 7)
    for name in "xy":
        save(tmp_path / "pairs" / "noisy" / f"{name}.png", 9)
        (tmp_path / "pairs" / "clean").mkdir(exist_ok=True)
        (tmp_path / "pairs" / "clean" / f"{name}.png").symlink_to("../../store/truth.png")
        for kind, place in (("noisy", "n"), ("clean", "c")):
            save(tmp_path / place / "p.png")
            (tmp_path / "scenes" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "scenes" / kind / name).symlink_to(tmp_path / place)
    source = open_source(f"pairs:{tmp_path}/pairs")
    assert source.names == ("x", "y") and source[1][0, 0].tolist() == [7] * 3 + [9] * 3
    assert open_source(f"pairs:{tmp_path}/scenes").names == ("x/p", "y/p")
    scene = tmp_path / "raw" / "0001"
    for kind in ("GT", "NOISY"):
        save(scene / f"0001_{kind}_SRGB_010.PNG")
    (tmp_path / "Data").mkdir()
    (tmp_path / "Data" / "0001").symlink_to(scene)
    assert open_source(f"sidd:{tmp_path}").names == ("0001_SRGB_010",)


def test_links_in_a_zip(train, tmp_path, caplog):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        file.write(train / "own.png", "set/own.png")
        for name, target in (("set/copy.png", "own.png"), ("set/here", "../set"), ("set/lost.png", "../gone.png"),
                             ("set/DIV2K", "/mnt/DIV2K")):
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, 0o120777 << 16
            file.writestr(entry, target)
    source = open_source(f"zip:{tmp_path}/set.zip")
    assert source.names == ("own",) and np.ptp(source[0]) == 0
    assert [record.message for record in caplog.records] == [
        f"left out of {tmp_path}/set.zip: links that lead out of it (set/lost.png, set/DIV2K); pack what they lead to, "
        "for the set is smaller than it looks"]
