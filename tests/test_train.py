"""Runs from a config: what they leave behind, going on after a stop, refusals."""
import csv
import errno
import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import jax
import numpy as np
import programs
import pytest
from PIL import Image
from programs import ROOT, ends

import dynjax
from configs.sr_tunable import get_config
from dynjax.evaluation import measure_run
from dynjax.experiment import build
from dynjax.experiment.experiment import default_workdir
from dynjax.training import train
from dynjax.training import workdir as workdirs
from dynjax.training.logs import Log


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of three small pictures with some structure."""
    folder = tmp_path_factory.mktemp("pictures")
    rows, columns = np.mgrid[:48, :56]
    for index in range(3):
        waves = [np.sin(rows / (index + 2) + channel) + np.cos(columns / (channel + 3)) for channel in range(3)]
        Image.fromarray(np.uint8(np.stack(waves, -1) * 60 + 128)).save(folder / f"{index}.png")
    return folder


def smallest(pictures):
    """The config of the smallest run: one block of four features, L1 and L2."""
    config = get_config("smoke")
    config.network.update(features=4, blocks=1)
    config.data.update(source=f"folder:{pictures}", split="", scales=(1.0,))
    config.evaluation.update(source=f"folder:{pictures}", split="")
    del config.objectives.perceptual.terms["lpips"]
    config.objectives.perceptual.terms.l2 = 1.0
    config.update(batch_size=4, steps=4, checkpoint_every=2, preview_every=0)
    return config


@pytest.fixture
def config(pictures):
    return smallest(pictures)


def parameters(workdir):
    return jax.tree.leaves(dynjax.load(workdir / "model.safetensors")[1])


def rows_of(workdir):
    with (workdir / "log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    assert train(smallest(pictures), folder) == 0
    return folder


@pytest.fixture
def finished(trained, tmp_path):
    """The folder of a run of `config` that came to its end, a copy for each test."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_run_leaves_what_is_promised(config, tmp_path):
    config.preview_every = 4
    assert train(config, tmp_path) == 0
    assert json.loads((tmp_path / "config.json").read_text())["network"]["features"] == 4
    rows = rows_of(tmp_path)
    assert [row["step"] for row in rows] == ["1", "2", "3", "4"]
    assert {"fidelity", "perceptual", "loss"} <= set(rows[0]) and all(float(row["fidelity"]) > 0 for row in rows)
    assert list((tmp_path / "events").iterdir()) and (tmp_path / "checkpoints" / "4").is_dir()
    assert Image.open(tmp_path / "previews" / "0000004.png").width > 48
    net, variables = dynjax.load(tmp_path / "model.safetensors")
    low = np.random.default_rng(0).random((1, 7, 9, 3), np.float32)
    faithful, pleasing = (jax.jit(net.apply)(variables, low, alpha) for alpha in np.eye(2, dtype=np.float32))
    assert faithful.shape == (1, 28, 36, 3) and np.abs(faithful - pleasing).max() > 1e-4


def test_more_steps_equal_a_longer_run(config, tmp_path):
    # A cosine runs over all steps: a run that becomes longer has had another.
    config.optimizer.schedule = "constant"
    assert train(config, tmp_path / "long") == 0
    config.steps = 2
    assert train(config, tmp_path / "longer") == 0
    config.steps = 4
    assert train(config, tmp_path / "longer") == 0
    for ours, at_once in zip(parameters(tmp_path / "longer"), parameters(tmp_path / "long"), strict=True):
        np.testing.assert_array_equal(ours, at_once)


def test_a_stopped_run_goes_on_bit_for_bit(config, finished, tmp_path, monkeypatch, capsys):
    from dynjax.training import loop

    original, calls = loop.check_finite, []

    def interrupt(*arguments):
        calls.append(1)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(loop, "check_finite", interrupt)
    config.checkpoint_every = 100
    status = train(config, tmp_path / "stopped")
    assert status == 128 + signal.SIGTERM
    assert "Stopped at step" in capsys.readouterr().out
    assert train(config, tmp_path / "stopped") == 0
    for ours, uninterrupted in zip(parameters(tmp_path / "stopped"), parameters(finished), strict=True):
        np.testing.assert_array_equal(ours, uninterrupted)
    steps = [int(row["step"]) for row in rows_of(tmp_path / "stopped")]
    assert steps == sorted(set(steps)) and steps[-1] == 4


