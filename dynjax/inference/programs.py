"""Compiled programs, one a network and size, and what makes two networks the same."""
import functools
from collections.abc import Mapping

import flax.linen as nn
import jax
import numpy as np

PROGRAMS = 32   # compiled ones that are kept: sizes, of all networks together


@functools.lru_cache(maxsize=PROGRAMS)
def program(key, shape):
    """network.apply(variables, images, *arguments), compiled, of the Key's network for images of that shape.

    A function a shape, so that sizes are forgotten one by one.
    """
    network = key.network
    return jax.jit(lambda variables, images, *arguments: network.apply(variables, images, *arguments))


class Key:
    """A network as a key of a cache: equal where class and fields are, also where fields cannot be hashed."""

    def __init__(self, network):
        self.network = network
        self._fields = _frozen(network)

    def __hash__(self):
        return hash(self._fields)

    def __eq__(self, other):
        return isinstance(other, Key) and self._fields == other._fields


def _frozen(value):
    """Modules, lists, dicts and arrays as tuples of what they hold; anything else that has no hash by its identity."""
    if isinstance(value, nn.Module):
        fields = [name for name in value.__dataclass_fields__ if name != "parent"]
        return type(value), *((name, _frozen(getattr(value, name, None))) for name in fields)
    if isinstance(value, Mapping):
        return Mapping, *((key, _frozen(entry)) for key, entry in value.items())
    if isinstance(value, list | tuple):
        return type(value), *(_frozen(entry) for entry in value)
    if isinstance(value, np.ndarray | jax.Array):
        array = np.asarray(value)
        return array.shape, array.dtype.str, array.tobytes()
    try:
        hash(value)
    except TypeError:
        return _Same(value)
    return type(value), value   # 1, 1.0 and True are equal, and not the same to a network


class _Same:
    """Equal to what holds the very same object, which lives as long."""

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return id(self.value)

    def __eq__(self, other):
        return isinstance(other, _Same) and self.value is other.value
