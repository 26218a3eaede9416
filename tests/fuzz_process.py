"""Reads thousands of damaged files in a process of its own, which may not run, write or open what they ask for.

    python tests/fuzz_process.py 10000 png jpeg     # so many cases of each; a line of JSON for each format

Case i of a format is the same in every run. A crash or an endless loop in C leaves the case's number as the last line
of the standard output; everything else that is wrong is among the "failures" of the format's line.
"""
import codecs
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path

import fuzz_samples
import numpy as np
from fuzz_mutations import mutate
from PIL import Image

from dynjax.control import TunableConv
from dynjax.files import PictureError, read_arrays, read_deep_picture, read_picture
from dynjax.files.image_encoding import encoded
from dynjax.files.image_file import read_image_file
from dynjax.files.pickled_arrays import read_pickled_arrays
from dynjax.models import load, load_card, pretrained

MIB = 2**20
SECONDS = 10            # of this process's own time, for one case; they take milliseconds
MOST_PIXELS = MIB       # instead of Pillow's 89 million, so that what they take can be told from what nothing limits
MOST_TRACED = 4 * MIB    # Python's and numpy's memory for the arrays of a file of some KiB
MOST_VIRTUAL = 256 * MIB   # growth of the whole process, with what the decoders take, by one case
LONGEST_MESSAGE = 1000
FORBIDDEN = ("os.", "subprocess.", "socket.", "shutil.", "ctypes.", "pty.", "webbrowser.", "ftplib.", "urllib.", "exec")
HARMLESS = ("os.listdir", "os.scandir", "os.walk", "os.fwalk", "os.putenv")


class Hang(BaseException):
    """A case that takes longer than any."""


class Guard:
    """Notes what a case did that no reader should do; armed once all modules are loaded."""

    def __init__(self):
        self.armed, self.events = False, []

    def __call__(self, event, arguments):
        if not self.armed:
            return
        writes = event == "open" and (arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC))
        if writes or (event.startswith(FORBIDDEN) and event not in HARMLESS):
            self.events.append(f"{event} {str(arguments)[:200]}")
            raise RuntimeError(f"{event} while a damaged file is read")


def check_leaf(value):
    assert isinstance(value, np.ndarray | int | float | str | None), type(value)
    if isinstance(value, np.ndarray):
        assert not value.dtype.hasobject and value.dtype.fields is None, value.dtype
        if value.size:   # no address outside of the memory it has
            str((value[(0,) * value.ndim], value[(-1,) * value.ndim]))


def check_tree(value):
    """Dicts, lists and tuples of leaves, however often a part is mentioned."""
    waiting, seen = [value], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            assert all(isinstance(key, str | int | float | None) for key in value)
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
        else:
            check_leaf(value)


def check_arrays(path):
    arrays = read_arrays(path)
    if path.suffix != ".pth":
        assert arrays.keys() == {name for name in arrays if isinstance(name, str)}
        assert all(type(array) is np.ndarray for array in arrays.values())
    check_tree(arrays)
    return arrays


LAYER, LOADS = TunableConv(2, (1, 1), alpha=1), itertools.count()


def check_weights(path):
    """The arrays, and some of those that were readable as a layer's weights: all of them would take too long."""
    arrays = check_arrays(path)
    if next(LOADS) % 20 == 0:
        try:
            pretrained.load(LAYER, path)
        except ValueError as error:   # which speaks of the source, not of the file
            assert "source" in str(error) and str(error).isprintable(), str(error)[:300]
    return arrays


def check_model(path):
    card, (net, variables) = load_card(path), load(path)
    assert isinstance(card, dict) and hasattr(net, "apply")
    assert isinstance(variables, dict | list | tuple | None)


def check_picture(path):
    """By both readers; what one of them refuses the other must not do wrong."""
    error = None
    for read, dtypes, channels in ((read_picture, (np.uint8,), (3,)),
                                   (read_deep_picture, (np.uint8, np.uint16), (1, 2, 3, 4))):
        try:
            picture = read(path)
        except PictureError as refused:
            error = refused
            check_message(refused, path)
        else:
            assert picture.dtype in dtypes and picture.ndim == 3 and picture.shape[-1] in channels and picture.size
    if error is not None:
        raise error
    check_metadata(path)


