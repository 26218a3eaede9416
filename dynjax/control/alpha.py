"""What a user may hand over as alpha, turned into one array."""
from collections.abc import Iterable, Mapping
from numbers import Integral

import jax.numpy as jnp

from dynjax.image.native import native


def as_numbers(value, name="alpha"):
    """An array of numbers; refuses None, text and lists of lists of different lengths.

    Raises:
      ValueError: not numbers.
    """
    try:
        return jnp.asarray(native(value))
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; wanted numbers, as one, a list, an array or a dict by name.") from None


def objective_names(names):
    """The names of alpha's numbers as a tuple, from a field that holds one as text, several, or only how many.

    Args:
      names: text, a sequence of text, or a whole number P from 1, which has no names.

    Returns:
      The names, or None for a number.

    Raises:
      ValueError: no names, one that is no text, one name twice, or a number below 1.
    """
    if isinstance(names, Integral) and not isinstance(names, bool) and names > 0:
        return None
    several = (names,) if isinstance(names, str) else names
    if not isinstance(several, Iterable) or not all(isinstance(name, str) for name in several) or not tuple(several):
        raise ValueError(f"alpha is {names!r}; wanted the names of its numbers, such as ('fidelity', 'perceptual'), or "
                         "how many there are, 1 or more.")
    names = tuple(several)
    if len(set(names)) < len(names):
        raise ValueError(f"alpha is {names}; wanted a name of its own for every objective.")
    return names


def check_names(alpha, names, *, by="name", wanted="a number"):
    """Refuses a dict of alphas that has not exactly these names.

    Raises:
      ValueError: unknown or missing names.
    """
    unknown = [str(name) for name in alpha if name not in names]
    missing = [name for name in names if name not in alpha]
    if unknown or missing:
        said = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise ValueError(f"alpha by {by} does not fit ({'; '.join(said)}); wanted {wanted} for each of "
                         f"{', '.join(names)}.")


def alpha_array(alpha, names=None, *, batch=None):
    """Alpha as a float32 array [P], one point for the batch, or [B, P], one point an image.

    Args:
      alpha: (P,) or (B, P) numbers of any kind, or a dict of numbers or (B,) arrays by name. Any real value.
      names: the P names, or None where they are not known (then no dict is taken and P is the last axis).
      batch: B, checked against a per-image alpha where given.

    Raises:
      ValueError: no numbers, wrong length, number of axes or batch, unknown or missing name.
    """
    if isinstance(alpha, Mapping):
        alpha = _by_name(alpha, names)
    array = as_numbers(alpha).astype(jnp.float32)
    wanted = "(P,) or (B, P)" if names is None else f"({len(names)},) or (B, {len(names)})"
    known = "" if names is None else f", in the order {', '.join(names)}"
    if array.ndim not in (1, 2) or (names is not None and array.shape[-1] != len(names)):
        raise ValueError(f"alpha has shape {array.shape}; wanted {wanted}{known}. Give one number for each of these, "
                         "as a list, an array or a dict by name; a single one as [0.5].")
    if array.ndim == 2 and batch is not None and array.shape[0] != batch:
        raise ValueError(f"alpha has {array.shape[0]} rows for a batch of {batch} images; wanted one row an image, "
                         f"shape ({batch}, {array.shape[1]}), or one point for all, shape ({array.shape[1]},).")
    return array


def shared_alpha(alpha, names=None):
    """Alpha as [P], refusing one point an image: for what has a single set of kernels, such as a baked network."""
    array = alpha_array(alpha, names)
    if array.ndim == 2:
        raise ValueError(f"alpha has shape {array.shape}, one point an image; wanted a single point of shape "
                         f"({array.shape[1]},). Call once for every point.")
    return array


def _by_name(alpha, names):
    if names is None:
        raise ValueError(f"alpha came by name ({', '.join(map(str, alpha))}) but this layer has no names; give an "
                         "array of shape (P,) or set the field alpha=('name', ...).")
    check_names(alpha, names)
    values = [as_numbers(alpha[name], f"alpha {name}").astype(jnp.float32) for name in names]
    if any(value.ndim > 1 for value in values) or len({value.shape for value in values if value.ndim}) > 1:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in zip(names, values, strict=True))
        raise ValueError(f"alpha by name has the shapes {shapes}; wanted numbers or arrays (B,) of one length.")
    return jnp.stack(jnp.broadcast_arrays(*values), axis=-1)
