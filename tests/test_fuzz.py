"""Thousands of damaged files of every format that is read: a sentence, or arrays; see fuzz_process.py."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_process import Guard, try_case
from fuzz_samples import ARRAY_FORMATS, FORMATS, PICTURE_FORMATS

TESTS = Path(__file__).parent


def fuzz(count, *formats):
    """The process's line for each format, after it has ended well."""
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run([sys.executable, TESTS / "fuzz_process.py", str(count), *formats], capture_output=True,
                          text=True, env=environment, timeout=3600)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"ended with {done.returncode} in case {lines[-1:]}: {done.stderr[-2000:]}"
    return [json.loads(line) for line in lines if line.startswith("{")]


def check(report, count):
    assert not report["failures"], f"{report['format']}: {len(report['failures'])}, {report['failures'][:5]}"
    assert report["read"] + report["refused"] == report["cases"] == count
    # Damage reaches what is behind the first bytes, where some of it goes unnoticed; never in our own files.
    assert (report["read"] == 0) if report["format"] == "model" else report["read"] > 0
    assert report["refused"] > 0.2 * count


def test_some_damaged_files_of_each_format():
    reports = fuzz(150)
    assert [report["format"] for report in reports] == list(FORMATS)
    for report in reports:
        check(report, 150)


@pytest.mark.slow
@pytest.mark.parametrize("formats", [ARRAY_FORMATS, PICTURE_FORMATS], ids=["arrays", "pictures"])
def test_ten_thousand_damaged_files_of_each_format(formats):
    for report in fuzz(10_000, *formats):
        print({name: value for name, value in report.items() if name != "warned"})   # seen with -s
        check(report, 10_000)


def test_what_a_reader_must_not_do_is_noticed(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(b"anything")
    guard = Guard()

    def reader(*event, error=None):
        def read(path):
            try:
                if event:
                    guard(*event)
            except RuntimeError:   # as readers do, who turn everything into their own sentence
                raise ValueError(f"{path} is damaged") from None
            if error is not None:
                raise error
        return read

    refusal = ValueError(f"{path} is damaged")
    assert try_case(path, reader(error=refusal), guard) == "refused"
    assert try_case(path, reader("open", (str(path), "rb", os.O_RDONLY)), guard) == "read"
    for event, arguments in (("os.system", (b"true",)), ("subprocess.Popen", ("gs", [], None, None)),
                             ("socket.connect", ()), ("exec", ("code",)), ("open", ("x", "w", os.O_WRONLY))):
        assert try_case(path, reader(event, arguments), guard).startswith(f"it did {event}")
    for error, said in ((KeyError("x"), "KeyError"), (MemoryError(), "MemoryError"), (ValueError("no"), "not named"),
                        (ValueError(f"{path}\n"), "more than a line"),
                        (ValueError(f"{path}{'x' * 2000}"), "characters")):
        assert said in try_case(path, reader(error=error), guard)
