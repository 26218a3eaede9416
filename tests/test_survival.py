"""A run that is killed again and again ends as one that never was: train.py as a program, every task."""
import contextlib
import random
import signal
import subprocess

import jax
import numpy as np
import orbax.checkpoint
import programs
import pytest
from programs import ROOT, ends, wait_until

# config: what makes its smoke preset long enough to be killed. Between them two phases, critics, batch statistics,
# averaged weights and accumulated gradients.
RUNS = {
    "sr_tunable": ["--config.steps=150", "--config.ema_decay=0.9", "--config.optimizer.accumulate=2"],
    "denoise_tunable": ["--config.steps=60"],
    "denoise_deblur_tunable": ["--config.steps=60"],
    "nafnet_denoise_tunable": ["--config.steps=60"],
    "style_tunable": ["--config.steps=60"],
    "completion_dynamic": ["--config.phases.main.steps=30", "--config.phases.blocks.steps=30"],
    "faces_dynamic": ["--config.phases.main.steps=30", "--config.phases.blocks.steps=30"],
}
KILLS = {"sr_tunable": 20}


def start(name, workdir, cache):
    """train.py on the smoke preset, with a checkpoint at every step, as a user starts it."""
    return programs.start("--config", f"{ROOT}/configs/{name}.py:smoke", *RUNS[name], "--config.checkpoint_every=1",
                          "--config.preview_every=0", f"--workdir={workdir}", cache=cache)


def finish(program):
    """Waits for a program, which must end well."""
    status, said = ends(program)
    assert status == 0, said


def names(workdir):
    return {path.name for path in (workdir / "checkpoints").glob("*")}


def newest(workdir):
    return max((int(name) for name in names(workdir) if name.isdigit()), default=-1)


def in_the_middle_of_a_save(workdir):
    return any(".saving" in name for name in names(workdir))


def arrays(workdir):
    """All that the last checkpoint holds, by path."""
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        tree = checkpointer.restore((workdir / "checkpoints" / str(newest(workdir))).absolute())
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def assert_same_model(ours, uninterrupted):
    ours, uninterrupted = ((folder / "model.safetensors").read_bytes() for folder in (ours, uninterrupted))
    assert ours == uninterrupted


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where the runs of this file keep their compiled programs, so that all but the first start quickly."""
    return tmp_path_factory.mktemp("programs")


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_killed_at_random_moments_it_ends_as_if_nothing_had_happened(name, tmp_path, cache):
    finish(start(name, tmp_path / "whole", cache))
    killed, moments = tmp_path / "killed", random.Random(name)
    for kill in range(KILLS.get(name, 3)):
        program, before = start(name, killed, cache), newest(killed)
        # Each start gets a step further; then at any moment, every third time in the middle of a save.
        wait_until(lambda before=before: newest(killed) > before, program)
        if kill % 3 == 2:
            wait_until(lambda: in_the_middle_of_a_save(killed), program, every=0.001)
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(timeout=moments.uniform(0, 0.3))
        assert program.poll() is None, f"finished before kill {kill}: {program.communicate()[0]}"
        program.kill()
        program.communicate()
    finish(start(name, killed, cache))
    assert_same_model(killed, tmp_path / "whole")
    ours, uninterrupted = arrays(killed), arrays(tmp_path / "whole")
    assert ours.keys() == uninterrupted.keys() and len(ours) > 10
    for path, array in uninterrupted.items():
        np.testing.assert_array_equal(ours[path], array, err_msg=path)
    steps = [int(line.split(",")[0]) for line in (killed / "log.csv").read_text().splitlines()[1:]]
    assert steps == list(range(1, newest(killed) + 1))
    assert all(name.isdigit() for name in names(killed))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_it_ends_as_if_nothing_had_happened(number, tmp_path, cache):
    finish(start("denoise_tunable", tmp_path / "whole", cache))
    stopped = tmp_path / "stopped"
    program = start("denoise_tunable", stopped, cache)
    wait_until(lambda: newest(stopped) > 3, program)
    program.send_signal(number)
    status, said = ends(program)
    assert status == 128 + number and "The same command goes on" in said
    finish(start("denoise_tunable", stopped, cache))
    assert_same_model(stopped, tmp_path / "whole")


@pytest.mark.slow
def test_nobody_has_to_read_what_it_says(tmp_path, cache):
    """As behind `| less` that was left, or in a terminal that was closed."""
    program = start("denoise_tunable", tmp_path, cache)
    program.stdout.close()
    assert program.wait(timeout=programs.LIMIT) == 0
    assert newest(tmp_path) == 60 and (tmp_path / "model.safetensors").exists()


@pytest.mark.slow
def test_a_second_run_in_the_same_folder_is_refused(tmp_path, cache):
    first = start("denoise_tunable", tmp_path, cache)
    wait_until(lambda: (tmp_path / "config.json").exists(), first)
    second = start("denoise_tunable", tmp_path, cache)
    status, said = ends(second)
    assert status == 1 and "another run is training in" in said.splitlines()[-1]
    finish(first)
