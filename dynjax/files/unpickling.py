"""What the readers of pickles give a file in the place of the names in it."""


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
