"""What a program inherits and no session chose: streams, code page, a platform of JAX; each start is a process."""
import os
import subprocess
import sys

import pytest
from programs import ROOT

CONFIG = f"""
import sys
sys.path.append({str(ROOT)!r})
from configs import denoise_tunable
def get_config():
    config = denoise_tunable.get_config("smoke")
    config.network.features = 4
    config.data.patch_size = 8
    config.update(steps=2, preview_every=0)
    return config
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("surroundings") / "tiny.py"
    path.write_text(CONFIG)
    return path


def shell(line, folder, config, **environment):
    """A line of a shell in which variables stand for what is started."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "TRAIN": f"{ROOT}/train.py",
             "PYTHON": sys.executable, "CONFIG": str(config),
             "JAX_COMPILATION_CACHE_DIR": os.environ["DYNJAX_TEST_PROGRAMS"],
             "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", **environment}
    return subprocess.run(["bash", "-c", line], cwd=folder, env=given, capture_output=True, timeout=900)


@pytest.mark.parametrize("closed", [
    "<&- >&- 2>&-", *(pytest.param(each, marks=pytest.mark.slow) for each in (">&-", "2>&-"))])
def test_closed_streams_end_no_run_and_get_no_file(tmp_path, config, closed):
    ended = shell(f'exec "$PYTHON" "$TRAIN" --config "$CONFIG" --workdir=run {closed}', tmp_path, config)
    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    assert (tmp_path / "run" / "model.safetensors").exists() and (tmp_path / "run" / "checkpoints" / "2").is_dir()
    # What is printed must not be in a file that got the number of a closed stream.
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or b"compiling the training step" not in path.read_bytes()


def test_a_code_page_without_the_path_s_characters(tmp_path, config):
    ended = shell('"$PYTHON" "$TRAIN" --config "$CONFIG" --workdir=wü雪', tmp_path, config,
                  PYTHONIOENCODING="ascii:strict")
    assert ended.returncode == 0 and rb"The model is w\xfc\u96ea/model.safetensors" in ended.stdout, ended.stderr
    ended = shell('"$PYTHON" "$TRAIN" --config "$CONFIG" --config.größe=1', tmp_path, config,
                  PYTHONIOENCODING="ascii:strict")
    assert ended.returncode == 2 and rb"no entry 'gr\xf6\xdfe'" in ended.stderr


PLATFORM = """
import numpy as np
import dynjax
from configs.denoise_tunable import get_config
from dynjax import networks, training
net = networks.EDSR(features=4, blocks=1, scale=1)
for name, call in {
    "load": lambda: dynjax.load("denoise-edsr"), "pretrained": lambda: dynjax.pretrained.load(net, {"a": np.ones(1)}),
    "restore": lambda: dynjax.inference.restore(net, {}, np.zeros((8, 8, 3), np.uint8)),
    "grid": lambda: dynjax.grid(net, {}, np.zeros((1, 8, 8, 3)), [[0.0]]),
    "plan": lambda: training.plan(get_config("smoke")),
    "train": lambda: training.train(get_config("smoke"), "run")}.items():
    try:
        call()
    except ValueError as error:
        print(name, str(error))
"""


@pytest.mark.parametrize("platform", ["cuda", "tpu", "cpuu"])
def test_a_platform_that_is_not_there_is_named_by_every_entry(tmp_path, config, platform):
    ended = shell('exec "$PYTHON" -c "$PROGRAM"', tmp_path, config, JAX_PLATFORMS=platform, PROGRAM=PLATFORM)
    said = ended.stdout.decode().splitlines()
    names = [line.split()[0] for line in said]
    assert names == ["load", "pretrained", "restore", "grid", "plan", "train"], ended.stderr
    wanted = f"JAX_PLATFORMS is '{platform}', and JAX finds no such device on this machine"
    assert all(wanted in line and line.endswith("the best there is.") for line in said), said


def test_a_platform_that_is_not_there_is_one_line_of_a_program(tmp_path, config):
    ended = shell('exec "$PYTHON" "$TRAIN" --config "$CONFIG" --plan', tmp_path, config, JAX_PLATFORMS="cpuu")
    assert ended.returncode == 1 and len(ended.stderr.decode().strip().splitlines()) == 1
    assert b"JAX_PLATFORMS is 'cpuu'" in ended.stderr
