"""What the readers of pickles give a file in the place of the names in it, and what it may not do."""
import io
import pickle
import pickletools
import struct

# What takes part in writing containers, numbers, text and bytes. Above all no instruction that builds instances (INST,
# OBJ, NEWOBJ) or sets, whose members are hashed, and none from the registry of extensions (EXT).
OPCODES = frozenset((
    "PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "MARK", "EMPTY_DICT",
    "EMPTY_LIST", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "SETITEM", "SETITEMS", "APPEND",
    "APPENDS", "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINSTRING", "BININT", "BININT1", "BININT2", "LONG1",
    "BINFLOAT", "NONE", "NEWTRUE", "NEWFALSE", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "STOP"))


class RefusedError(Exception):
    """The file asks for more than arrays, containers and what goes with these."""


class Call:
    """A function that a file can call but not alter.

    A method or a function will not do: a pickle's BUILD writes into its `__dict__`, for the whole process.
    """
    __slots__ = ("_function",)

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise RefusedError("it gives a state to a name.")


def check_keys(keys):
    """Refuses keys of a dict before they are hashed: of nested tuples that can take for ever, or the whole stack."""
    for key in keys:
        if not (key is None or isinstance(key, str | int | float)):
            raise RefusedError(f"it has a dict key of the kind {type(key).__name__}; wanted text or a number.")


class GuardedUnpickler(pickle._Unpickler):
    """Runs a few instructions only, and checks the keys of dicts.

    It is pickle's unpickler in Python, whose instructions can be guarded and whose memo takes no more than its entries.

    Args:
      file: an io.BytesIO, which gives what it has: a file opened for reading would first find the memory for all that
        the pickle claims to have.
    """

    def __init__(self, file: io.BytesIO):
        super().__init__(file, encoding="latin1")

    def load_dict(self):
        check_keys(self.stack[::2])   # the stack above the mark
        super().load_dict()

    def load_setitem(self):
        check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self):
        check_keys(self.stack[::2])
        super().load_setitems()

    def load_bytearray8(self):   # pickle's own fills the memory with as many zeros as the file names
        size, = struct.unpack("<Q", self.read(8))
        self.append(self.read(size))

    guarded = {"DICT": load_dict, "SETITEM": load_setitem, "SETITEMS": load_setitems, "BYTEARRAY8": load_bytearray8}

    @classmethod
    def running(cls, *names):
        """The `dispatch` of a class that runs OPCODES and those called `names`, and refuses all others."""
        known = {code.name: ord(code.code) for code in pickletools.opcodes}
        return {number: cls.guarded.get(name, pickle._Unpickler.dispatch[number]) if name in OPCODES or name in names
                else _refusal(name) for name, number in known.items()}


def _refusal(name):
    def refuse(self):
        raise RefusedError(f"its pickle has the instruction {name}, which no file of arrays needs.")

    return refuse
