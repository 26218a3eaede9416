"""Checkpoints notice every kind of damage and fall back to the one before."""
import logging
import os
import shutil
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dynjax.training.checkpoints import Checkpoints
from dynjax.training.state import TrainState


def state_at(step):
    params = {"conv": {"kernel": np.full((3, 4), step, np.float32)}}
    return TrainState(step=np.int32(step), params=params, rest={}, optimizer=optax.adam(0.1).init(params), average={},
                      critic={}, critic_optimizer={})


@pytest.fixture
def checkpoints(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, state_at(step))
    return checkpoints


def test_the_newest_comes_back_as_it_was(checkpoints):
    step, state = checkpoints.restore(state_at)
    assert step == 3 and checkpoints.steps() == [2, 3]
    np.testing.assert_array_equal(state.params["conv"]["kernel"], np.full((3, 4), 3, np.float32))
    assert isinstance(state.optimizer[0], optax.ScaleByAdamState) and state.step.dtype == jnp.int32


def test_a_flipped_byte_in_any_file_is_noticed(checkpoints):
    # Every byte of the list of checksums, where a change may leave it readable; both ends and the middle of the others.
    places = lambda name, size: range(size) if name == "checksums.json" else {0, size // 2, size - 1}
    files = sorted(path for path in (checkpoints.folder / "3").rglob("*") if path.is_file() and path.stat().st_size)
    assert len(files) > 3
    for path in files:
        original = path.read_bytes()
        for place in places(path.name, len(original)):
            path.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1:])
            assert checkpoints._problem(3), (path.name, place)
        path.write_bytes(original)
    assert checkpoints._problem(3) is None


def largest_file(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def half_saved(folder):
    shutil.move(folder, folder.with_name("3.saving.orbax-checkpoint-tmp"))


def a_folder_in_place_of_a_file(folder):
    path = largest_file(folder)
    path.unlink()
    path.mkdir()


DAMAGE = {
    "unreadable": a_folder_in_place_of_a_file,
    "truncated": lambda folder: largest_file(folder).write_bytes(b""),
    "a file missing": lambda folder: largest_file(folder).unlink(),
    "without checksums": lambda folder: (folder / "checksums.json").unlink(),
    "emptied": lambda folder: (shutil.rmtree(folder), folder.mkdir()),
    "half saved": half_saved,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named_and_the_one_before_is_used(checkpoints, caplog, damage):
    damage(checkpoints.folder / "3")
    with caplog.at_level(logging.WARNING):
        step, state = checkpoints.restore(state_at)
    assert step == 2 and int(state.step) == 2
    assert "checkpoint 3 is damaged" in caplog.text or "orbax-checkpoint-tmp was never finished" in caplog.text
    checkpoints.save(3, state_at(3))
    assert checkpoints.restore(state_at)[0] == 3


def test_where_all_are_damaged_nothing_is_touched(checkpoints):
    for step in checkpoints.steps():
        largest_file(checkpoints.folder / str(step)).write_bytes(b"")
    (checkpoints.folder / "4.saving").mkdir()
    before = sorted(checkpoints.folder.rglob("*"))
    for _ in range(2):   # a second start refuses too
        with pytest.raises(ValueError, match=r"every checkpoint in .* is damaged \(in 3 .*; in 2 "):
            checkpoints.restore(state_at)
        assert sorted(checkpoints.folder.rglob("*")) == before


def test_damaged_twice_both_are_kept(checkpoints):
    for _ in range(2):
        largest_file(checkpoints.folder / "3").write_bytes(b"")
        assert checkpoints.restore(state_at)[0] == 2
        checkpoints.save(3, state_at(3))
    assert {path.name for path in checkpoints.folder.iterdir()} == {"2", "3", "3.damaged", "3.damaged-2"}


def test_a_name_aside_that_is_taken_is_passed_over(checkpoints):
    (checkpoints.folder / "3.damaged-2").mkdir()   # the first one was removed by hand
    for name in ("3.damaged", "3.damaged-3"):
        largest_file(checkpoints.folder / "3").write_bytes(b"")
        assert checkpoints.restore(state_at)[0] == 2
        assert (checkpoints.folder / name).exists() and not any((checkpoints.folder / "3.damaged-2").iterdir())
        checkpoints.save(3, state_at(3))


def test_a_save_that_fails_is_told_and_leaves_the_others(checkpoints, monkeypatch):
    def full(*_, **__):
        (checkpoints.folder / "4.saving.orbax-checkpoint-tmp").mkdir()
        raise ValueError("RESOURCE_EXHAUSTED: Failed to write 9 bytes: No space left on device [os_error_code='28']")

    monkeypatch.setattr("orbax.checkpoint.Checkpointer.save", full)
    with pytest.raises(ValueError, match=r"step 4 cannot be written .*\(No space left on device\); those before it"):
        checkpoints.save(4, state_at(4))
    assert {path.name for path in checkpoints.folder.iterdir()} == {"2", "3"}
    assert checkpoints.restore(state_at)[0] == 3


def test_another_state_is_told_in_a_sentence(checkpoints):
    other = lambda step: state_at(step).replace(params={"dense": {"kernel": np.zeros((3, 4), np.float32)}})
    with pytest.raises(ValueError, match="is whole, but not of this run"):
        checkpoints.restore(other)


def test_a_disk_without_room_is_refused(checkpoints, monkeypatch):
    state = state_at(3)   # 3 * 48 bytes of kernel and Adam's moments, two counters
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 1000, 159))
    checkpoints.check_room(state, {})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1000, 1000, 100))
    with pytest.raises(ValueError, match=r"the disk of .* has 0\.0 MiB free; the checkpoints of this run"):
        checkpoints.check_room(state, {})


