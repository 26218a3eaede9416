"""One layer's arrays from the official layout to ours: names and axes, for every kind of layer."""
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Leaf(NamedTuple):
    """How one of our arrays is called officially, below the layer's name, and how it is turned into ours."""
    official: str
    convert: Callable[[np.ndarray], np.ndarray] = lambda array: array


def _axes(*order):
    return lambda array: array.transpose(order)


def _flat(array):
    """Without its axes of one; an array of several others stays, and so fits no vector."""
    return array.reshape(-1) if array.size == max(array.shape, default=1) else array


# Our leaf to the official one. Convolutions: OIHW to HWIO, also grouped; transposed ones: IOHW to HWIO without a flip.
KINDS = {
    "conv": {"kernel": Leaf("weight", _axes(2, 3, 1, 0)), "bias": Leaf("bias")},
    "conv_transpose": {"kernel": Leaf("weight", _axes(2, 3, 0, 1)), "bias": Leaf("bias")},
    "dense": {"kernel": Leaf("weight", _axes(1, 0)), "bias": Leaf("bias")},
    "norm": {"scale": Leaf("weight", _flat), "bias": Leaf("bias", _flat), "mean": Leaf("running_mean"),
             "var": Leaf("running_var")},
    "gamma_beta": {"scale": Leaf("gamma"), "bias": Leaf("beta")},
    "prelu": {"negative_slope": Leaf("weight")},
    "array": {"": Leaf("")},
    "leading": {"": Leaf("", lambda array: array[0])},   # a batch axis of one before it
    "vector": {"": Leaf("", _flat)},
}
# A bare parameter is called by its own name in PyTorch, but is a layer of its own where it is tunable.
STACKED_NAMES = {"": "data"}


def official_name(layer, leaf, *, stacked=False):
    """The full official name of a leaf: the layer's name, a dot, the leaf's."""
    return ".".join(part for part in (layer, STACKED_NAMES.get(leaf, leaf) if stacked else leaf) if part)


def convert_stack(leaf, array):
    """[1, W, ...] as the tunable programs store it, to ours [W, ...], kernel by kernel."""
    return np.stack([leaf.convert(slot) for slot in array[0]])
