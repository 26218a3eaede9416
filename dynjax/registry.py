"""Things by name, for configs and files: the library's own and those that a user registers from their own program."""
import difflib
import inspect


class Registry:
    """Classes or functions by name, all of one kind.

    Attributes:
      kind: what they are, in the singular, for messages: "task", "term".
    """

    def __init__(self, kind):
        self.kind = kind
        self._things = {}

    def register(self, thing=None, *, name=None):
        """Makes a class or function known by a name; a plain call, or a decorator with or without arguments.

        Args:
          thing: the class or function, or any object that is given a name.
          name: what configs call it; its own name by default.

        Returns:
          The thing itself.

        Raises:
          ValueError: another one of that name is known.
        """
        if thing is None:
            return lambda thing: self.register(thing, name=name)
        name = name or thing.__name__
        known = self._things.setdefault(name, thing)
        if known != thing and _place(known) != _place(thing):
            raise ValueError(f"there is a {self.kind} {name!r} already, {_place(known)}; wanted another name: register "
                             "it with name='...'.")
        self._things[name] = thing
        return thing

    def names(self):
        """All names, in the order in which they were registered."""
        return tuple(self._things)

    def __contains__(self, name):
        return name in self._things

    def get(self, name, where=None):
        """The class or function of a name.

        Args:
          name: as it was registered.
          where: the config's key that said it, for the message.

        Raises:
          ValueError: there is none, with the nearest known one.
        """
        if name not in self._things:
            said = f"{where} is {name!r}" if where else f"there is no {self.kind} {name!r}"
            raise ValueError(f"{said}; {suggestion(name, self.names())}")
        return self._things[name]

    def build(self, name, where=None, /, **options):
        """Calls the class or function of a name.

        Args:
          name: as it was registered.
          where: the part of the config that it stands in, such as "task", for messages.
          options: its arguments.

        Raises:
          ValueError: there is none, or it takes no such argument.
        """
        where = where or self.kind
        thing = self.get(name, f"{where}.name")
        known = [parameter for parameter in inspect.signature(thing).parameters if parameter not in ("parent", "name")]
        for option in options:
            if option not in known:
                raise ValueError(f"{where}.{option} is set, but {where}.name {name!r} has no such option; it takes "
                                 f"{', '.join(known) or 'none'}.")
        return thing(**options)


def _place(thing):
    """Where a class or function is defined: a module that is loaded twice defines the same one twice."""
    return f"{thing.__module__}.{thing.__qualname__}" if hasattr(thing, "__qualname__") else repr(thing)


def suggestion(name, known):
    """What is known, in a sentence with the nearest name first: "did you mean 'l1'? Known are l1, l2."."""
    close = difflib.get_close_matches(str(name), known, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"Known are {', '.join(known)}."
