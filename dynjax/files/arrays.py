"""Arrays by name from a file of any known kind, chosen by its content and, where that says nothing, its ending."""
import io
import math
import sys
import zipfile
from pathlib import Path

import numpy as np

from dynjax.files.messages import one_line
from dynjax.files.mindspore import read_mindspore
from dynjax.files.safetensors import read_safetensors
from dynjax.files.torch import read_torch

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}   # of .npy
MOST_DEFLATED = 1032   # bytes out of one, by the format


def read_npz(path):
    """The arrays of an .npz file by name, read-only; pickled objects are refused.

    Raises:
      ValueError: the file is missing, damaged, of another kind, or holds anything but arrays of numbers and text.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; wanted an .npz file.")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_sizes(members, path.stat().st_size)
            arrays = {member.filename.removesuffix(".npy"): _npy(archive.read(member)) for member in members}
        if len(arrays) != len(members):
            raise ValueError("it has several arrays of one name")
        return arrays
    except Exception as error:   # damaged zips and headers raise nearly anything
        raise ValueError(f"{path} cannot be read as .npz ({one_line(error)}). It is damaged, of another kind or holds "
                         "Python objects, which are never loaded; write it again with numpy.savez.") from None


def _check_sizes(members, size):
    """Refuses what unpacks to more than `size` bytes can hold: members over each other, other compressions."""
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise ValueError("it is compressed in another way than numpy does")
    if sum(member.compress_size for member in members) > size or any(
            member.file_size > MOST_DEFLATED * member.compress_size for member in members):
        raise ValueError("it claims to hold more than its size allows")


def _npy(data):
    """The array of an .npy file's bytes, whose length its header must match before anything is made of it."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"it has arrays of the version {version}; wanted 1.0 or 2.0")
    shape, by_columns, dtype = HEADERS[version](file)
    if dtype.hasobject or dtype.fields or dtype.shape:
        raise ValueError(f"it holds elements of the type {dtype}; wanted numbers or text")
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():
        raise ValueError(f"an array of shape {shape} and type {dtype} has {len(data) - file.tell()} bytes")
    letters = np.dtype("u4").newbyteorder(dtype.byteorder)
    if dtype.kind == "U" and np.frombuffer(data, letters, offset=file.tell()).max(initial=0) > sys.maxunicode:
        raise ValueError("it holds text with letters that there are not")   # which no string can be made of later
    array = np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if by_columns else "C")
    if array.dtype.isnative:
        return array
    array = array.astype(dtype.newbyteorder("="))   # of a machine of the other byte order, which JAX does not take
    array.flags.writeable = False
    return array


def read_arrays(path):
    """Arrays by name from .npz, .safetensors, MindSpore's .ckpt or PyTorch's .pth, .pt, .bin and .ckpt.

    The content tells which of them it is, whatever the name: trainers call PyTorch's files .ckpt and .bin too. The
    ending rules only where the content says nothing, as of a damaged file.

    Returns:
      A dict from name to numpy array; bfloat16 is widened to float32. PyTorch's files can have dicts of arrays in it
      too, and numbers and text beside them.

    Raises:
      ValueError: missing or damaged file, or one of another kind.
    """
    path = Path(path)
    ending = path.suffix.lower()
    reader = (_reader(path) if path.is_file() else None) or READERS.get(ending)
    if reader is None:
        raise ValueError(f"{path} ends in {ending or 'nothing'} and its content is of no kind that is known; wanted "
                         f"one of {', '.join(READERS)}.")
    return reader(path)


def _reader(path):
    """The reader of a file by how it begins, or None.

    Raises:
      ValueError: what was fetched is not the file but something in its place.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(256)
    if start.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path} is a pointer of Git LFS, not the file itself; fetch that with git lfs pull, or from "
                         "the page where it can be downloaded.")
    if start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")):
        raise ValueError(f"{path} is a web page, not a file of arrays; fetch the file itself again.")
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _reader_of_zip(path)
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= size - 8:
        return _read_safetensors_arrays
    if start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05":
        return _read_torch_dict   # a pickle, and the only one that is known
    # One field after the other of number 1, with bytes in it, which begin with the name, again field 1.
    if start[:1] == b"\n" and b"\n" in start[2:12]:
        return read_mindspore
    return None


def _reader_of_zip(path):
    """Both are zips: PyTorch's holds a data.pkl, numpy's files called .npy."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:   # damaged zips raise nearly anything; a reader says of what kind it should have been
        return None
    if any(name.rsplit("/", 1)[-1] == "data.pkl" for name in names):
        return _read_torch_dict
    return read_npz if any(name.endswith(".npy") for name in names) else None


def _read_torch_dict(path):
    saved = read_torch(path)
    if not isinstance(saved, dict):
        raise ValueError(f"{path} holds a {type(saved).__name__}; wanted a dict of tensors, as state_dict() gives it.")
    return saved


def _read_safetensors_arrays(path):
    return read_safetensors(path)[0]


READERS = {".npz": read_npz, ".ckpt": read_mindspore, ".pth": _read_torch_dict, ".pt": _read_torch_dict,
           ".bin": _read_torch_dict, ".safetensors": _read_safetensors_arrays}
