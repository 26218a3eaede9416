"""Stacked parameters and their mixing at alpha: functions of trees of arrays, which know no network and no linen."""
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp

from dynjax.control.tunable import paths
from dynjax.control.tunable import phi as phi_map
from dynjax.control.tunable.aggregation import aggregate
from dynjax.image.native import native

KERNEL_INITS = ("replicate", "base")


def stack(params, objectives, *, kernels=None, phi="affine", hidden=(), frozen=(), tuned=(),
          kernel_init="replicate"):
    """Stacks a network's parameters into the candidates that `tune` mixes.

    Args:
      params: a nested dict of arrays, which every candidate starts at; or a list of W of them, one a candidate.
      objectives: P, how many numbers alpha has.
      kernels: W, how many candidates each parameter has; the length of the list, or P, by default.
      phi: "affine", alpha @ kernel + bias for every layer, or "identity", the weights are alpha itself.
      hidden: widths of hidden layers in phi, with ReLU.
      frozen: patterns of parameters that stay single, such as ("**/LayerNorm_*",); of a list, the first tree's.
      tuned: patterns of the only parameters that do not; all by default.
      kernel_init: "replicate", phi begins as the identity; "base", as the constant (1, 0, ...), which gives the first
        candidate at every alpha.

    Returns:
      {"kernels": the tree with leaves [W, ...], "phi": one entry a layer, "frozen": the single leaves}; "phi" and
      "frozen" are absent where they would be empty.

    Raises:
      ValueError: numbers that do not go together, an unknown phi or kernel_init, trees of different forms, a
        pattern that matches nothing.
    """
    slots = list(params) if isinstance(params, list | tuple) else None
    count = candidates(objectives, kernels=kernels or (len(slots) if slots else None), phi=phi, hidden=hidden)
    slots = [params] * count if slots is None else slots
    if len(slots) != count:
        raise ValueError(f"stack got {len(slots)} trees for {count} candidates; wanted one tree a candidate.")
    if kernel_init not in KERNEL_INITS:
        raise ValueError(f"kernel_init is {kernel_init!r}; wanted one of {', '.join(KERNEL_INITS)}.")
    if kernel_init == "base" and phi == "identity":
        raise ValueError('kernel_init="base" needs a phi with parameters, but phi is "identity"; use '
                         'kernel_init="replicate" or phi="affine".')
    check_alike(slots)
    slots = native(slots)
    several, single = zip(*(_parts(slot, frozen, tuned) for slot in slots), strict=True)
    stacked = {"kernels": jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)}
    if phi == "affine":
        stacked["phi"] = {}
        for path, _ in phi_map.layers(several[0], deep=bool(hidden)):
            layer = phi_map.initial(objectives, count, hidden=tuple(hidden), kernel_init=kernel_init)
            stacked["phi"] = paths.with_entry(stacked["phi"], path, layer)
    if single[0]:
        stacked["frozen"] = single[0]
    return stacked


def tune(stacked, alpha):
    """Mixes stacked parameters at one point of alpha: each layer's candidates with the weights phi(alpha) of its own.

    theta = sum_w phi_w(alpha) theta_w (Maggioni et al. 2023, equations 3 and 6). Differentiable in both arguments, and
    the same bits wherever it is called from.

    Args:
      stacked: as `stack` makes it.
      alpha: [P]; any real values.

    Returns:
      The network's parameters, a nested dict with leaves [...].

    Raises:
      ValueError: a tree of another form, or alpha of another length.
    """
    if not isinstance(stacked, Mapping) or "kernels" not in stacked:
        raise ValueError("tune got parameters without 'kernels'; make them with init, or from a trained base "
                         "network's with from_base, trees with dynjax.stack.")
    stacked = native(stacked)
    known, alpha = _objectives(stacked), jnp.asarray(native(alpha))
    if known is not None and alpha.shape != (known,):
        raise ValueError(f"alpha has shape {alpha.shape}; wanted a last axis of {known}, one number for every "
                         "objective.")
    return paths.merge(_tuned(stacked["kernels"], stacked.get("phi"), alpha, deep=_is_deep(stacked.get("phi"))),
                       stacked.get("frozen"))


def candidates(objectives, *, kernels=None, phi="affine", hidden=()):
    """W, how many candidates each parameter has.

    Raises:
      ValueError: an unknown phi, or fewer candidates or hidden units than it can begin as the identity with.
    """
    if phi not in phi_map.KINDS:
        raise ValueError(f"phi is {phi!r}; wanted one of {', '.join(phi_map.KINDS)}.")
    count = kernels or objectives
    if count < objectives or (phi == "identity" and (count != objectives or hidden)):
        wanted = f"exactly {objectives}, no hidden layers" if phi == "identity" else f"{objectives} or more"
        raise ValueError(f"kernels is {count} with {len(hidden)} hidden layers for {objectives} objectives and "
                         f"phi={phi!r}; wanted {wanted}.")
    if any(width < objectives for width in hidden):
        raise ValueError(f"hidden is {tuple(hidden)}; wanted widths of {objectives} (the number of objectives) or "
                         "more, so that phi can start as the identity.")
    return count


def _parts(tree, frozen, tuned):
    """(leaves of which there are several, leaves that stay single)."""
    if not tuned:
        return paths.split(tree, frozen)
    single, several = paths.split(tree, tuned, field="tuned")
    several, more = paths.split(several, frozen)
    return several, paths.merge(single, more)


def check_alike(slots):
    """Refuses trees whose leaves differ in name or shape from the first one's."""
    shapes = lambda tree: {jax.tree_util.keystr(path, simple=True, separator="/"): jnp.shape(leaf)
                           for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    first = shapes(slots[0])
    for index, slot in enumerate(slots[1:], 1):
        if (other := shapes(slot)) != first:
            name = min(name for name in first.keys() | other.keys() if first.get(name) != other.get(name))
            raise ValueError(f"the trees of candidates 0 and {index} differ: {name} is {first.get(name, 'absent')} and "
                             f"{other.get(name, 'absent')}; wanted trees of one network.")


def _objectives(stacked):
    """P as the parameters have it, or None where there are none."""
    tree = stacked.get("phi", stacked["kernels"])
    leaves = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
              if "phi" not in stacked or path[-1] == jax.tree_util.DictKey("kernel")]
    return leaves[0].shape[0] if leaves else None


def _is_deep(phi):
    """Whether the maps have hidden layers: then they are lists."""
    while isinstance(phi, Mapping):
        phi = next(iter(phi.values()), None)
    return isinstance(phi, list | tuple)


@functools.partial(jax.jit, static_argnames="deep")
def _tuned(kernels, phi, alpha, *, deep):
    """Plain parameters from stacked ones; jitted, so that baking and applying run the same compiled sum."""
    plain = {}
    for path, leaves in phi_map.layers(kernels, deep=deep):
        layer, kernel_stack = None if phi is None else paths.at(phi, path), paths.at(kernels, path)
        layer_stack = {name: kernel_stack[name] for name in leaves} if leaves else kernel_stack
        weights = jax.lax.optimization_barrier(phi_map.weights(*jax.lax.optimization_barrier((layer, alpha))))
        plain = paths.with_entry(plain, path, aggregate(layer_stack, weights))
    return plain
