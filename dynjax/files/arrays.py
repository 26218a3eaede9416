"""Arrays by name from a file of any known kind, chosen by the file's ending."""
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
    return np.frombuffer(data, dtype, offset=file.tell()).reshape(shape, order="F" if by_columns else "C")


def read_arrays(path):
    """Arrays by name from .npz, .safetensors, MindSpore's .ckpt or PyTorch's .pth, .pt and .bin.

    Returns:
      A dict from name to numpy array; bfloat16 is widened to float32. PyTorch's files can have dicts of arrays in it
      too, and numbers and text beside them.

    Raises:
      ValueError: missing or damaged file, or an ending that is not known.
    """
    ending = Path(path).suffix.lower()
    if ending == ".safetensors":
        return read_safetensors(path)[0]
    if ending in READERS:
        return READERS[ending](path)
    known = ", ".join((*READERS, ".safetensors"))
    raise ValueError(f"{path} ends in {ending or 'nothing'}; wanted one of {known}.")


def _read_torch_dict(path):
    saved = read_torch(path)
    if not isinstance(saved, dict):
        raise ValueError(f"{path} holds a {type(saved).__name__}; wanted a dict of tensors, as state_dict() gives it.")
    return saved


READERS = {".npz": read_npz, ".ckpt": read_mindspore, ".pth": _read_torch_dict, ".pt": _read_torch_dict,
           ".bin": _read_torch_dict}
