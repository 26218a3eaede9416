"""Checkpoints notice every kind of damage and fall back to the one before."""
import logging
import shutil

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dynjax.training.checkpoints import Checkpoints
from dynjax.training.phase import TrainState


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
    files = sorted(path for path in (checkpoints.folder / "3").rglob("*") if path.is_file() and path.stat().st_size)
    assert len(files) > 3
    for path in files:
        original = path.read_bytes()
        # Every byte of the list of checksums, where a change may leave it readable; both ends of the others.
        for place in range(len(original)) if path.name == "checksums.json" else (0, len(original) - 1):
            path.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1:])
            assert checkpoints._problem(3), (path.name, place)
        path.write_bytes(original)
    assert checkpoints._problem(3) is None


def largest_file(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def half_saved(folder):
    shutil.move(folder, folder.with_name("3.saving.orbax-checkpoint-tmp"))


DAMAGE = {
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


def test_a_save_that_fails_is_told_and_leaves_the_others(checkpoints, monkeypatch):
    def full(*_, **__):
        (checkpoints.folder / "4.saving.orbax-checkpoint-tmp").mkdir()
        raise ValueError("RESOURCE_EXHAUSTED: Failed to write 9 bytes: No space left on device [os_error_code='28']")

    monkeypatch.setattr("orbax.checkpoint.Checkpointer.save", full)
    with pytest.raises(ValueError, match=r"step 4 cannot be written .*\(No space left on device\); that of step 3 is"):
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
