"""How alpha is drawn in training: functions from a key to alpha [P]."""
import ast
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np


def uniform(objectives):
    """Independent uniform numbers in [0, 1], one an objective."""
    return lambda key: jax.random.uniform(key, (objectives,))


def simplex(objectives):
    """Uniform on the simplex, sum 1: Dirichlet(1, ..., 1); for two objectives (u, 1 - u)."""
    return lambda key: jax.random.dirichlet(key, jnp.ones(objectives))


def fixed(points):
    """One of the given points [N, P], each as likely."""
    try:
        points = jnp.asarray(np.asarray(points, np.float32))
    except (TypeError, ValueError):
        raise ValueError(f"the fixed points of alpha are {points!r}; wanted numbers (N, P), a list of "
                         "points.") from None
    if points.ndim != 2 or not len(points):
        raise ValueError(f"the fixed points of alpha have shape {points.shape}; wanted (N, P), a list of points.")
    return lambda key: points[jax.random.randint(key, (), 0, points.shape[0])]


def stretched(sampler, amount=0.2, *, on_simplex=False):
    """Draws further out by `amount` on every side of the centre and clips to [0, 1], so that the ends are really hit.

    Args:
      sampler: what to stretch. amount: 0.2 hits each end of a uniform number with probability 1/7.
      on_simplex: stretch about the simplex's centre, and divide by the sum after clipping.
    """
    def draw(key):
        alpha = sampler(key)
        centre = 1 / alpha.shape[0] if on_simplex else 0.5
        alpha = jnp.clip(centre + (alpha - centre) * (1 + 2 * amount), 0, 1)
        return alpha / jnp.sum(alpha) if on_simplex else alpha
    return draw


def build_sampler(config, objectives, *, stretch=0.0):
    """A sampler from what a config says: "uniform", "simplex", points [N, P], or a function of the user's own.

    Args:
      config: the name, the points (also {"fixed": points}, or as text, "[[1, 0], [0, 1]]"), or a function key -> [P].
      objectives: P. stretch: the amount by which "uniform" and "simplex" are stretched, 0 for none. Points and
        functions are drawn as they are.

    Raises:
      ValueError: an unknown name, or points of another length.
    """
    named = {"uniform": uniform, "simplex": simplex}
    if isinstance(config, str) and config in named:
        sampler = named[config](objectives)
        return stretched(sampler, stretch, on_simplex=config == "simplex") if stretch else sampler
    if isinstance(config, str):
        text, config = config, _literal(config)
        if config is None:
            raise ValueError(f"alpha.sampler is {text!r}; wanted one of {', '.join(named)}, or a list of points such "
                             "as [[1, 0], [0, 1]].")
    sampler = config if callable(config) else fixed(config["fixed"] if isinstance(config, Mapping) else config)
    shape = jax.eval_shape(sampler, jax.random.key(0)).shape
    if shape != (objectives,):
        raise ValueError(f"alpha.sampler draws alpha of shape {shape}; wanted ({objectives},), one number for every "
                         "objective.")
    return sampler


def points_of(config):
    """The points [N, P] of alpha that a config names one by one, as `build_sampler` takes them, else None."""
    if isinstance(config, str):
        config = _literal(config)
    if isinstance(config, Mapping):
        config = config.get("fixed")
    try:
        points = np.asarray(config, np.float32)
    except (TypeError, ValueError):
        return None
    return points if points.ndim == 2 and len(points) else None


def _literal(text):
    """The list that a text is, None where it is none."""
    try:
        points = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        return None
    return points if isinstance(points, list | tuple) else None
