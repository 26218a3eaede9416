"""The safetensors format: arrays by name and a few strings, in one file that holds no code."""
import json
from pathlib import Path

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from dynjax.files.messages import one_line

TYPES = {
    "F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16, "C64": np.complex64,
    "I64": np.int64, "I32": np.int32, "I16": np.int16, "I8": np.int8, "BOOL": np.bool_,
    "U64": np.uint64, "U32": np.uint32, "U16": np.uint16, "U8": np.uint8,
    "F8_E4M3": ml_dtypes.float8_e4m3fn, "F8_E5M2": ml_dtypes.float8_e5m2,
}
NARROW = ("BF16", "F8_E4M3", "F8_E5M2")


def read_safetensors(path, *, widen=True):
    """Reads a safetensors file.

    Args:
      path: the file.
      widen: bfloat16 and 8-bit floats become float32, without loss; otherwise they stay, as ml_dtypes has them.

    Returns:
      (arrays by name, metadata: a dict of strings).

    Raises:
      ValueError: the file is missing, damaged or of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; wanted a safetensors file.")
    return parse_safetensors(path.read_bytes(), path, widen=widen)


def parse_safetensors(data, path, *, widen=True):
    """The same from the file's bytes; `path` is for the error sentence."""
    try:
        entries = dict(safetensors.deserialize(data))
        header, _ = _split(data)
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read as safetensors ({one_line(error)}). The file is damaged or of another "
                         "kind; fetch or write it again.") from None
    # The library gives them in an order of chance; messages are to name them in the file's.
    arrays = {name: _array(name, entries[name], widen, path) for name in header if name in entries}
    return arrays, header.get("__metadata__") or {}


def to_safetensors(arrays, metadata=None):
    """The bytes of a safetensors file; of one content always the same.

    Args:
      arrays: numpy or JAX arrays by name. metadata: strings by name.
    """
    plain = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    data = safetensors.numpy.save(plain, metadata=metadata)
    if not metadata:
        return data
    # The library writes the metadata in an order of chance.
    header, body = _split(data)
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    return len(text).to_bytes(8, "little") + text + body


def _split(data):
    """(header, what follows it)"""
    start = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:start]), data[start:]


def _array(name, entry, widen, path):
    if entry["dtype"] not in TYPES:
        raise ValueError(f"{path} holds {one_line(name)} of the type {entry['dtype']}; wanted one of "
                         f"{', '.join(TYPES)}. Convert it to F32 where it comes from.")
    try:
        array = np.frombuffer(entry["data"], TYPES[entry["dtype"]]).reshape(entry["shape"])
    except (ValueError, OverflowError):   # an empty array with a side or more axes than numpy counts
        raise ValueError(f"{path} holds {one_line(name)} of the shape {one_line(entry['shape'])}, which numpy cannot "
                         "hold; it is damaged: fetch or write it again.") from None
    return array.astype(np.float32) if widen and entry["dtype"] in NARROW else array
