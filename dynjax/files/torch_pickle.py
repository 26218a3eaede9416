"""The pickles inside PyTorch's files, read without calling anything that the file names."""
import math
import pickle

import ml_dtypes
import numpy as np

from dynjax.files.pickled_arrays import NUMPY, NumpyArray, NumpyType
from dynjax.files.unpickling import Call, GuardedUnpickler, RefusedError, check_keys

STORAGES = {"Float": np.float32, "Double": np.float64, "Half": np.float16, "BFloat16": ml_dtypes.bfloat16,
            "Long": np.int64, "Int": np.int32, "Short": np.int16, "Char": np.int8, "Byte": np.uint8, "Bool": np.bool_,
            "ComplexFloat": np.complex64, "ComplexDouble": np.complex128}
TYPES = {"float32": np.float32, "float64": np.float64, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16,
         "int64": np.int64, "int32": np.int32, "int16": np.int16, "int8": np.int8, "uint8": np.uint8,
         "uint16": np.uint16, "uint32": np.uint32, "uint64": np.uint64, "bool": np.bool_, "complex64": np.complex64,
         "complex128": np.complex128, "float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2,
         "float8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz, "float8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz}
BITS = {"conj": np.conjugate, "neg": np.negative}   # what a tensor does to its stored elements when they are read


class Type:
    """A type of elements, as the file names it."""
    __slots__ = ("dtype",)

    def __init__(self, dtype):
        self.dtype = np.dtype(dtype)

    def __setstate__(self, state):
        raise RefusedError("it gives a state to a type.")


class Storage:
    """Where elements lie: `count` of them from `start` on, in the one-dimensional storage `key`."""
    __slots__ = ("count", "dtype", "key", "start", "total")

    def __init__(self, dtype, key, total, start, count):
        self.dtype, self.key, self.total, self.start, self.count = dtype, key, total, start, count

    def __setstate__(self, state):
        raise RefusedError("it gives a state to a storage.")


