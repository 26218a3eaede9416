"""Arrays by name from a file of any known kind, chosen by the file's ending."""
import zipfile
import zlib
from pathlib import Path

import numpy as np

from dynjax.files.mindspore import read_mindspore
from dynjax.files.safetensors import read_safetensors
from dynjax.files.torch import read_torch


def read_npz(path):
    """The arrays of an .npz file by name; pickled objects are refused.

    Raises:
      ValueError: the file is missing, damaged, of another kind, or holds Python objects.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; wanted an .npz file.")
    try:
        with np.load(path, allow_pickle=False) as content:
            if not isinstance(content, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array without a name")
            return {name: content[name] for name in content.files}
    except (ValueError, KeyError, OSError, EOFError, NotImplementedError, RuntimeError, MemoryError,
            zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as .npz ({error}). It is damaged, of another kind or holds Python "
                         "objects, which are never loaded; write it again with numpy.savez.") from None


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
