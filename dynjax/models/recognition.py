"""Which official network a checkpoint is of, told from the names and shapes of its arrays."""
import re
from typing import Any, NamedTuple

_recognisers = []


def recognises(function):
    """Decorator: the function takes Entries and gives a DetectedArchitecture, several in the order of preference, or
    None."""
    _recognisers.append(function)
    return function


class Question(NamedTuple):
    """An argument that no array tells and that changes the function: what to say of it, and a value to try with."""
    said: str
    trial: Any


class DetectedArchitecture(NamedTuple):
    """An official network.

    Attributes:
      name: its class. arguments: of the constructor; None where the network is known but not one of ours.
      besides: what is to be given besides, or what the network has that ours lack, in words.
      questions: Question by argument; "architecture" is the class itself.
    """
    name: str
    arguments: dict | None
    besides: str = ""
    questions: dict = {}

    def said(self):
        """As one would write it."""
        if self.arguments is None:
            return f"{self.name} with {self.besides}"
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return f"pretrained.build({self.name!r}, {arguments})" + (f", with {self.besides}" if self.besides else "")

    def trial(self):
        """Arguments with which the class can be built, to see whether the arrays fit it."""
        asked = {name: question.trial for name, question in self.questions.items() if name != "architecture"}
        return {**self.arguments, **asked}


def candidates(arrays):
    """The DetectedArchitecture networks of a checkpoint, the likeliest first.

    Args:
      arrays: by official names.
    """
    entries = Entries(arrays)
    for function in _recognisers:
        try:
            found = function(entries)
        except (KeyError, IndexError, ZeroDivisionError):   # it has some of the names but not the others
            continue
        for each in [found] if isinstance(found, DetectedArchitecture) else found or []:
            tuning = entries.tuning() if entries.stacked and each.arguments is not None else {}
            yield each._replace(arguments={**each.arguments, **tuning}) if tuning else each


def likely(arrays):
    """The likeliest of them, or None."""
    return next(candidates(arrays), None)


class Entries:
    """The arrays of a checkpoint, asked about by layer.

    Attributes:
      stacked: whether they have several kernels a layer.
    """

    def __init__(self, arrays):
        self.shapes = {name: tuple(array.shape) for name, array in arrays.items()}
        phis = [shape for name, shape in self.shapes.items() if name.endswith("mlp.weight") and len(shape) == 2]
        stacks = [shape for shape in self.shapes.values() if len(shape) == 6 and shape[0] == 1]
        self.stacked = bool(stacks)
        self._params, self._mode = (phis[0][1], "mlp") if phis else (stacks[0][1] if stacks else None, "linear")

    def tuning(self):
        """The arguments of a tunable network: how many numbers alpha has, and whether a layer maps them."""
        return {"num_params": self._params, "mode": self._mode}

    def has(self, *names):
        """Whether there is an array of every name."""
        return all(name in self.shapes for name in names)

    def outputs(self, layer):
        """Output channels of a convolution."""
        return self.shapes[f"{layer}.weight"][-4]

    def inputs(self, layer):
        """Input channels of a convolution."""
        return self.shapes[f"{layer}.weight"][-3]

    def count(self, pattern):
        """How many numbers stand at {} in names that begin so."""
        regex = re.compile(re.escape(pattern).replace(r"\{\}", r"(\d+)"))
        return len({found[1] for name in self.shapes if (found := regex.match(name))})

    def places(self, pattern):
        """The numbers that stand at {} in the names of convolutions, in order; a file need not have them so."""
        regex = re.compile(re.escape(pattern).replace(r"\{\}", r"(\d+)") + r"\.weight")
        return sorted(int(found[1]) for name, shape in self.shapes.items()
                      if len(shape) >= 4 and (found := regex.fullmatch(name)))

    def enlarged(self, pattern, features):
        """The scale of an upsampler: a product over its convolutions, each of which makes s^2 times `features`."""
        scale = 1
        for name in self.shapes:
            if re.fullmatch(re.escape(pattern).replace(r"\{\}", r"\d+") + r"\.weight", name):
                scale *= round((self.outputs(name.removesuffix(".weight")) / features) ** 0.5)
        return scale
