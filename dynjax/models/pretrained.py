"""Official weights under their own names: built by `network`, read by `load`."""
import fnmatch
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from dynjax.devices import check_platform
from dynjax.files import read_arrays
from dynjax.files.messages import first_line, one_line
from dynjax.models import families  # noqa: F401  (makes the official programs known)
from dynjax.models.conversions import KINDS, convert_stack, official_name
from dynjax.models.layouts import layouts
from dynjax.models.official import network
from dynjax.models.recognition import likely
from dynjax.models.tensors import as_array
from dynjax.tunable.wrapper import Tuned

__all__ = ["load", "network"]

NESTED = ("params_ema", "params", "state_dict")  # the first that is there with something in it is taken
AT_MOST_NAMED = 8
# Single numbers that MindSpore's checkpoints have beside the parameters, about the training.
COUNTERS = {"epoch_num", "step_num", "learning_rate", "global_step"}


def load(net, source, *, start="copies"):
    """Variables of one of our networks from official weights.

    Args:
      net: from `pretrained.network`, or made by hand: a plain network, DynamicNet around one, Tunable
        around one, or a tunable layer.
      source: a path (.npz, .safetensors, PyTorch's .pth, MindSpore's .ckpt) or a dict of arrays or PyTorch tensors by
        official names; dicts inside it called params_ema, params or state_dict and a prefix "module." on all names are
        unwrapped; text and single numbers about the training (COUNTERS) are passed over.
      start: a plain checkpoint for a tunable network becomes its starting point, as in `Tunable.stack`.

    Returns:
      The variables for `net.apply`.

    Raises:
      ValueError: entries that are missing, left over, of another shape or, where they are constants of the network, of
        another value, each by name; a network without known official names; a file that cannot be read.
    """
    check_platform()
    arrays = _unwrap(read_arrays(source) if isinstance(source, str) or hasattr(source, "__fspath__") else source)
    tuned = isinstance(net, Tuned)
    plain = net.plain() if tuned else net
    layout = max(layouts(plain, arrays), key=lambda layout: _score(layout, arrays))
    shapes = _shapes(plain, layout)
    stacked = _is_stacked(layout, shapes, arrays)
    if stacked and not tuned:
        raise ValueError(f"the source has several kernels a layer but {type(net).__name__} has one; wanted Tunable "
                         "around it, as pretrained.network gives it for the official tunable classes.")
    if stacked:
        shapes = jax.eval_shape(_with_alpha(net, layout, arrays).stack, shapes)
    variables = _fill(net, shapes, layout, dict(arrays), stacked)
    return net.stack(variables, start=start) if tuned and not stacked else variables


def _unwrap(source):
    if not isinstance(source, Mapping):
        raise ValueError(f"the source is {one_line(source)}; wanted a path or a dict of arrays by official names.")
    for _ in NESTED:   # one inside the other, as trainers wrap what others wrapped; no deeper than there are names
        inner = [source[name] for name in NESTED if isinstance(source.get(name), Mapping)]
        source = next(filter(None, inner), inner[0]) if inner else source
    nested = [str(name) for name, value in source.items() if isinstance(value, Mapping)]
    if nested or not source:
        raise ValueError(f"the source holds {'dicts: ' + _named(nested) if nested else 'nothing'}; wanted arrays by "
                         f"name, at most inside dicts called {', '.join(NESTED)}.")
    unnamed = [str(name) for name in source if not isinstance(name, str)]
    if unnamed:
        raise ValueError(f"the source has entries called {_named(unnamed)}; wanted arrays by name, as state_dict() "
                         "gives them.")
    lists = [name for name, value in source.items() if isinstance(value, list | tuple) and not all(
        isinstance(item, int | float | str | np.generic) for item in value)]
    if lists:
        raise ValueError(f"the source has lists of more than numbers or text: {_named(lists)}; wanted arrays by name.")
    arrays = {name: as_array(name, array) for name, array in source.items()}
    arrays = {name: array for name, array in arrays.items()   # text tells of the file
              if array.dtype.kind != "U" and not (name in COUNTERS and array.size == 1)}
    wrapped = all(name.startswith("module.") for name in arrays)
    return {name.removeprefix("module."): array for name, array in arrays.items()} if wrapped else arrays


def _score(layout, arrays):
    """How many layers of a layout the source has."""
    names = {name.rsplit(".", 1)[0] for name in arrays} | set(arrays)
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


def _fill(net, shapes, layout, arrays, stacked):
    """The wanted tree filled from the source; every entry of which must be used, constant or without effect."""
    names_and_shapes = dict(arrays)
    filled, missing, misfits = {}, [], []
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
                filled[path] = jnp.asarray(ours, wanted.dtype)
    for name, constant in layout.constants.items():
        array = arrays.pop(name, None)
        equal = array is None or (_is_real(array.dtype) and array.size == constant.size and np.allclose(
            array.reshape(-1), constant.reshape(-1), rtol=0, atol=1e-6))
        if not equal:
            misfits.append(f"{name}, which the network has as the constant {constant.reshape(-1).tolist()}")
    surplus = [name for name in arrays if not any(fnmatch.fnmatchcase(name, pattern) for pattern in layout.ignored)]
    problems = {"missing": missing, "left over": surplus, "not fitting": misfits}
    if any(problems.values()):
        said = "; ".join(f"{kind}: {_named(names)}" for kind, names in problems.items() if names)
        used = {name: array for name, array in names_and_shapes.items() if name not in surplus}
        raise ValueError(f"the source does not fit the network ({said}). "
                         f"{_advice(net, names_and_shapes, None if missing or misfits else used)}")
    return traverse_util.unflatten_dict(filled)


def _is_real(dtype):
    return any(jnp.issubdtype(dtype, kind) for kind in (jnp.floating, jnp.integer, np.bool_))   # with bfloat16, float8


def _advice(net, arrays, enough):
    """What to do about a source that does not fit; `enough` are the arrays that the network takes, if it has all."""
    found = likely(arrays)
    if found is None:
        return "Build the network with the arguments that the checkpoint was made with."
    if enough is not None and likely(enough) == found:   # what is left over makes no other network of it
        return "Nothing else is wrong: take what is left over out of the source."
    if _is_built_as(net, found):
        return ("Otherwise it is of this network: see whether the source is whole, and whether the network has the "
                "arguments that change no size.")
    return f"It looks like that of {found.said()}."


def _is_built_as(net, found):
    try:
        return network(found.name, **found.arguments) == net
    except ValueError:   # the shapes are of none that there is
        return False


def _converted(convert, array):
    try:
        return convert(array)
    except (ValueError, IndexError, TypeError):  # another number of axes
        return None


def _named(names):
    more = len(names) - AT_MOST_NAMED
    return ", ".join(map(one_line, names[:AT_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")