@pytest.mark.parametrize("name", ["run [x4]", *(pytest.param(name, marks=pytest.mark.slow) for name in (
    "a*b/c?d", "back\\slash", "~nobody-has-this-name/new\nline"))])
def test_a_folder_of_any_name_is_gone_on_with_and_measured(config, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert train(config, name) == 0
    config.steps = 6
    assert train(config, name) == 0
    assert [row["step"] for row in rows_of(tmp_path / name)] == list("123456")
    assert len(list((tmp_path / name / "events").iterdir())) == 2
    measure_run(config, workdir=name, kernels=True)
    assert (tmp_path / name / "evaluation").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == [Path(name).parts[0]]


def test_a_home_folder_that_is_not_known_is_told(config, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)   # without HOME and without an entry for the user
    with pytest.raises(ValueError, match=r"'~/run' begins with ~ for your home folder, which this system does not"):
        train(config, "~/run")


def test_in_another_thread_and_without_streams_it_trains_as_ever(config, finished, tmp_path, monkeypatch):
    """As in a web application's worker, or a service without a console."""
    for name in ("stdout", "stderr"):
        monkeypatch.setattr("sys." + name, None)
    before, ended = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], []
    thread = threading.Thread(target=lambda: ended.append(train(config.to_dict(), tmp_path / "worker")))
    thread.start()
    thread.join()
    assert ended == [0] and [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    for ours, others in zip(parameters(tmp_path / "worker"), parameters(finished), strict=True):
        np.testing.assert_array_equal(ours, others)


@pytest.mark.parametrize(("place", "what"), [("file", "a file"), ("link", "a link that leads nowhere"),
                                             ("file/below", "cannot be written")])
def test_a_workdir_that_is_no_folder_is_told_before_the_work(config, tmp_path, monkeypatch, place, what):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr("dynjax.training.loop._Run", None)
    with pytest.raises(ValueError, match=rf"the workdir .*{place}.* {what}"):
        train(config, tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(("given", "said"), [
    ({"out": "file"}, "file is a file, and a folder was wanted"), ({"out": "file/deep/er"}, "file is a file, and a"),
    ({"out": "link/results"}, "link is a link that leads nowhere"),
    ({"model": "run"}, r"wanted a model file, as .*run/model"),
    ({"model": "empty"}, "is no file; wanted a model file, such as train.py leaves"),
    ({"model": "none"}, "there is no model none"), ({"data": ["folder:none"]}, "none"),
    ({"workdir": "none"}, "there is no model none/model"), ({"niqe": "none.npz"}, r"none\.npz"),
    ({"metrics": ["psnrr"]}, "psnrr"), ({"fixed": ["none"]}, "none")])
def test_what_evaluate_is_given_is_looked_at_before_the_work(config, finished, tmp_path, monkeypatch, given, said):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    Path("empty").mkdir()
    Path("link").symlink_to("nowhere")
    monkeypatch.setattr(sys.modules["dynjax.evaluation.restoration.measure"], "over_devices", None)   # the work
    with pytest.raises(ValueError, match=said):
        measure_run(config, **{"workdir": finished, **given})
    assert {path.name for path in tmp_path.iterdir()} == {"file", "empty", "link", "run"}


def test_a_finished_run_says_so(config, finished, capsys):
    before = (finished / "model.safetensors").read_bytes()
    assert train(config, finished) == 0
    assert "is finished: 4 of 4 steps" in capsys.readouterr().out
    assert (finished / "model.safetensors").read_bytes() == before


def test_events_are_those_of_the_log(config, finished):
    """Read with the format's own rules: a length, its checksum, an Event, its checksum, and so on."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    config.steps = 6
    assert train(config, finished) == 0
    first, second = (events_of(path) for path in sorted((finished / "events").iterdir(), key=os.path.getmtime))
    scalars = {event.step: {value.tag: value.simple_value for value in event.summary.value}
               for event in first + second if event.HasField("summary")}
    rows = {int(row["step"]): row for row in rows_of(finished)}
    assert scalars.keys() == rows.keys() == {1, 2, 3, 4, 5, 6}
    assert all(abs(scalars[step]["loss"] - float(rows[step]["loss"])) < 1e-5 for step in rows)
    assert [event.step for event in second if event.session_log.status == SessionLog.START] == [5]
    assert isinstance(first[0], Event) and first[0].file_version == "brain.Event:2"


def events_of(path):
    from tensorboardX.proto.event_pb2 import Event

    data, events = path.read_bytes(), []
    while data:
        length = int.from_bytes(data[:8], "little")
        events.append(Event.FromString(data[12:12 + length]))
        data = data[16 + length:]
    return events


def test_a_model_left_from_an_earlier_stop_is_written_anew(config, finished):
    """A run may be killed between its last checkpoint and its model."""
    net, variables = dynjax.load(finished / "model.safetensors")
    dynjax.save(finished / "model.safetensors", net, jax.tree.map(np.zeros_like, variables), {"steps": 2})
    assert train(config, finished) == 0
    assert any(np.any(leaf) for leaf in parameters(finished))


def test_a_folder_that_another_run_has_is_refused(config, tmp_path):
    with workdirs.taken(tmp_path), pytest.raises(ValueError, match="another run is training in"):
        train(config, tmp_path)
    assert not (tmp_path / "config.json").exists()


def test_a_folder_that_cannot_be_written_is_refused(config, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"the workdir .*run cannot be written \(Not a directory\)"):
        train(config, tmp_path / "file" / "run")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**30, 2**30, 0))
    with pytest.raises(ValueError, match=r"has 0\.0 MiB free; the checkpoints of this run"):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run" / "log.csv").exists()


def test_a_folder_that_is_moved_while_training_is_told(config, tmp_path, monkeypatch):
    original = Log.write
    monkeypatch.setattr(Log, "write", lambda log, step: (shutil.rmtree(tmp_path / "run", ignore_errors=True),
                                                         original(log, step)))
    with pytest.raises(ValueError, match=r"written \(No such file or directory\)\. Put the folder back"):
        train(config, tmp_path / "run")


def test_names_that_are_no_utf_8(config, tmp_path):
    with pytest.raises(ValueError, match=r"has a name that is no UTF-8"):
        train(config, tmp_path / "bad\udcff")


def test_a_disk_that_fills_up_is_told(config, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("dynjax.training.logs.Log.write", full)
    with pytest.raises(ValueError, match=r"can no longer be written \(No space left on device\)"):
        train(config, tmp_path)


def test_another_config_is_refused_with_the_differences(config, finished):
    config.batch_size, config.network.features = 2, 8
    with pytest.raises(ValueError, match=r"batch_size is 2 here, 4 there; network.features is 8 here, 4 there"):
        train(config, finished)


def test_init_from_starts_with_those_weights(config, finished, tmp_path):
    config.optimizer.learning_rate, config.optimizer.schedule = 0.0, "constant"
    config.init_from = str(finished / "model.safetensors")
    assert train(config, tmp_path / "fine") == 0
    for ours, theirs in zip(parameters(tmp_path / "fine"), parameters(finished), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_init_from_takes_a_plain_network(config, finished, tmp_path):
    tunable, variables = dynjax.load(finished / "model.safetensors")
    net, plain = tunable.bake(variables, [1.0, 0.0])
    dynjax.save(tmp_path / "plain.safetensors", net, plain)
    config.optimizer.learning_rate, config.optimizer.schedule = 0.0, "constant"
    config.init_from = str(tmp_path / "plain.safetensors")
    assert train(config, tmp_path / "fine") == 0
    tuned, variables = dynjax.load(tmp_path / "fine" / "model.safetensors")
    low = np.random.default_rng(0).random((1, 7, 9, 3), np.float32)
    np.testing.assert_allclose(jax.jit(tuned.apply)(variables, low, np.float32([0.4, 0.6])),
                               jax.jit(net.apply)(plain, low), atol=1e-5)


def test_init_from_of_another_network_is_refused(config, finished, tmp_path):
    config.network.features = 8
    config.init_from = str(finished / "model.safetensors")
    with pytest.raises(ValueError, match="does not fit the network of this config"):
        train(config, tmp_path / "fine")
    config.init_from = str(tmp_path / "nothing.safetensors")
    with pytest.raises(ValueError, match="does not exist"):
        train(config, tmp_path / "other")
    config.init_from = str(finished)
    with pytest.raises(ValueError, match="is a folder; give the path of a model file"):
        train(config, tmp_path / "other")


def test_a_loss_that_is_not_finite_stops_the_run(config, tmp_path):
    config.optimizer.update(learning_rate=1e15, schedule="constant", clip=0.0, name="sgd")
    with pytest.raises(ValueError, match=r"stopped at step \d+: "):
        train(config, tmp_path)


def test_what_is_not_finite_is_named_with_its_objective_and_alpha(tmp_path):
    from dynjax.training.loop import check_finite

    images = {"alphas": np.array([[[1.0, 0.0], [0.25, 0.75]]]), "values": np.array([[[0.1, 0.2], [0.1, np.nan]]])}
    with pytest.raises(ValueError, match=r"step 7: objective second is nan at first 0.25, second 0.75\."):
        label = lambda alpha: "first {:.2f}, second {:.2f}".format(*alpha)
        check_finite({"loss": np.nan}, images, 7, ("first", "second"), label, tmp_path)


@pytest.mark.parametrize(("key", "value", "said"), [
    ("data.source", "folder:nowhere", "nowhere"), ("data.patch_size", 64, "64"),
    ("data.patch_size", 30, "multiples of 4"), ("alpha.names", ("fidelity", "beauty"), "beauty"),
    ("network.name", "EDSRR", "EDSR"), ("optimizer.name", "adan", "adam"), ("batch_size", 3, "multiple of"),
    ("task.name", "denoising", "super_resolution"),
    ("task.name", "denoise", r"task\.scale is set, but task\.name 'denoise' has no such option; it takes "),
    ("network.scale", 2, "wanted the same"),
    ("optimizer.accumulate", 0, "wanted 1 or more"), ("steps", 0, "steps is 0; wanted 1 or more"),
    ("seed", 2**63, "from 0 to 2"), ("seed", -1, "from 0 to 2"),
    ("checkpoint_every", -2, "checkpoint_every is -2; wanted a number of steps"),
    ("ema_decay", 1.5, r"ema_decay is 1\.5; wanted less than 1")])
def test_mistakes_in_a_config_are_told(config, tmp_path, key, value, said):
    with config.ignore_type():
        config.update_from_flattened_dict({key: value})
    with pytest.raises(ValueError, match=said):
        train(config, tmp_path)


def test_other_pictures_of_the_same_kind_have_the_config_s_split(pictures):
    experiment = build(get_config())
    assert len(experiment.evaluation_source("samples")) == len(experiment.evaluation_source()) == 2
    assert len(experiment.evaluation_source(f"folder:{pictures}")) == len(list(Path(pictures).iterdir()))


def test_points_that_sum_to_one_are_measured_between_them(config):
    config.alpha.sampler = "[[1.0, 0.0], [0.0, 1.0]]"
    np.testing.assert_allclose(build(config).points(3), [[1, 0], [0.5, 0.5], [0, 1]])
    config.alpha.sampler = "[[1.0, 0.0], [1.0, 1.0]]"
    assert len(build(config).points(3)) == 9


def test_default_folders():
    assert default_workdir(get_config()) == Path("runs/sr_tunable")
    assert default_workdir(get_config("smoke")) == Path("runs/sr_tunable-smoke")


def test_the_command_line_trains_and_measures(tmp_path, pictures):
    source = f"--config.evaluation.source=folder:{pictures}"
    config = (f"{ROOT}/configs/sr_tunable.py:smoke", source, "--config.evaluation.split=",
              "--config.network.features=4", "--config.network.blocks=1")
    status, said = ends(programs.start("--config", *config, cwd=tmp_path))
    assert status == 0 and "compiling" in said, said
    status, said = ends(programs.run(f"{ROOT}/evaluate.py", "--config", *config, cwd=tmp_path))
    assert status == 0 and "bicubic" in said, said
    for name in ("grid.csv", "table.csv", "table.md", "plot.png", "sheet.png"):
        assert (tmp_path / "runs/sr_tunable-smoke/evaluation" / name).stat().st_size > 0


@pytest.mark.parametrize(("arguments", "wanted"), [
    (["--config.stps=3"], "no entry 'stps'; did you mean 'steps'"), (["--config.steps=many"], "invalid literal"),
    (["--wrkdir=x"], "Did you mean: workdir"), (["--config.control.frozen[9]=x"], "wanted the whole of such an entry"),
    (["--config.batch_size=4", "--config.network.batch_size=8"],
     "the config has no entry 'network.batch_size'; network has blocks, features, name, "),
    (["--config.data.thraeds=8"], "the config has no entry 'data.thraeds'; did you mean 'data.threads'?"),
    (["--config.network.features.first=8"], "no entry 'network.features.first'; network.features is 32.")])
def test_wrong_flags_are_told_in_one_line(tmp_path, arguments, wanted):
    status, said = ends(programs.start("--config", f"{ROOT}/configs/sr_tunable.py", *arguments, cwd=tmp_path))
    assert status != 0 and wanted in said and len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("program", ["train.py", "evaluate.py"])
def test_help_lists_the_flags_of_the_program_alone(program):
    status, said = ends(programs.run(f"{ROOT}/{program}", "--help"))
    assert status == 0 and f"usage: python3 {program} --config FILE[:PRESET] [--config.KEY=VALUE ...]" in said
    for text in ("--config=FILE[:PRESET]", "presets", "--config.steps=100", "--workdir=", "--traceback"):
        assert text in said
    assert "--alsologtostderr" not in said and len(said.splitlines()) < 60


def test_names_with_a_comma_between_are_names(tmp_path):
    config = f"{ROOT}/configs/denoise_tunable.py:smoke"
    status, said = ends(programs.start("--config", config, "--config.alpha.names=noise,beauty", "--plan", cwd=tmp_path))
    assert status == 1 and "alpha.names is noise, beauty but objectives are fidelity, noise; wanted the same" in said


def test_an_interrupt_while_the_config_is_read_is_told_in_one_line(tmp_path):
    config = tmp_path / "slow.py"
    config.write_text("def get_config(preset=None):\n    raise KeyboardInterrupt\n")
    assert ends(programs.start("--config", str(config))) == (130, f"{ROOT}/train.py: interrupted.\n")


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["paper", "adversarial", "plain"])
def test_other_presets_train_on_a_small_folder(preset, pictures, tmp_path):
    """Features and critic as in the preset, the network and the data tiny."""
    config = get_config(preset)
    config.network.update(features=4, blocks=1)
    config.critic.update(features=2)
    config.data.update(source=f"folder:{pictures}", split="", patch_size=32, scales=(1.0,))
    config.evaluation.update(source=f"folder:{pictures}", split="")
    config.update(batch_size=4, steps=2, preview_every=0)
    assert train(config, tmp_path) == 0
    row = rows_of(tmp_path)[-1]
    assert float(row["fidelity"]) > 0 and ("critic" in row) == (preset != "plain")


@pytest.mark.slow
def test_a_first_start_that_failed_does_not_lock_the_folder(config, tmp_path):
    config.alpha.group_size = 3
    with pytest.raises(ValueError, match="group_size is 3"):
        train(config, tmp_path)
    config.alpha.group_size = 2
    assert train(config, tmp_path) == 0


@pytest.mark.parametrize(("key", "value", "said"), [
    ("source", "folder:nowhere", "nowhere"), ("alphas", 1, "2 or more")])
def test_what_no_preview_can_be_made_of_shows_before_training(config, tmp_path, key, value, said):
    config.evaluation[key], config.preview_every = value, 4
    with pytest.raises(ValueError, match=said):
        train(config, tmp_path)
    assert not (tmp_path / "log.csv").exists() or not rows_of(tmp_path)


def test_going_on_does_not_need_the_file_it_began_from(config, finished, tmp_path):
    start = tmp_path / "start.safetensors"
    start.write_bytes((finished / "model.safetensors").read_bytes())
    config.init_from = str(start)
    assert train(config, tmp_path / "fine") == 0
    start.unlink()
    config.steps = 5
    assert train(config, tmp_path / "fine") == 0


def test_init_from_refuses_another_order_of_alpha(config, finished, tmp_path):
    config.alpha.names = ("perceptual", "fidelity")
    config.init_from = str(finished / "model.safetensors")
    with pytest.raises(ValueError, match="does not fit the network"):
        train(config, tmp_path / "fine")


def test_where_every_checkpoint_is_damaged_nothing_is_touched(config, finished):
    for folder in (finished / "checkpoints").iterdir():
        (folder / "checksums.json").unlink()
    before = (finished / "config.json").read_bytes()
    config.steps = 5
    with pytest.raises(ValueError, match=r"every checkpoint in .* is damaged"):
        train(config, finished)
    assert (finished / "config.json").read_bytes() == before


def test_an_interrupted_run_says_what_it_has(config, finished, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dynjax.training.loop.check_finite", interrupt)
    config.steps = 5
    with pytest.raises(KeyboardInterrupt, match="the last checkpoint is of step 4, from which the same"):
        train(config, finished)
