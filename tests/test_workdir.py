"""A run's folder: what is refused before anything in it is touched."""
import contextlib
import json

import pytest
from ml_collections import ConfigDict

from dynjax.training import workdir as workdirs

CONFIG = ConfigDict({"seed": 0, "steps": 10})


@pytest.fixture
def workdir(tmp_path):
    """Of a run with a checkpoint, a model and a log."""
    (tmp_path / "checkpoints" / "4").mkdir(parents=True)
    (tmp_path / "log.csv").write_text("step\n")
    (tmp_path / "model.safetensors").write_bytes(b"model")
    workdirs.record(tmp_path, CONFIG)
    return tmp_path


def test_the_same_run_goes_on_longer(workdir):
    workdirs.check(workdir, ConfigDict({"seed": 0, "steps": 20}))


def test_another_run_is_refused_with_the_differences(workdir):
    with pytest.raises(ValueError, match=r"config: rate is 0\.1 here, absent there; seed is 1 here, 0 there"):
        workdirs.check(workdir, ConfigDict({"seed": 1, "steps": 20, "rate": 0.1}))


@pytest.mark.parametrize("content", [b"[]", b"null", b"{", b"\xff", None])
def test_checkpoints_without_their_config_are_refused(workdir, content):
    path = workdir / "config.json"
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json should hold the config of the run whose"):
        workdirs.check(workdir, CONFIG)


def test_a_model_without_its_checkpoints_is_not_overwritten(workdir):
    (workdir / "checkpoints" / "4").rmdir()
    with pytest.raises(ValueError, match=r"model\.safetensors is of an earlier run, whose checkpoints are gone"):
        workdirs.check(workdir, CONFIG)


@pytest.mark.parametrize(("last", "refused"), [(4, False), (5, True)])
def test_a_log_without_the_checkpoints_it_tells_of_is_not_overwritten(workdir, last, refused):
    """Between a row of the log and its checkpoint a run may be killed."""
    (workdir / "checkpoints" / "4").rmdir()
    (workdir / "model.safetensors").unlink()
    (workdir / "log.csv").write_text(f"step,loss\n1,0.5\n{last},0.25\n")
    workdirs.record(workdir, ConfigDict({"seed": 0, "checkpoint_every": 4}))
    with pytest.raises(ValueError, match=r"log\.csv is of an earlier run") if refused else contextlib.nullcontext():
        workdirs.check(workdir, CONFIG)


@pytest.mark.parametrize("name", ["events", "previews"])
def test_a_file_in_place_of_a_folder_is_found_at_the_start(workdir, name):
    (workdir / name).write_text("")
    with pytest.raises(ValueError, match=rf"{name} cannot be written \(Not a directory\)"):
        workdirs.check(workdir, CONFIG)


@pytest.mark.parametrize("name", ["model.safetensors", "log.csv"])
def test_a_folder_in_place_of_a_file_is_found_at_the_start(workdir, name):
    (workdir / name).unlink()
    (workdir / name).mkdir()
    with pytest.raises(ValueError, match=rf"{name} is a folder, where a run writes a file"):
        workdirs.check(workdir, CONFIG)


def test_the_recorded_config_is_the_whole_one(workdir):
    assert json.loads((workdir / "config.json").read_text()) == {"seed": 0, "steps": 10}


def test_a_path_below_which_no_checkpoint_could_be_named_is_refused(tmp_path):
    # Linux: 4096 bytes a path, 255 a name; a folder of 4000 can be made, a file of a checkpoint in it cannot.
    deep = tmp_path / "/".join(["n" * 249] * 16)[:4000 - len(str(tmp_path)) - 1]
    with pytest.raises(ValueError, match=r"the workdir's path is 4000 bytes long; wanted at most 3840"), \
            workdirs.taken(deep):
        pass
    with pytest.raises(ValueError, match=r"cannot be written \(File name too long\)"), \
            workdirs.taken(tmp_path / ("n" * 256)):
        pass


OLDER = {
    "tunable": ({"tunable": {"kernels": None, "phi": "affine", "fixed": ["norm"], "wrap": True}, "start": "copies"},
                {"control": {"name": "Tunable", "kernels": None, "phi": "affine", "frozen": ("norm",)},
                 "kernel_init": "replicate"}),
    "ordinary": ({"tunable": {"phi": "affine", "fixed": [], "wrap": False}, "start": "base"},
                 {"control": {"name": "", "phi": "affine", "frozen": ()}, "kernel_init": "base"}),
    "dynamic": ({"dynamic": {"before": ["tail"], "after": [], "block": {"name": "TuningBlock", "start": "torch"}},
                 "phases": {"main": {"average_decay": 0.9}}},
                {"control": {"name": "DynamicNet", "before": ("tail",), "after": (),
                             "block": {"name": "TuningBlock", "kernel_init": "torch"}},
                 "phases": {"main": {"ema_decay": 0.9}}})}


@pytest.mark.parametrize("kind", OLDER)
def test_a_run_recorded_under_older_keys_goes_on(tmp_path, kind):
    """As config.json was before `tunable` and `dynamic` became `control`, and what was renamed in them and beside."""
    recorded, today = OLDER[kind]
    optimizer = {"optimizer": {"halve_at": [0.5]}, "average_decay": 0.5}, {"optimizer": {"lr_milestones": (0.5,)},
                                                                          "ema_decay": 0.5}
    (tmp_path / "checkpoints" / "4").mkdir(parents=True)
    (tmp_path / "config.json").write_text(json.dumps({"seed": 0, "steps": 10, **optimizer[0], **recorded}))
    workdirs.check(tmp_path, ConfigDict({"seed": 0, "steps": 20, **optimizer[1], **today}))
    with pytest.raises(ValueError, match="seed is 1"):
        workdirs.check(tmp_path, ConfigDict({"seed": 1, "steps": 20, **optimizer[1], **today}))
