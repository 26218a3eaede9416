"""Checkpoints notice every kind of damage and fall back to the one before."""
import logging

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


def test_a_flipped_byte_in_any_file_is_noticed(checkpoints, caplog):
    files = sorted(path for path in (checkpoints.folder / "3").rglob("*") if path.is_file() and path.stat().st_size)
    assert len(files) > 3
    for path in files:
        original = path.read_bytes()
        path.write_bytes(original[:-1] + bytes([original[-1] ^ 1]))
        assert path.name in checkpoints._problem(3)
        path.write_bytes(original)
    assert checkpoints._problem(3) is None


def test_damage_is_named_and_the_one_before_is_used(checkpoints, caplog):
    files = [path for path in (checkpoints.folder / "3").rglob("*") if path.is_file()]
    largest = max(files, key=lambda path: path.stat().st_size)
    largest.write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        step, state = checkpoints.restore(state_at)
    assert step == 2 and int(state.step) == 2 and "checkpoint 3 is damaged" in caplog.text
    checkpoints.save(3, state_at(3))
    assert checkpoints.restore(state_at)[0] == 3


def test_a_missing_folder_or_manifest_counts_as_damage(checkpoints):
    import shutil

    shutil.rmtree(checkpoints.folder / "3")
    (checkpoints.folder / "2.json").write_text("{")
    with pytest.raises(ValueError, match=r"every checkpoint in .* is damaged"):
        checkpoints.restore(state_at)
    assert (checkpoints.folder / "2.damaged").is_dir()   # nothing is thrown away


def test_an_unfinished_save_does_not_count(checkpoints):
    (checkpoints.folder / "9").mkdir()
    assert checkpoints.restore(state_at)[0] == 3


def test_no_checkpoint_at_all(tmp_path):
    assert Checkpoints(tmp_path / "none").restore(state_at) is None