class Tensor:
    """A tensor as written in the file: a strided view of a storage, whose elements `bits`, some of BITS, alter."""
    __slots__ = ("bits", "dtype", "offset", "shape", "storage", "strides")

    def __init__(self, storage, offset, shape, strides, dtype=None, metadata=None):
        numbers = (offset, *shape, *strides) if isinstance(shape, tuple) and isinstance(strides, tuple) else (-1,)
        if not isinstance(storage, Storage) or len(shape) != len(strides) or not all(
                type(number) is int and number >= 0 for number in numbers):
            raise RefusedError("it rebuilds a tensor of something else than a storage, an offset, a shape and strides.")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides
        self.dtype = storage.dtype if dtype is None else dtype.dtype
        self.bits = _bits({} if metadata is None else metadata, self.dtype)

    def __setstate__(self, state):
        raise RefusedError("it gives a state to a tensor.")

    def view(self, elements):
        """The tensor in its storage's elements, read-only and without a copy.

        Raises:
          RefusedError: it reaches beyond them.
        """
        last = self.offset + sum((side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True))
        if 0 not in self.shape and last >= len(elements):
            raise RefusedError(f"a tensor of shape {self.shape} reaches element {last} of a storage of "
                               f"{len(elements)}; the file is damaged.")
        if 0 in self.shape:
            return np.zeros(self.shape, elements.dtype)
        if len(self.shape) > 32 or math.prod(self.shape) > 2**48:
            raise RefusedError(f"it holds a tensor of shape {self.shape}.")
        strides = [stride * elements.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(elements[self.offset:], self.shape, strides, writeable=False)


class _Dict(dict):
    """In the place of OrderedDict; the attributes that state dicts carry are dropped."""

    def __setstate__(self, state):
        pass


class New:
    """In the place of a class whose instances are only made and filled: a dict that stays empty."""
    __slots__ = ()

    def __setstate__(self, state):
        raise RefusedError("it gives a state to a name.")


def _ordered_dict(pairs=()):
    check_keys(key for key, _ in pairs)
    return _Dict(pairs)


def _default_dict(_kind=None, pairs=()):
    """A dict with a default, or PyTorch's count of milestones: what they hold without what makes them special."""
    return _ordered_dict(pairs.items() if isinstance(pairs, dict) else pairs)


def _counter(counts=()):
    return _default_dict(None, counts)


def _scalar(kind, raw=b""):
    """A number of numpy, as a best PSNR is saved beside the tensors."""
    if not isinstance(kind, NumpyType):
        raise RefusedError("it has a number of numpy without a type.")
    raw = raw.encode("latin1") if isinstance(raw, str) else raw
    return np.frombuffer(raw, kind.numpy(), count=1)[0].item()


def _bits(metadata, dtype):
    """The names in a tensor's metadata that are True, in order; what is not known could mean anything."""
    if not isinstance(metadata, dict):
        raise RefusedError(f"it has a tensor with a {type(metadata).__name__} of metadata; wanted a dict.")
    for name, value in metadata.items():
        if name not in BITS:
            raise RefusedError(f"it has a tensor with the metadata {name!r:.40}, which is not known; wanted "
                               f"{' and '.join(sorted(BITS, reverse=True))} at most. Save a clone() of it.")
        if type(value) is not bool:
            raise RefusedError(f"it has a tensor with the metadata {name!r} of the kind {type(value).__name__}; wanted "
                               "True or False.")
    bits = tuple(name for name in BITS if metadata.get(name))
    if bits and dtype == np.bool_:
        raise RefusedError(f"it has a tensor of bool with the metadata {bits[-1]!r}, which has no meaning there.")
    return bits


def _rebuild(storage, offset, shape, strides, gradient=False, hooks=(), metadata=None):
    return Tensor(storage, offset, shape, strides, None, metadata)


def _rebuild_typed(storage, offset, shape, strides, gradient, hooks, dtype, metadata=None):
    return Tensor(storage, offset, shape, strides, dtype, metadata)


def _rebuild_parameter(tensor, *_):
    return tensor


# What trainers save beside the tensors: of optimisers and schedulers, of numpy, of Python.
BESIDE = {("collections", "Counter"): Call(_counter), ("collections", "defaultdict"): Call(_default_dict),
          ("argparse", "Namespace"): New(),
          ("torch", "Size"): Call(lambda sides=(): tuple(sides)),
          ("torch", "device"): Call(lambda kind="", *_: kind if isinstance(kind, str) else ""),
          ("numpy.core.multiarray", "scalar"): Call(_scalar), ("numpy._core.multiarray", "scalar"): Call(_scalar)}
for _room in ("builtins", "__builtin__"):
    BESIDE |= {(_room, kind): Call(lambda items=(): list(items)) for kind in ("set", "frozenset", "list")}
    BESIDE |= {(_room, kind): Call(None) for kind in ("int", "float", "str", "bool")}   # of a dict with a default
    BESIDE[_room, "dict"] = Call(_ordered_dict)
KNOWN = {**NUMPY, **BESIDE, ("collections", "OrderedDict"): Call(_ordered_dict),
         ("torch.storage", "UntypedStorage"): Type(np.uint8),
         ("torch._utils", "_rebuild_tensor"): Call(_rebuild), ("torch._utils", "_rebuild_tensor_v2"): Call(_rebuild),
         ("torch._utils", "_rebuild_tensor_v3"): Call(_rebuild_typed),
         ("torch._utils", "_rebuild_parameter"): Call(_rebuild_parameter),
         **{("torch", f"{kind}Storage"): Type(dtype) for kind, dtype in STORAGES.items()},
         **{("torch", kind): Type(dtype) for kind, dtype in TYPES.items()}}


class _Reader(GuardedUnpickler):
    """Knows a handful of names, each replaced by a recorder from here.

    Attributes:
      sizes: the bytes an element of each storage that was met, by its key.
    """

    dispatch = GuardedUnpickler.running("BINPERSID", "SHORT_BINBYTES", "BINBYTES")

    def load_newobj(self):
        """Makes an instance of no class but New, and so calls nothing."""
        self.stack.pop()
        if not isinstance(self.stack.pop(), New):
            raise RefusedError("its pickle has the instruction NEWOBJ, for what no file of tensors needs.")
        self.append(_Dict())

    dispatch[pickle.NEWOBJ[0]] = load_newobj

    def __init__(self, file, sizes):
        super().__init__(file)
        self.sizes = sizes

    def find_class(self, module, name):
        if (module, name) not in KNOWN:
            raise RefusedError(f"it names {module}.{name}, which is no part of a file of tensors. Nothing of it was "
                               "called. Save the network's state_dict() alone.")
        return KNOWN[module, name]

    def persistent_load(self, identity):
        wanted = isinstance(identity, tuple) and len(identity) in (5, 6) and identity[0] == "storage"
        if not wanted or not isinstance(identity[1], Type) or type(identity[2]) is not str or type(
                identity[4]) is not int or identity[4] < 0:
            raise RefusedError("it refers to something that is no storage.")
        _, kind, key, _, count, *more = identity
        self.sizes[key] = kind.dtype.itemsize
        start, seen = 0, count
        if more and more[0] is not None:   # older files: a part of another storage
            _, start, seen = more[0]
            if type(start) is not int or type(seen) is not int or not 0 <= start <= start + seen <= count:
                raise RefusedError(f"it refers to a part that is not in its storage of {count} elements.")
        return Storage(kind.dtype, key, count, start, seen)


def load_pickle(file, sizes=None):
    """One pickle from an io.BytesIO, which is left behind it.

    Args:
      sizes: a dict that takes the bytes an element of every storage, by its key.

    Returns:
      Dicts, lists, tuples, numbers, text, None, a Tensor for each tensor, a NumpyArray for each array of numpy.

    Raises:
      RefusedError: it names anything else, or has instructions that PyTorch does not write.
      Exception: nearly any other, of a damaged pickle.
    """
    return _Reader(file, {} if sizes is None else sizes).load()


def resolve(value, elements_of):
    """The same with arrays in the place of tensors; what is mentioned several times stays one object.

    Args:
      elements_of: from (a Storage, a type of elements, names of BITS) to the storage's elements, one-dimensional and
        altered as the BITS say.

    Raises:
      RefusedError: something holds itself, or is neither a tensor, a number, text nor a container of these.
    """
    done = {}   # by id: copied at every mention, forty nested pairs would be 2^40

    def resolved(value):
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, Tensor):
            return value.view(elements_of(value.storage, value.dtype, value.bits))
        if isinstance(value, NumpyArray):
            return value.numpy()
        if isinstance(value, Type) and done:   # inside of something: a setting
            return value.dtype.name
        if not isinstance(value, dict | list | tuple):
            raise RefusedError(f"it holds a {type(value).__name__} where tensors, numbers and text are wanted.")
        if id(value) not in done:
            done[id(value)] = None   # while its parts are at work
            done[id(value)] = ({key: resolved(item) for key, item in value.items()} if isinstance(value, dict) else
                               type(value)(map(resolved, value)))
        if done[id(value)] is None:
            raise RefusedError(f"it holds a {type(value).__name__} that holds itself.")
        return done[id(value)]

    return resolved(value)
