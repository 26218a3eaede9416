"""Official arrays in the places of a network's own: what fits, is missing, left over or of another shape."""
import fnmatch
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from dynjax.control.tunable.wrapper import Tuned
from dynjax.files.messages import first_line, one_line
from dynjax.models.conversions import KINDS, convert_stack, official_name
from dynjax.models.layouts import layouts


def score(layout, arrays):
    """How many layers of a layout the source has."""
    names = {name.rpartition(".")[0] for name in arrays} | set(arrays)
    return sum(official in names for official, _ in layout.layers.values())


def _shapes(plain, layout):
    """The plain network's variables as shapes."""
    init = lambda key, x: plain.init(key, x, *layout.further)
    try:
        return jax.eval_shape(init, jax.random.key(0), jax.ShapeDtypeStruct(layout.example, jnp.float32))
    except (TypeError, ZeroDivisionError) as error:   # fields that no network has, such as 0 features
        raise ValueError(f"the network {one_line(plain)} cannot be built ({first_line(error)}); give it other "
                         "arguments.") from None


def _is_stacked(layout, shapes, arrays):
    """Whether the source has several kernels a layer, [1, W, ...]."""
    for path, leaf in traverse_util.flatten_dict(shapes["params"]).items():
        layer, kind = _find(layout, path)
        array = arrays.get(official_name(layer, kind.official, stacked=True)) if kind else None
        if array is not None and array.ndim == len(leaf.shape) + 2 and array.shape[0] == 1:
            return True
    return False


def _with_alpha(net, layout, arrays):
    """The network with a known number of objectives; single layers may leave it to the alpha that comes."""
    if net.alpha is not None:
        return net
    for official, _ in layout.layers.values():
        if (phi := arrays.get(official_name(official, "mlp.weight"))) is not None:
            return net.clone(alpha=phi.shape[-1], kernels=phi.shape[0])
        if (kernels := arrays.get(official_name(official, "weight"))) is not None:
            return net.clone(alpha=kernels.shape[1])
    return net


def _find(layout, path):
    """(official layer, Leaf) of one of our leaves, or (None, None)."""
    for cut, leaf in ((len(path) - 1, path[-1]), (len(path), "")):
        official, kind = layout.layers.get("/".join(path[:cut]), (None, None))
        if kind and leaf in KINDS[kind]:
            return official, KINDS[kind][leaf]
    return None, None


def _sought(layout, path, stacked):
    """(official name, conversion) of a leaf of the wanted tree."""
    collection, *inner = path
    if stacked and collection == "params":
        part, *inner = inner
        if part == "phi":
            official, _ = layout.layers.get("/".join(inner[:-1]), (None, None))
            if official is None or inner[-1:] not in (["kernel"], ["bias"]):  # hidden layers, a list
                return None, None
            leaf, convert = ("mlp.weight", np.transpose) if inner[-1] == "kernel" else ("mlp.bias", np.asarray)
            return official_name(official, leaf), convert
        if part == "kernels":
            official, leaf = _find(layout, tuple(inner))
            return (official_name(official, leaf.official, stacked=True), lambda array: convert_stack(leaf, array)) if (
                leaf) else (None, None)
    official, leaf = _find(layout, tuple(inner))
    return (official_name(official, leaf.official), leaf.convert) if leaf else (None, None)


class StackedError(ValueError):
    """Several kernels a layer for a network that has one."""


class Match(NamedTuple):
    """Official arrays in the places of ours.

    Attributes:
      leaves: (array in our layout, wanted type) by our path.
      problems: names of arrays by "missing", "left over" and "not fitting", where there are some.
    """
    leaves: dict
    problems: dict

    def variables(self):
        """The tree; of a match without problems."""
        return traverse_util.unflatten_dict({path: jnp.asarray(ours, dtype)
                                             for path, (ours, dtype) in self.leaves.items()})


def match(net, arrays):
    """The arrays in the places of a network's; of its layouts, the one with the most layers there.

    Args:
      net: as `pretrained.load` has it. arrays: by official names.

    Returns:
      (Match, whether the arrays have several kernels a layer).

    Raises:
      ValueError: a network without known names or that cannot be built; several kernels a layer for one that has one.
    """
    tuned = isinstance(net, Tuned)
    plain = net.base_network if tuned else net
    layout = max(layouts(plain, arrays), key=lambda layout: score(layout, arrays))
    shapes = _shapes(plain, layout)
    stacked = _is_stacked(layout, shapes, arrays)
    if stacked and not tuned:
        raise StackedError(f"the source has several kernels a layer but {type(net).__name__} has one; wanted Tunable "
                           "around it, as pretrained.build gives it for the official tunable classes.")
    if stacked:
        shapes = jax.eval_shape(_with_alpha(net, layout, arrays).from_base, shapes)
    return _matched(shapes, layout, dict(arrays), stacked), stacked


def _matched(shapes, layout, arrays, stacked):
    """Every entry of the source must be used, constant or without effect."""
    leaves, missing, misfits = {}, [], []
    for path, wanted in traverse_util.flatten_dict(shapes).items():
        name, convert = _sought(layout, path, stacked)
        if name is None:
            missing.append("/".join(map(str, path)) + " (which no official checkpoint has)")
        elif name not in arrays:
            missing.append(name)
        else:
            array = arrays.pop(name)
            # By its size first: an array expanded in the file can be larger than any memory once it is converted.
            ours = _converted(convert, array) if array.size == wanted.size else None
            if not _is_real(array.dtype):
                misfits.append(f"{name} of type {array.dtype}, no real numbers")
            elif ours is None or ours.shape != wanted.shape:
                misfits.append(f"{name} {array.shape} for {'/'.join(map(str, path))} {wanted.shape}")
            else:
                leaves[path] = ours, wanted.dtype
    for name, constant in layout.constants.items():
        array = arrays.pop(name, None)
        equal = array is None or (_is_real(array.dtype) and array.size == constant.size and np.allclose(
            array.reshape(-1), constant.reshape(-1), rtol=0, atol=1e-6))
        if not equal:
            misfits.append(f"{name}, which the network has as the constant {constant.reshape(-1).tolist()}")
    surplus = [name for name in arrays if not any(fnmatch.fnmatchcase(name, pattern) for pattern in layout.ignored)]
    problems = {"missing": missing, "left over": surplus, "not fitting": misfits}
    return Match(leaves, {kind: names for kind, names in problems.items() if names})


def _is_real(dtype):
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, np.bool_))   # with bfloat16, float8


def _converted(convert, array):
    try:
        return convert(array)
    except (ValueError, IndexError, TypeError):  # another number of axes
        return None
