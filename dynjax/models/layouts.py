"""Where every array of a network stands in the official checkpoints: one table a network class and program."""
import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Layout:
    """The official names of one network.

    Attributes:
      layers: our path of a layer, "a/b", to (its official name, its kind: a key of conversions.KINDS).
      constants: official arrays that our network has as constants; where they are there, they must be these.
      ignored: patterns of official entries without a part in the function, as for fnmatch.
      example: shape of an input that the network can be called with. further: what it is called with besides.
    """
    layers: dict[str, tuple[str, str]]
    constants: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    ignored: tuple[str, ...] = ("*num_batches_tracked",)
    example: tuple[int, ...] = (1, 16, 16, 3)
    further: tuple = ()

    def below(self, ours, official):
        """The same layers as a part of a larger network, under a path of ours and an official prefix."""
        return dataclasses.replace(
            self,
            layers={"/".join(filter(None, (ours, path))): (".".join(filter(None, (official, name))), kind)
                    for path, (name, kind) in self.layers.items()},
            constants={f"{official}.{name}": value for name, value in self.constants.items()})


_makers = {}


def layouts_of(module_class):
    """Decorator: the function gives (network, official arrays) -> the Layouts that its checkpoints can have."""
    def keep(function):
        _makers[module_class] = function
        return function
    return keep


def layouts(net, arrays):
    """The layouts a plain network's checkpoints can have.

    Raises:
      ValueError: none is known for this class.
    """
    if type(net) not in _makers:
        known = ", ".join(sorted(module_class.__name__ for module_class in _makers))
        raise ValueError(f"no official checkpoint is known for {type(net).__name__}; wanted one of {known}, or one of "
                         "these in a wrapper.")
    return _makers[type(net)](net, arrays)


def input_channels(arrays, name):
    """Input channels of the first convolution, of a network that takes any number of them."""
    weight = arrays.get(name)
    return weight.shape[1] if weight is not None and weight.ndim == 4 else 3
