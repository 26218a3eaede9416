"""MindSpore checkpoints (.ckpt): a stream of named tensors in protocol-buffers wire format, read without MindSpore."""
from pathlib import Path

import ml_dtypes
import numpy as np

from dynjax.files.messages import one_line

TYPES = {
    "Int8": "<i1", "UInt8": "<u1", "Int16": "<i2", "UInt16": "<u2", "Int32": "<i4", "UInt32": "<u4", "Int64": "<i8",
    "UInt64": "<u8", "Float16": "<f2", "Float32": "<f4", "Float64": "<f8", "Bool": "<u1",
    "BFloat16": ml_dtypes.bfloat16, "str": "<u4",
}
SKIPPED = "random_op"  # the state of a random operation, which is no parameter
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
CHECKSUM_MARK, CHECKSUM_BYTES = b"crc_num", 10
MOST_AXES = 32


class _Damaged(Exception):
    """What is wrong with the bytes, for the sentence that the reader raises."""


def read_mindspore(path):
    """The tensors of a MindSpore checkpoint, in file order.

    Args:
      path: the file, unencrypted.

    Returns:
      A dict from name to numpy array: shape and type as stored, bfloat16 widened to float32, text as a 0-d string
      array. A tensor in several slices is joined; states of random operations and hash tables are left out.

    Raises:
      ValueError: the file is missing, damaged or no MindSpore checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"there is no file {path}; wanted a MindSpore checkpoint (.ckpt).")
    data = memoryview(path.read_bytes())
    mark = len(data) - CHECKSUM_BYTES - len(CHECKSUM_MARK)
    if mark >= 0 and data[mark:mark + len(CHECKSUM_MARK)] == CHECKSUM_MARK:
        data = data[:mark]
    try:
        entries = [entry for number, value in _fields(data) if (entry := _entry(number, value))]
        arrays = {name: _array(name, *parts) for name, *parts in _joined(entries)}
    except _Damaged as error:
        raise ValueError(f"{path} cannot be read as a MindSpore checkpoint: {one_line(error)}. The file is damaged, "
                         "encrypted or of another kind; fetch it again.") from None
    if not arrays:
        raise ValueError(f"{path} holds no tensor; wanted a MindSpore checkpoint with at least one.")
    return arrays


def _varint(data, position):
    """(the unsigned number at `position`, the position behind it)."""
    value = 0
    for index in range(10):
        if position + index >= len(data):
            raise _Damaged("it ends inside a number")
        byte = data[position + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, position + index + 1
    raise _Damaged("it holds a number of more than 64 bits")


def _fields(data):
    """(field number, value) for every field of a message; fixed-width fields, which the format lacks, are skipped."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise _Damaged("it holds a field without a number")
        if wire == VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == BYTES:
            length, position = _varint(data, position)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise _Damaged(f"it holds a field of the unknown wire type {wire}")
        if length > len(data) - position:
            raise _Damaged(f"a field of {length} bytes goes past the end")
        if wire == BYTES:
            yield number, data[position:position + length]
        position += length


def _entry(number, value):
    """(name, shape, type, bytes) of one entry of the file, or None for what is left out."""
    if number != 1:
        return None
    name, tensor, table = None, None, False
    for field, content in _fields(_message(value)):
        if field == 1:
            name = _text(content)
        elif field == 2:
            tensor = _message(content)
        elif field == 3:
            table = True
    if name == SKIPPED or (table and tensor is None):
        return None
    if name is None or tensor is None:
        raise _Damaged("an entry lacks its " + ("name" if name is None else f"tensor ({name})"))
    shape, kind, content = [], None, b""
    for field, value in _fields(tensor):
        if field == 1:
            shape += [value] if isinstance(value, int) else _packed(value)
            if len(shape) > MOST_AXES:
                raise _Damaged(f"{name} has more than {MOST_AXES} axes")
        elif field == 2:
            kind = _text(value)
        elif field == 3:
            content = _message(value)
    if kind == SKIPPED:
        return None
    if kind not in TYPES:
        raise _Damaged(f"{name} is of the unknown type {kind!r}")
    return name, tuple(shape), kind, content


def _message(value):
    if isinstance(value, int):
        raise _Damaged("a number stands where bytes belong")
    return value


def _text(value):
    try:
        return bytes(_message(value)).decode("utf-8")
    except UnicodeDecodeError:
        raise _Damaged("a name is not UTF-8") from None


def _packed(data):
    numbers, position = [], 0
    while position < len(data):
        number, position = _varint(data, position)
        numbers.append(number)
        if len(numbers) > MOST_AXES:
            break
    return numbers


def _joined(entries):
    """One (name, shape, type, list of bytes) a tensor; slices of one tensor follow each other in the file."""
    tensors = {}
    last = None
    for name, shape, kind, content in entries:
        if name in tensors:
            if name != last or tensors[name][:2] != (shape, kind):
                raise _Damaged(f"{name} appears twice")
            tensors[name][2].append(content)
        else:
            tensors[name] = (shape, kind, [content])
        last = name
    return [(name, *parts) for name, parts in tensors.items()]


def _array(name, shape, kind, contents):
    data = bytes(contents[0]) if len(contents) == 1 else b"".join(contents)
    item = np.dtype(TYPES[kind])
    if kind == "str":
        try:
            return np.array(data.decode("utf-32-le"))
        except UnicodeDecodeError:
            raise _Damaged(f"{name} is not UTF-32 text") from None
    if len(data) % item.itemsize:
        raise _Damaged(f"{name} has {len(data)} bytes, not a multiple of {item.itemsize}")
    count = len(data) // item.itemsize
    if shape == (0,) and count == 1:  # how a scalar is written
        shape = ()
    wanted = 1
    for side in shape:
        wanted *= side
    try:
        array = np.frombuffer(data, item).reshape(shape) if wanted == count else None
    except (ValueError, OverflowError):  # an empty array with a side past what numpy counts
        array = None
    if array is None:
        raise _Damaged(f"{name} of shape {shape} has {count} values")
    return array.astype({"Bool": np.bool_, "BFloat16": np.float32}.get(kind, item.newbyteorder("=")))
