"""The points of alpha that a model is measured at."""
import itertools

import numpy as np


def alpha_points(names, count, *, simplex=True):
    """A regular grid of alpha with `count` points along each edge.

    On the simplex (numbers from 0 that sum to one): for two names the points from (1, 0) to (0, 1), for more all
    mixtures in steps of 1 / (count - 1). Otherwise the unit cube, count^P points. The first name's end comes first on
    the simplex, the origin in the cube. A single name has no simplex: its points run from 0 to 1.

    Args:
      names: the P names of alpha, or P itself.
      count: points along an edge, 2 or more.
      simplex: whether the numbers sum to one.

    Returns:
      float32 [A, P].

    Raises:
      ValueError: no names, or fewer than two points.
    """
    objectives = names if isinstance(names, int) else len(names)
    if objectives < 1:
        raise ValueError("alpha_points got no names of alpha; wanted one or more, such as ('fidelity', 'perceptual').")
    if int(count) != count or count < 2:
        raise ValueError(f"alpha_points got count={count}; wanted 2 or more points along an edge, so that both of its "
                         "ends are there. For a single point use apply.")
    last = int(count) - 1
    steps = itertools.product(range(last + 1), repeat=objectives)
    if simplex and objectives > 1:
        steps = sorted((point for point in steps if sum(point) == last), reverse=True)
    return (np.array(list(steps), np.float64) / last).astype(np.float32)