def check_metadata(path):
    """What is said of a picture can be written beside another."""
    metadata = read_image_file(path, name=str(path), reader="", with_metadata=True).metadata
    for ending, dtype in ((".png", np.uint8), (".jpg", np.uint8), (".tif", np.uint16)):
        other = np.zeros((1, 1, 3), dtype)
        assert encoded(other, ending, metadata=metadata.fitted(other))


def check_message(error, path):
    message = str(error)
    assert path.name in message, f"the file is not named: {message[:200]}"
    assert message.isprintable(), f"more than a line: {message[:200]!r}"
    assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message[:200]}"


def reader_of(name):
    if name in fuzz_samples.PICTURE_FORMATS:
        return check_picture
    readers = {"model": check_model, "model_signed": check_model,
               "pickle": lambda path: check_tree(read_pickled_arrays(path))}
    return readers.get(name, check_weights)


def damaged(name, files, index):
    """Case `index` of a format."""
    rng = random.Random(f"{name} {index}")
    data = files[index % len(files)]
    _, _, wrapped = fuzz_samples.FORMATS[name]
    if wrapped is not None and (name == "model_signed" or rng.random() < 0.6):
        return wrapped(data, rng, lambda inner: mutate(inner, rng))
    return mutate(data, rng, files)


def virtual():
    """The largest size of the process so far, bytes."""
    return int(Path("/proc/self/status").read_text().split("VmPeak:")[1].split()[0]) * 1024


def try_case(path, read, guard):
    """"read" or "refused", or what is wrong, in words."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    guard.armed = True
    try:
        read(path)
        outcome = "read"
    except ValueError as error:
        try:
            check_message(error, path)
            outcome = "refused"
        except AssertionError as wrong:
            outcome = str(wrong)
    except BaseException as error:
        outcome = f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        guard.armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)
    if guard.events:
        outcome = f"it did {guard.events.pop()}"
    return outcome


def fuzz(name, count, folder, guard):
    ending, make, _ = fuzz_samples.FORMATS[name]
    files, read = make(folder), reader_of(name)
    is_picture = name in fuzz_samples.PICTURE_FORMATS
    path = folder / f"fuzzed{ending}"
    counts, failures, warned = {"read": 0, "refused": 0}, [], {}
    with path.open("w+b", buffering=0) as file:

        def write(data):
            file.seek(0)
            file.truncate()
            file.write(data)

        good = 0
        for data in (*files, b"no file of any kind"):   # loads what is imported late, and tells of wrong samples
            write(data)
            outcome = try_case(path, read, Guard())
            good += outcome == "read"
        assert good >= 0.7 * len(files), f"{good} of {len(files)} samples of {name} are good, {outcome}"
        size, begin = virtual(), time.process_time()
        for index in range(count):
            write(damaged(name, files, index))
            print(f"{name} {index}", flush=True)
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                if not is_picture:   # Pillow's decoders in Python become a hundred times as slow
                    tracemalloc.start()
                outcome = try_case(path, read, guard)
            for warning in heard:
                warned.setdefault(f"{warning.category.__name__}: {str(warning.message)[:60]}", index)
            if outcome in counts:
                counts[outcome] += 1
            else:
                failures.append([index, outcome])
            traced = tracemalloc.get_traced_memory()[1]   # 0 where nothing is traced
            tracemalloc.stop()
            size, before = virtual(), size
            if traced > MOST_TRACED or size - before > MOST_VIRTUAL:
                failures.append([index, f"{traced / MIB:.0f} MiB, {(size - before) / MIB:.0f} of the whole process"])
    return {"format": name, "cases": count, **counts, "failures": failures, "warned": warned,
            "seconds": round(time.process_time() - begin, 1)}


def main(count, names):
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    Image.init()   # all of Pillow's formats
    for name in ("unicode_escape", "cp1252"):   # imported late, of which the guard would tell
        codecs.lookup(name)
    pretrained.load(LAYER, {"weight": np.ones((2, 3, 1, 1)), "bias": np.ones(2)})
    guard = Guard()
    sys.addaudithook(guard)

    def hang(*_):
        raise Hang(f"more than {SECONDS} seconds")

    signal.signal(signal.SIGPROF, hang)
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            print(json.dumps(fuzz(name, int(count), Path(folder), guard)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] or fuzz_samples.FORMATS)
