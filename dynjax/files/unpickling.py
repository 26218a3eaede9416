"""What the readers of pickles give a file in the place of the names in it, and what it may not do."""
import pickle


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
    """Checks the keys of dicts.

    It is pickle's unpickler in Python, whose instructions can be guarded and whose memo takes no more than its entries.
    """

    def load_setitem(self):
        check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self):
        check_keys(self.stack[::2])   # the stack above the mark
        super().load_setitems()

    dispatch = {**pickle._Unpickler.dispatch, pickle.SETITEM[0]: load_setitem, pickle.SETITEMS[0]: load_setitems}
