"""PyTorch's files of tensors, .pth or .pt, without PyTorch: the zip of today and the older stream."""
import functools
import io
import struct
import zipfile
from pathlib import Path

import numpy as np

from dynjax.files.messages import one_line
from dynjax.files.torch_pickle import BITS, load_pickle, resolve
from dynjax.files.unpickling import RefusedError

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001   # how the older stream begins


def read_torch(path, *, widen=True):
    """Reads what torch.save wrote, of tensors, numbers and text; calls nothing that the file names.

    Args:
      path: the file. widen: bfloat16 and float8 become float32.

    Returns:
      The saved object: dicts, lists, tuples, numbers, text, with numpy arrays (read-only, some sharing their memory)
      for tensors.

    Raises:
      ValueError: the file is missing or damaged, or holds more than that; what it names is in the message.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; wanted a PyTorch file of tensors.")
    try:
        with path.open("rb") as file:
            if file.read(4) == b"PK\x03\x04":
                return _read_zip(file, path.stat().st_size, widen)
        return _read_stream(path.read_bytes(), widen)
    except RefusedError as error:
        raise ValueError(f"{path} was not read: {one_line(error)}") from None
    except Exception as error:   # a damaged pickle raises nearly anything
        raise ValueError(f"{path} cannot be read as a PyTorch file ({type(error).__name__}: {one_line(error)}); it is "
                         "damaged or of another kind. Wanted what torch.save writes of a state_dict().") from error


def _read_zip(file, size, widen):
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        tops = [name.removesuffix("data.pkl") for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
        if len(tops) != 1:
            raise RefusedError("its zip has no data.pkl, or several; wanted what torch.save writes.")
        top = tops[0]
        if any(name.startswith((f"{top}constants.pkl", f"{top}code/")) for name in names):
            raise RefusedError("it is a TorchScript program; wanted the tensors alone. Save its state_dict().")
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise RefusedError("its zip is compressed, as torch.save never does. Save it again.")
        # Members over each other, or one that the memory would be found for before it is missed.
        if sum(max(info.file_size, info.compress_size) for info in archive.infolist()) > size:
            raise RefusedError("its zip claims to hold more than the file. It is damaged.")
        order = archive.read(f"{top}byteorder") if f"{top}byteorder" in names else b"little"
        saved = load_pickle(io.BytesIO(archive.read(f"{top}data.pkl")))
        return resolve(saved, _elements_of(lambda key: archive.read(f"{top}data/{key}"), order == b"big", widen))


def _read_stream(data, widen):
    file = io.BytesIO(data)
    if (magic := load_pickle(file)) != MAGIC or (protocol := load_pickle(file)) != PROTOCOL:
        found = _named(magic) if magic != MAGIC else f"protocol {_named(protocol)}"
        raise RefusedError(f"it begins with {found}, not as torch.save's files do.")
    if not isinstance(machine := load_pickle(file), dict):   # a big-endian one too writes little-endian elements here
        raise RefusedError(f"it has a {type(machine).__name__} where it says what machine wrote it; wanted a dict.")
    sizes, raw = {}, {}
    saved = load_pickle(file, sizes)
    for key in load_pickle(file):
        if not isinstance(key, str) or key not in sizes:
            raise RefusedError(f"it has a storage called {_named(key)} of which it does not say the type.")
        count, = struct.unpack("<q", file.read(8))
        start, length = file.tell(), max(0, count) * sizes[key]
        raw[key] = memoryview(data)[start:start + length]
        file.seek(start + length)
    return resolve(saved, _elements_of(raw.__getitem__, False, widen))


def _named(value):
    """A number or text itself, of anything else its type: written out, nested tuples of a small file are endless."""
    return f"{value!r:.40}" if isinstance(value, int | str) else f"a {type(value).__name__}"


def _elements_of(read, swapped, widen):
    """The function that `resolve` wants; `read` gives a storage's bytes by its key.

    A storage is read and converted once for all tensors in it: a file can have very many of them.
    """
    read, converted = functools.cache(read), {}

    def elements_of(storage, dtype, bits):
        raw, length = read(storage.key), storage.total * storage.dtype.itemsize
        if len(raw) < length:
            raise RefusedError(f"its storage {storage.key!r} has {len(raw)} bytes; wanted {length}. The file is "
                               "damaged.")
        if (storage.key, dtype, bits) not in converted:
            elements = _converted(raw, dtype, swapped, widen)
            converted[storage.key, dtype, bits] = functools.reduce(lambda array, bit: BITS[bit](array), bits, elements)
        elements = converted[storage.key, dtype, bits][:length // dtype.itemsize]
        return elements[storage.start:storage.start + storage.count]

    return elements_of


def _converted(raw, dtype, swapped, widen):
    """All elements of a storage from its bytes, one-dimensional."""
    raw = memoryview(raw)[:len(raw) // dtype.itemsize * dtype.itemsize]   # an untyped storage can have a rest
    if dtype == np.bool_:
        return np.frombuffer(raw, np.uint8) != 0
    elements = np.frombuffer(raw, dtype)
    if swapped:
        unit = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
        elements = elements.view(f"u{unit}").byteswap().view(dtype)
    if widen and dtype.name.startswith(("bfloat", "float8")):
        elements = elements.astype(np.float32)
    return elements
