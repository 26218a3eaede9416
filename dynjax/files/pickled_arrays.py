"""Pickles of nested dicts of numpy arrays, read without calling anything that the file names."""
import collections
import io
import re
from functools import partial
from pathlib import Path

import numpy as np

from dynjax.files.messages import MOST, one_line
from dynjax.files.unpickling import Call, GuardedUnpickler, RefusedError, check_keys


def read_pickled_arrays(path):
    """Reads nested dicts of numeric numpy arrays from a pickle of any protocol, written under numpy 1 or 2.

    The file may name dict, OrderedDict and numpy's constructors of arrays and types; even those are replaced by
    recorders defined here, so that nothing of numpy's own unpickling runs on the file's bytes.

    Args:
      path: the file.

    Returns:
      dict (or OrderedDict) of such dicts and of read-only arrays: booleans, integers, floats and complex numbers.

    Raises:
      FileNotFoundError: no such file.
      ValueError: the file names anything else (the message has that name), holds other leaves, or is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; wanted a pickle of numpy arrays.")
    try:
        return _resolve(_Reader(io.BytesIO(path.read_bytes())).load(), (), {})
    except RefusedError as error:
        raise ValueError(f"{path} was not read: {one_line(error)}") from None
    except Exception as error:   # a damaged pickle raises nearly anything
        raise ValueError(f"{path} is no readable pickle of numpy arrays ({type(error).__name__}: {one_line(error)}); "
                         "wanted a complete file of nested dicts of arrays.") from error


class NumpyType:
    """A numpy type as written in the file: its code, and its byte order, which comes with the state."""

    def __init__(self, code):
        self.code = code.decode("latin1") if isinstance(code, bytes) else code
        self.order = "="

    def __setstate__(self, state):
        self.order = state[1]

    def numpy(self):
        if not isinstance(self.code, str):
            raise RefusedError(f"it holds an array of type {type(self.code).__name__}; wanted numbers or booleans.")
        if not re.fullmatch("[biufc][0-9]{1,2}", self.code) or self.order not in ("<", ">", "=", "|"):
            raise RefusedError(f"it holds an array of type {self.code!r}; wanted numbers or booleans.")
        return np.dtype(self.code).newbyteorder(self.order)


class NumpyArray:
    """An array as written in the file, turned into numpy's at the end."""

    def __init__(self, state=None):
        self.state = state

    def __setstate__(self, state):
        _, shape, kind, column_major, raw = state
        self.state = shape, kind, "F" if column_major else "C", raw, None

    def numpy(self):
        shape, kind, order, raw, axes = self.state
        dtype = kind.numpy()
        raw = raw.encode("latin1") if isinstance(raw, str) else raw   # written by Python 2
        array = np.frombuffer(raw, dtype).reshape(shape, order="C" if order == "K" else order)
        array = array if axes is None else array.transpose(axes)
        array.flags.writeable = False
        return array


def _no_bytes():
    """How protocols 0 to 2 write the bytes of an empty array."""
    return b""


def _encode(text, encoding):
    """How protocols 0 to 2 write all other bytes."""
    if encoding != "latin1":
        found = repr(encoding) if isinstance(encoding, str) else f"a {type(encoding).__name__}"
        raise RefusedError(f"it encodes text as {found}; wanted latin1, as numpy writes it.")
    return text.encode("latin1")


def _dict_of(kind, pairs=()):
    check_keys(key for key, _ in pairs)
    return kind(pairs)


# numpy's own names, before and since numpy 2.
NUMPY = {
    ("numpy", "ndarray"): Call(None),   # which the file only passes on
    ("numpy", "dtype"): Call(lambda code, *_: NumpyType(code)),
    ("_codecs", "encode"): Call(_encode), ("__builtin__", "bytes"): Call(_no_bytes),
}
for _core in ("numpy.core", "numpy._core"):
    NUMPY[_core + ".multiarray", "_reconstruct"] = Call(lambda *_: NumpyArray())
    NUMPY[_core + ".numeric", "_frombuffer"] = Call(
        lambda raw, kind, shape, order, axes=None: NumpyArray((shape, kind, order, raw, axes)))
KNOWN = {
    ("builtins", "dict"): Call(partial(_dict_of, dict)), ("__builtin__", "dict"): Call(partial(_dict_of, dict)),
    ("collections", "OrderedDict"): Call(partial(_dict_of, collections.OrderedDict)), **NUMPY,
}


class _Reader(GuardedUnpickler):
    """Knows a handful of names."""

    # What protocols 0, 1 and 5 and Python 2 write of dicts and arrays besides.
    dispatch = GuardedUnpickler.running(
        "PUT", "GET", "DICT", "LIST", "INT", "LONG", "LONG4", "FLOAT", "UNICODE", "BINUNICODE8", "STRING", "BINSTRING",
        "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")

    def find_class(self, module, name):
        if (module, name) not in KNOWN:
            raise RefusedError(f"it names {module}.{name}, which is neither a dict nor a numpy array; wanted a "
                               "pickle of nested dicts of arrays. Nothing of it was called.")
        return KNOWN[module, name]


def _resolve(value, path, done):
    """The tree with numpy's arrays in the place of the recorded ones; `done` has its dicts by id, each copied once."""
    if isinstance(value, NumpyArray):
        return value.numpy()
    if not isinstance(value, dict):
        raise RefusedError(f"it holds {_where(value, path)}; wanted nested dicts with arrays for leaves.")
    if id(value) not in done:
        done[id(value)] = None   # while its entries are at work
        done[id(value)] = type(value)((key, _resolve(item, (*path, str(key)), done)) for key, item in value.items())
    if done[id(value)] is None:
        raise RefusedError(f"it holds {_where(value, path)} that holds itself.")
    return done[id(value)]


def _where(value, path):
    return f"a {type(value).__name__} at {'/'.join(name[:MOST] for name in path) or 'the top'}"
