"""Programs, train.py above all, that a test starts, watches and stops."""
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 900   # seconds for anything to happen


def start(*arguments, **where):
    """train.py with its arguments; see `run`."""
    return run(str(ROOT / "train.py"), *arguments, **where)


def run(*arguments, cache=None, cwd=None, devices=None):
    """A Python program with its output in one stream.

    Args:
      cache: folder for compiled programs, so that all starts but the first are quick; the one of this test run, unless
        the program is to be killed, perhaps while it writes there. devices: virtual ones.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu",
                   "JAX_COMPILATION_CACHE_DIR": str(cache or os.environ["DYNJAX_TEST_PROGRAMS"]),
                   "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    if devices is not None:
        environment["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen([sys.executable, *arguments], cwd=cwd, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def ends(program):
    """(exit status, what it said) of a program, which must end."""
    said, _ = program.communicate(timeout=LIMIT)
    return program.returncode, said


def wait_until(happened, *programs, every=0.1):
    """Waits for what running programs do, looking every so many seconds; none of them may end before."""
    deadline = time.monotonic() + LIMIT
    while not happened():
        with contextlib.suppress(subprocess.TimeoutExpired):
            programs[0].wait(timeout=every)
        for program in programs:
            assert program.poll() is None and time.monotonic() < deadline, program.communicate()[0]