def test_no_checkpoint_at_all(tmp_path):
    assert Checkpoints(tmp_path / "none").restore(state_at) is None


def test_a_folder_that_cannot_be_read_does_not_count_as_empty(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"the checkpoints of this run cannot be read: .*Not a directory"):
        Checkpoints(tmp_path / "file").steps()


def test_other_names_are_left_alone_and_named(checkpoints, caplog):
    others = {"007", "05", "²", "notes.txt"}
    for name in others:
        (checkpoints.folder / name).mkdir()
    assert checkpoints.steps() == [2, 3] and checkpoints.restore(state_at)[0] == 3
    assert all(f"{name} is no checkpoint's name" in caplog.text for name in others)
    assert {path.name for path in checkpoints.folder.iterdir()} == others | {"2", "3"}


def test_a_removal_that_was_cut_off_leaves_no_half_checkpoint(checkpoints, monkeypatch, caplog):
    with monkeypatch.context() as cut:
        cut.setattr(shutil, "rmtree", lambda *_, **__: None)
        checkpoints.save(4, state_at(4))
    assert {path.name for path in checkpoints.folder.iterdir()} == {"2.removed", "3", "4"}
    assert checkpoints.restore(state_at)[0] == 4 and not caplog.text
    assert {path.name for path in checkpoints.folder.iterdir()} == {"3", "4"}


def test_of_a_link_only_the_link_is_removed(checkpoints, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (checkpoints.folder / "5.saving").symlink_to(tmp_path / "elsewhere")
    checkpoints.restore(state_at)
    assert (tmp_path / "elsewhere").exists() and not (checkpoints.folder / "5.saving").is_symlink()


# Each has a meaning in a pattern, a shell, an address, an escape or a terminal.
NAMES = ["run[x4]", "[", "]", "*", "a*b", "?", "{a,b}", "back\\slash", "new\nline", "tab\t", "quote'\"", "räume 雪",
         "~", "~you", "50%", "%41", "#1", "a b", " ", "$HOME", "`id`", "-flag", "file:", "s3:", "a;b&c|d", "!", "<>"]


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_may_have_any_name(name, tmp_path):
    for folder in (tmp_path / name / "checkpoints", tmp_path / name / name):
        Checkpoints(folder).save(1, state_at(1))
        assert (folder / "1" / "manifest.ocdbt").exists() and {path.name for path in folder.iterdir()} == {"1"}
        step, state = Checkpoints(folder).restore(state_at)
        assert step == 1
        np.testing.assert_array_equal(state.params["conv"]["kernel"], np.full((3, 4), 1, np.float32))


def test_it_is_the_same_checkpoint_after_the_folder_got_another_name(tmp_path):
    Checkpoints(tmp_path / "run[x4]").save(1, state_at(1))
    (tmp_path / "run[x4]").rename(tmp_path / "plain")
    assert Checkpoints(tmp_path / "plain").restore(state_at)[0] == 1
    Checkpoints(tmp_path / "plain").save(2, state_at(2))
    (tmp_path / "plain").rename(tmp_path / "run?")
    assert Checkpoints(tmp_path / "run?").restore(state_at)[0] == 2


def test_where_folders_cannot_be_had_by_number_a_link_leads_there(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_PATH")   # as on macOS
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for folder in (tmp_path / "run[x4]", tmp_path / "a*b" / "new\nline"):
        Checkpoints(folder).save(1, state_at(1))
        assert Checkpoints(folder).restore(state_at)[0] == 1
    assert not any((tmp_path / "temporary").iterdir())


def test_a_name_that_cannot_be_got_around_is_refused_at_the_start(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "O_PATH")
    monkeypatch.setattr(tempfile, "TemporaryDirectory", lambda **_: (_ for _ in ()).throw(PermissionError("read-only")))
    with pytest.raises(ValueError, match=r"run\[x4\] has a character in its name .*; give a folder with letters"):
        Checkpoints(tmp_path / "run[x4]").check_room(state_at(1), {})
    Checkpoints(tmp_path / "run").check_room(state_at(1), {})


@pytest.mark.parametrize("lost", ["manifest.ocdbt", "d"])
def test_what_cannot_be_read_back_never_gets_a_checkpoint_s_name(checkpoints, monkeypatch, lost):
    """Whatever the reason, such as a library that writes elsewhere without a word."""
    import orbax.checkpoint as ocp

    original = ocp.Checkpointer.save

    def save(self, folder, *arguments, **options):
        original(self, folder, *arguments, **options)
        path = folder / lost
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    monkeypatch.setattr(ocp.Checkpointer, "save", save)
    with pytest.raises(ValueError, match=r"the checkpoint of step 4 cannot be written"):
        checkpoints.save(4, state_at(4))
    assert {path.name for path in checkpoints.folder.iterdir()} == {"2", "3"}


def test_numbers_that_come_back_changed_never_get_a_checkpoint_s_name(checkpoints, monkeypatch):
    import orbax.checkpoint as ocp

    original = ocp.Checkpointer.save
    monkeypatch.setattr(ocp.Checkpointer, "save", lambda self, folder, tree, **options: original(
        self, folder, jax.tree.map(lambda leaf: leaf + 1, tree), **options))
    with pytest.raises(ValueError, match=r"step 4 cannot be written .*cannot be read back as it was"):
        checkpoints.save(4, state_at(4))


def test_nan_and_half_precision_are_read_back_as_they_were(tmp_path):
    state = {"nan": np.array([np.nan, -0.0]), "half": jnp.ones(3, jnp.bfloat16),
             "flag": np.array(True)}
    Checkpoints(tmp_path).save(1, state)
    back = Checkpoints(tmp_path).restore(lambda step: state)[1]
    assert np.isnan(back["nan"][0]) and np.signbit(back["nan"][1]) and back["half"].dtype == jnp.bfloat16
