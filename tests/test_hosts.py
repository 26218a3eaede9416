"""Several processes train one run: as one process would, ending together, with a sentence when one is lost."""
import signal
import socket
import threading

import jax
import numpy as np
import programs
import pytest
from programs import ROOT, ends, wait_until

import dynjax
from dynjax.training import watch

CONFIG = (f"{ROOT}/configs/sr_tunable.py:smoke", "--config.network.features=4", "--config.network.blocks=1",
          "--config.optimizer.name=sgd", "--config.optimizer.learning_rate=0.1")


def start(folder, cache, *flags, devices):
    """train.py in a folder of its own, where it would leave runs/."""
    folder.mkdir(exist_ok=True)
    return programs.start("--config", *CONFIG, *flags, cache=cache, cwd=folder, devices=devices)


def start_two(folder, cache, *flags):
    """Two processes of two devices, in the folders 0 and 1."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return [start(folder / str(index), cache, *flags, "--multihost", f"--coordinator=127.0.0.1:{port}",
                  "--processes=2", f"--process={index}", devices=2) for index in range(2)]


def wait_until_trained(folder, steps, two):
    log = folder / "0/runs/sr_tunable-smoke/log.csv"
    wait_until(lambda: log.exists() and len(log.read_text().splitlines()) > steps, *two)


def parameters(folder):
    return jax.tree.leaves(dynjax.load(folder / "runs/sr_tunable-smoke/model.safetensors")[1])


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("programs")


@pytest.mark.slow
def test_a_signal_to_one_stops_both_and_they_go_on(tmp_path, cache):
    two = start_two(tmp_path, cache, "--config.steps=100000", "--config.checkpoint_every=100000")
    wait_until_trained(tmp_path, 2, two)
    two[1].send_signal(signal.SIGTERM)   # to one of them: both stop, at the same step
    (first, said), (second, other) = map(ends, two)
    assert first == second == 128 + signal.SIGTERM, said + other
    assert "Stopped at step" in said and "Stopped" not in other
    stopped_at = max(int(path.name) for path in (tmp_path / "0/runs/sr_tunable-smoke/checkpoints").iterdir())
    two = start_two(tmp_path, cache, f"--config.steps={stopped_at + 2}")
    (first, said), (second, other) = map(ends, two)
    assert first == second == 0, said + other
    assert f"Trained {stopped_at + 2} steps" in said and "Trained" not in other
    assert not list((tmp_path / "1").iterdir())   # only the first writes


@pytest.mark.slow
def test_the_parameters_are_those_of_one_process(tmp_path, cache):
    one = start(tmp_path / "one", cache, "--config.steps=10", "--config.optimizer.schedule=constant", devices=4)
    two = start_two(tmp_path, cache, "--config.steps=10", "--config.optimizer.schedule=constant")
    for program in (one, *two):
        status, said = ends(program)
        assert status == 0, said
    for ours, theirs in zip(parameters(tmp_path / "0"), parameters(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_when_one_is_killed_the_other_ends_with_a_sentence(killed, tmp_path, cache):
    two = start_two(tmp_path, cache, "--config.steps=100000")
    wait_until_trained(tmp_path, 2, two)
    two[killed].kill()
    status, said = ends(two[1 - killed])
    assert status == 1 and "another process of this run has ended" in said and "Traceback" not in said
    two[killed].communicate()


@pytest.mark.slow
def test_a_refusal_ends_all_of_them(tmp_path, cache):
    (tmp_path / "0").mkdir()
    (tmp_path / "0/runs").write_text("not a folder")
    (first, said), (second, other) = map(ends, start_two(tmp_path, cache))
    assert first == second == 1 and "cannot be written" in said, said + other
    assert "first process of this run could not go on" in other or "another process of this run" in other


def test_flags_of_several_processes_alone_are_told(tmp_path, cache):
    status, said = ends(start(tmp_path, cache, "--processes=2", devices=1))
    assert status == 1 and said.strip().endswith("are for --multihost, which is missing; add it.")


def test_a_stranger_on_the_watched_port_is_turned_away():
    server, token = watch.listen()
    address = ("127.0.0.1", server.getsockname()[1])
    with socket.create_connection(address) as stranger:
        stranger.sendall(bytes(watch.TOKEN_BYTES))
        connecting = threading.Thread(target=watch.connect, args=(address, token))
        connecting.start()
        connection, = watch.await_others(server, token, 1)
        assert stranger.recv(1) == b""
    connecting.join()
    connection.close()
