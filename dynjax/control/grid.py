"""Many points of alpha at once, in one compiled program."""
import functools

import jax
import jax.numpy as jnp

from dynjax.devices import check_platform
from dynjax.image.native import native


def grid(control, variables, x, alphas, *, chunk=None):
    """The outputs of one batch at many points of alpha, compiled once for every shape.

    Args:
      control: a network that alpha tunes, such as Tunable or DynamicNet.
      variables: the control's.
      x: [B, H, W, C].
      alphas: [A, P] points of alpha.
      chunk: how many points run side by side. By default one at a time on a CPU, where side by side means grouped
        convolutions (eight times slower) or, where alpha only scales activations (DynamicNet), more memory than its
        caches hold; on an accelerator eight, or all at once for a DynamicNet. What lies before a DynamicNet's first
        block does not depend on alpha, and the compiler takes it out of the loop.

    Returns:
      [A, B, H', W', C'].

    Raises:
      ValueError: alphas is not a list of points, or chunk is not positive.
    """
    check_platform()
    variables, x, alphas = native((variables, x, alphas))
    try:
        alphas = jnp.asarray(alphas, jnp.float32)
    except (TypeError, ValueError):
        raise ValueError("grid got alphas that are no array of numbers (dicts by name, or points of different "
                         "lengths); wanted (A, P), a list of points with all P numbers each.") from None
    if alphas.ndim != 2 or not alphas.shape[0]:
        raise ValueError(f"grid got alphas of shape {alphas.shape}; wanted (A, P), a list of one or more points. For "
                         "a single point use apply.")
    if chunk is None:
        chunk = _default_chunk(control, alphas.shape[0])
    if chunk < 1:
        raise ValueError(f"grid got chunk={chunk}; wanted 1 or more points side by side.")
    try:
        hash(control)
    except TypeError:   # a network with lists among its fields, such as nn.Sequential
        control = _Same(control)
    return _grid(control, variables, x, alphas, min(chunk, alphas.shape[0]))


class _Same:
    """Stands for a module that cannot be hashed: equal to itself alone."""

    def __init__(self, module):
        self.module, self.apply = module, module.apply

    def __hash__(self):
        return id(self.module)

    def __eq__(self, other):
        return isinstance(other, _Same) and self.module is other.module


def _default_chunk(control, points):
    if jax.default_backend() == "cpu":
        return 1
    return points if getattr(control, "acts_on", "weights") == "activations" else 8


@functools.partial(jax.jit, static_argnums=(0, 4))
def _grid(control, variables, x, alphas, chunk):
    at = lambda alpha: control.apply(variables, x, alpha)
    if chunk == alphas.shape[0] > 1:
        return jax.vmap(at)(alphas)
    return jax.lax.map(at, alphas, batch_size=chunk if chunk > 1 else None)
