"""phi: from alpha to the weights of the kernels, one small function for every layer (Maggioni et al. 2023, eq. 6)."""
import itertools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

KINDS = ("affine", "identity")


def layers(params, path=(), *, deep=False):
    """The layers of a parameter tree, each with a phi of its own.

    A module whose own parameters are a kernel or a bias or both is one layer; every other bare parameter is a layer
    of its own, under its name. With `deep` maps, which are lists and leave no room beside them, so is the kernel or
    bias of a module that has modules below it.

    Yields:
      (path of the layer, names of its leaves below that path; () where the path is the leaf itself).
    """
    own = [name for name, value in params.items() if not isinstance(value, Mapping)]
    if own and set(own) <= {"kernel", "bias"} and not (deep and len(own) < len(params)):
        yield path, tuple(own)
    else:
        for name in own:
            yield (*path, name), ()
    for name, value in params.items():
        if isinstance(value, Mapping):
            yield from layers(value, (*path, name), deep=deep)


def initial(objectives, kernels, *, hidden=(), kernel_init="replicate"):
    """One layer's phi at the beginning of training.

    Args:
      objectives: P. kernels: W.
      hidden: widths of hidden layers with ReLU; () is the paper's affine map.
      kernel_init: "replicate", the identity: kernel w follows parameter w mod P, divided by the number of kernels
        that do;
        "base": the weights (1, 0, ...) at every alpha.

    Returns:
      {"kernel": [P, W], "bias": [W]}, or a list of such pairs from alpha to the weights.
    """
    widths = (objectives, *hidden, kernels)
    pairs = [_tiled_identity(rows, columns, objectives) for rows, columns in itertools.pairwise(widths)]
    if kernel_init == "base":
        pairs[-1] = {"kernel": np.zeros_like(pairs[-1]["kernel"]), "bias": np.eye(1, kernels, dtype=np.float32)[0]}
    pairs = jax.tree.map(jnp.asarray, pairs)
    return pairs if hidden else pairs[0]


def _tiled_identity(rows, columns, objectives):
    # Unit i carries parameter i mod P on both sides; dividing by the number of rows that carry a parameter keeps the
    # value that arrives, dividing the last layer by the number of kernels makes the weights sum to the sum of alpha.
    carries = (np.arange(rows)[:, None] - np.arange(columns)[None, :]) % objectives == 0
    copies = np.bincount(np.arange(columns) % objectives, minlength=objectives)
    share = np.asarray([1.0 / copies[column % objectives] for column in range(columns)], np.float32)
    return {"kernel": carries.astype(np.float32) * share[None, :], "bias": np.zeros(columns, np.float32)}


def weights(phi, alpha):
    """The weights [W] of one layer's kernels at alpha [P]; phi None is the identity, W = P."""
    if phi is None:
        return alpha
    pairs = [phi] if isinstance(phi, Mapping) else phi
    value = alpha
    for index, pair in enumerate(pairs):
        value = jax.nn.relu(value) if index else value
        value = jnp.sum(value[:, None] * pair["kernel"], axis=0) + pair["bias"]
    return value
