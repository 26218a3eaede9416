"""The plane of two objectives: means over the images, and the figures that compare what lies in it."""
import dataclasses

import numpy as np

from dynjax.evaluation.pareto.fronts import (
    convex_area,
    distance_to_curve,
    hypervolume,
    monotonicity,
    nearest_alpha,
    sign_changes,
)

TRAINED = (0.0, 1.0)


@dataclasses.dataclass
class Plane:
    """Means over the images in two objectives, x and y, both lower is better.

    Attributes:
      names: of x and y. log: whether the curve and the fixed networks are positive, so that logarithms are drawn and
        natural ones measured; otherwise differences, in units of the curve's extent in each.
      alphas: [A, K], curve: [A, 2], in order. trained: [A], which of them lie within the range that was trained.
      grid: [G, 2], G may be 0. fixed: {name: [2]}. blends: {name: [S, 2]}.
      dropped: with log, how many points of the grid and the blends are left out because they are not positive.
      images: how many the means are of.
    """
    names: tuple
    log: bool
    alphas: np.ndarray
    curve: np.ndarray
    trained: np.ndarray
    grid: np.ndarray
    fixed: dict
    blends: dict
    dropped: int
    images: int

    def scaled(self, points):
        """Points [..., 2] as distances and areas are measured: logarithms, or shares of the curve's extent."""
        if self.log:
            return np.log(points)
        extent = np.ptp(self.curve, axis=0)
        return np.asarray(points) / np.where(extent > 0, extent, 1)


def objective_plane(space, names=None, *, trained=TRAINED):
    """Two objectives of what was measured.

    Where all blocks have one alpha the curve is put in its order; other curves stay as they came.

    Args:
      space: an ObjectiveSpace.
      names: of the two objectives, x and y; the first two by default.
      trained: the lowest and highest alpha that was trained; points beyond are extrapolated.

    Returns:
      A Plane.

    Raises:
      ValueError: not two objectives that were measured.
    """
    names = plane_names(names, space.objectives)
    columns = [space.objectives.index(name) for name in names]
    order = curve_order(space.curve.alphas)
    alphas, curve = space.curve.alphas[order], space.curve.means[order][:, columns]
    within = np.all((alphas >= trained[0] - 1e-6) & (alphas <= trained[1] + 1e-6), axis=1)
    grid = np.empty((0, 2)) if space.grid is None else space.grid.means[:, columns]
    fixed = {name: values.mean(0)[columns] for name, values in space.fixed.items()}
    log = bool(min(points.min() for points in (curve, *fixed.values())) > 0)
    blends = {name: points.means[:, columns] for name, points in space.blends.items()}
    drawable = lambda points: points[(points > 0).all(1)] if log else points
    kept = {name: drawable(points) for name, points in blends.items()}
    dropped = sum(map(len, [grid, *blends.values()])) - sum(map(len, [drawable(grid), *kept.values()]))
    return Plane(names, log, alphas, curve, within, drawable(grid), fixed, kept, dropped, len(space.images))


def plane_names(names, known):
    """The two objectives of a plane: those named, or the first two of those known.

    Raises:
      ValueError: not two different ones of those known.
    """
    names = tuple(known[:2] if names is None else names)
    if len(names) != 2 or names[0] == names[1] or not set(names) <= set(known):
        raise ValueError(f"the plane got the objectives {', '.join(map(str, names)) or 'nothing'}; wanted two of "
                         f"{', '.join(known)}. A single one has no plane: use measure_objectives.")
    return names


def curve_order(alphas):
    """Indices that put a curve with one alpha for all blocks in order; other curves, [A, K], stay as they came."""
    common = bool(np.all(alphas == alphas[:, :1]))
    return np.argsort(alphas[:, 0], kind="stable") if common else np.arange(len(alphas))


def figures(space, plane):
    """What can be said of the curve in numbers; `trained` points only, but for the grid and the blends.

    Returns:
      {"monotonicity": {objective: {"means", "median", "weakest"}}: rank correlations along the curve of the mean, and
        over the images the median and the one that agrees least with the mean's direction; {} for a single point.
      "fixed": {name: {"distance", "nearest"}}: distance to the curve, and alpha [K] of the place nearest to it.
      "inverse": rank correlation of the nearest place with the order in which the fixed networks came, from three on,
        else None.
      "length": of the curve.
      "hypervolume": {"curve", blends' names}: share of the rectangle between the best and the worst corner of all of
        these that is dominated; only where there are blends.
      "turns": {blend: {objective: how often the blend's mean turns from rising to falling or back}}.
      "area": {"curve", "grid"}: of the convex hulls; only where there is a grid.}
    """
    curve, alphas = plane.scaled(plane.curve[plane.trained]), plane.alphas[plane.trained]
    if not len(curve):   # the curve was only extrapolated: then that is the curve
        curve, alphas = plane.scaled(plane.curve), plane.alphas
    found = {"monotonicity": _monotonicity(space, plane), "fixed": {}, "inverse": None,
             "length": float(np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()), "hypervolume": {}, "turns": {},
             "area": {}}
    places = []
    for name, point in plane.fixed.items():
        point = plane.scaled(point)
        found["fixed"][name] = {"distance": float(distance_to_curve([point], curve, log=False)[0]),
                                "nearest": nearest_alpha(point, curve, alphas, log=False)}
        places.append(nearest_alpha(point, curve, np.arange(len(curve)), log=False))
    if len(places) > 2:
        found["inverse"] = monotonicity(np.arange(len(places)), places)
    fronts = {"curve": curve, **{name: plane.scaled(points) for name, points in plane.blends.items() if len(points)}}
    if len(fronts) > 1:
        together = np.concatenate(list(fronts.values()))
        best, worst = together.min(0), together.max(0)
        whole = np.prod(worst - best)
        found["hypervolume"] = {name: hypervolume(points, worst) / whole if whole else 0.0
                                for name, points in fronts.items()}
    for name, points in space.blends.items():
        found["turns"][name] = {objective: sign_changes(column)
                                for objective, column in zip(space.objectives, points.means.T, strict=True)}
    if len(plane.grid):
        found["area"] = {"curve": convex_area(curve), "grid": convex_area(plane.scaled(plane.grid))}
    return found


def _monotonicity(space, plane):
    order = curve_order(space.curve.alphas)[plane.trained]
    if len(order) < 2:
        return {}
    values, along = space.curve.values[order], np.arange(len(order))
    means, images = monotonicity(along, values.mean(1)), monotonicity(along, values)
    rows = zip(space.objectives, means, images.T, strict=True)
    return {name: {"means": float(mean), "median": float(np.median(each)),
                   "weakest": float(each[np.argmin(each * np.sign(mean))])} for name, mean, each in rows}
