"""Several processes train one run: as one process would, ending together, with a sentence when one is lost."""
import concurrent.futures
import contextlib
import signal
import socket
import struct
import threading

import jax
import numpy as np
import programs
import pytest
from ml_collections import ConfigDict
from programs import ROOT, ends, wait_until

import dynjax
from dynjax.training import hosts, meeting, watch

CONFIG = (f"{ROOT}/configs/sr_tunable.py:smoke", "--config.network.features=4", "--config.network.blocks=1",
          "--config.optimizer.name=sgd", "--config.optimizer.learning_rate=0.1")


def start(folder, cache, *flags, devices):
    """train.py in a folder of its own, where it would leave runs/."""
    folder.mkdir(exist_ok=True)
    return programs.start("--config", *CONFIG, *flags, cache=cache, cwd=folder, devices=devices)


def free_port():
    with socket.create_server(("", 0)) as free:
        return free.getsockname()[1]


def start_two(folder, cache, *flags, each=((), ())):
    """Two processes of two devices, in the folders 0 and 1, with flags for both and for each."""
    port = free_port()
    return [start(folder / str(index), cache, *flags, *each[index], "--multihost", f"--coordinator=127.0.0.1:{port}",
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


@pytest.mark.slow
def test_another_config_at_one_of_them_is_told_by_both(tmp_path, cache):
    two = start_two(tmp_path, cache, each=[["--config.seed=1"], ["--config.seed=2", "--config.data.threads=1"]])
    for status, said in map(ends, two):
        assert status == 1, said
        assert "train something else than the first: config.seed is 1 at the first, 2 at the other. Start" in said


@pytest.mark.slow
def test_the_one_that_holds_the_service_is_the_last_to_go(tmp_path):
    """The second takes its time, as on a busy machine, to say goodbye to the service that the first holds."""
    program = """
import sys, time
import jax
from ml_collections import ConfigDict
from dynjax.training import hosts
process, goodbye = int(sys.argv[2]), jax.distributed.shutdown
jax.distributed.shutdown = lambda: (time.sleep(2 * process), goodbye())
with hosts.joined(ConfigDict({"seed": 0}), sys.argv[1], 2, process):
    pass
"""
    address = f"127.0.0.1:{free_port()}"
    two = [programs.run("-c", program, address, str(index), cache=tmp_path) for index in range(2)]
    for status, said in map(ends, two):
        assert status == 0, said


def test_flags_of_several_processes_alone_are_told(tmp_path, cache):
    status, said = ends(start(tmp_path, cache, "--processes=2", devices=1))
    assert status == 1 and said.strip().endswith("are for --multihost, which is missing; add it.")


def meet(*others, processes=None, about="this", timeout=20):
    """What the first process and the others, {argument of `come`: value}, return or raise, met in one program."""
    server, processes = meeting.listen(), processes or 1 + len(others)
    port = server.getsockname()[1]
    compare = lambda first, other: [f"{first} is not {other}"] if first != other else []

    def come(process, processes=processes, about=about):
        return meeting.come(("127.0.0.1", port), process, processes, about, timeout=timeout)

    with concurrent.futures.ThreadPoolExecutor() as threads:
        futures = [threads.submit(meeting.await_others, server, processes, about, compare, lambda: "go",
                                  timeout=timeout)]
        futures += [threads.submit(come, **other) for other in others]
        return [future.exception() or future.result() for future in futures]


def test_those_who_meet_are_connected():
    (first, _), *others = meet({"process": 1}, {"process": 2})
    assert len(first) == 2 and [answer for _, answer in others] == ["go", "go"]
    for connection in (*first, *(connection for connection, _ in others)):
        connection.close()


@pytest.mark.parametrize(("others", "sentence"), [
    ([{"process": 1, "about": "that"}], "process 1 is about to train something else than the first: this is not that"),
    ([{"process": 1}, {"process": 1}], "two processes say that they are process 1 of this run; give each its own"),
    ([{"process": 1, "processes": 3}], "process 1 was told that there are 3 processes, the first one that there are 2"),
])
def test_those_who_do_not_belong_together_are_told(others, sentence):
    results = meet(*others)
    assert all(isinstance(result, ValueError) and sentence in str(result) for result in results)


def test_one_who_does_not_come_is_named_to_those_who_did():
    for result in meet({"process": 2}, processes=3, timeout=0.5):
        assert "1 of 3 processes did not come within 0.5 seconds: process 1. Start" in str(result)


def test_one_that_was_stopped_and_started_again_is_welcome():
    server = meeting.listen()
    address = ("127.0.0.1", server.getsockname()[1])
    with concurrent.futures.ThreadPoolExecutor() as threads:
        with socket.create_connection(address) as stopped:
            meeting._say(stopped, {"greeting": meeting.GREETING, "process": 1, "processes": 3, "about": "this"})
        first = threads.submit(meeting.await_others, server, 3, "this", lambda *_: [], lambda: "go", timeout=20)
        others = [threads.submit(meeting.come, address, process, 3, "this", timeout=20) for process in (1, 2)]
        assert [other.result()[1] for other in others] == ["go", "go"]
        for connection in (*first.result()[0], *(other.result()[0] for other in others)):
            connection.close()


def test_a_connection_to_oneself_is_not_the_first_process(monkeypatch):
    def to_itself(address, _):
        itself = socket.socket()
        itself.bind(address)
        itself.connect(address)
        return itself

    monkeypatch.setattr(socket, "create_connection", to_itself)
    with pytest.raises(ValueError, match="no process of this run answers"):
        meeting.come(("127.0.0.1", free_port()), 1, 2, "this", timeout=0.1)


def test_where_no_first_process_is_it_is_told():
    with pytest.raises(ValueError, match="no process of this run answers at 127"):
        meeting.come(("127.0.0.1", free_port()), 1, 2, "this", timeout=0.1)


def test_strangers_on_the_port_are_turned_away(monkeypatch):
    monkeypatch.setattr(meeting, "PATIENCE", 0.1)
    server = meeting.listen()
    address = ("127.0.0.1", server.getsockname()[1])
    with contextlib.ExitStack() as stack:
        silent, loud, deep, gone = (stack.enter_context(socket.create_connection(address)) for _ in range(4))
        loud.sendall(b"GET / HTTP/1.1\n")
        deep.sendall(b"[" * 200_000 + b"\n")
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))   # a reset when it closes
        gone.close()
        coming = threading.Thread(target=meeting.come, args=(address, 1, 2, "this"))
        coming.start()
        (connection,), _ = meeting.await_others(server, 2, "this", lambda *_: [], lambda: None)
        assert silent.recv(1) == loud.recv(1) == deep.recv(1) == b""
        coming.join()
        connection.close()


@pytest.mark.parametrize("text", ["host", "host:", ":1234", "host:port", "host:0", "host:65536", "::1:1234", "h:²"])
def test_an_address_that_is_none_is_told(text):
    with pytest.raises(ValueError, match="wanted HOST:PORT"):
        meeting.parse_address(text)


def test_addresses():
    assert meeting.parse_address("host:1234") == ("host", 1234)
    assert meeting.parse_address("[::1]:65535") == ("::1", 65535)


def test_a_port_that_is_taken_is_told():
    with socket.create_server(("", 0)) as taken, pytest.raises(ValueError, match="cannot listen on port"):
        meeting.listen(taken.getsockname()[1])


def test_the_environment_is_read_and_checked(monkeypatch):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "127.0.0.1:1234")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "two")
    with pytest.raises(ValueError, match="JAX_NUM_PROCESSES is 'two'; wanted a whole number"):
        hosts.joined(ConfigDict()).__enter__()


def test_who_leaves_is_not_missed_and_closes_last():
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs, (ours, _) = socket.create_connection(server.getsockname()), server.accept()
    watching = watch.Watch([ours])
    watching.leave()
    theirs.sendall(watch.GOODBYE)
    watching.await_closed(0.1)
    assert watching._looking[0].is_alive()   # they said goodbye, but are not gone yet
    theirs.close()
    watching.await_closed(20)
    assert not watching._looking[0].is_alive()
    watching.close()
