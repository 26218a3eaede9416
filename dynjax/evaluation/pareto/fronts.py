"""Figures of a curve in the plane of two objectives; numpy arrays in, numbers out. Both objectives are minimised."""
import numpy as np


def hypervolume(points, reference):
    """The area that is dominated by at least one point and bounded by the reference point (Zitzler and Thiele 1998).

    A point dominates everything that is no better than it in either objective. The larger the better; for means of
    losses take their logarithms first, or divide by the area that could be dominated, if a number without units is
    wanted.

    Args:
      points: [N, 2], N may be 0. Points that are beyond the reference in either objective add nothing.
      reference: [2], in the units of the points, such as the worst corner of all that is compared.

    Returns:
      The area, a float from 0.

    Raises:
      ValueError: other shapes, or values that are not finite.
    """
    points, reference = _plane("hypervolume", points, least=0), np.asarray(reference, np.float64)
    if reference.shape != (2,) or not np.isfinite(reference).all():
        raise ValueError(f"hypervolume got the reference {reference.tolist()}; wanted two finite numbers, the worst "
                         "value of each objective.")
    area, lowest = 0.0, reference[1]
    for x, y in points[np.lexsort(points.T[::-1])]:   # from left to right: each adds the strip below the lowest so far
        if x < reference[0] and y < lowest:
            area += (reference[0] - x) * (lowest - y)
            lowest = y
    return float(area)


def distance_to_curve(points, curve, *, log=True):
    """Euclidean distance of each point to the polyline through a curve.

    Args:
      points: [N, 2]. curve: [A, 2], in order; one point is a curve too.
      log: measure between natural logarithms, so that 0.1 is about a tenth of a loss whatever its units. All values
        must be positive then.

    Returns:
      [N].

    Raises:
      ValueError: other shapes, no curve, values that are not finite or, with log, not positive.
    """
    return _nearest("distance_to_curve", points, curve, log)[0]


def nearest_alpha(point, curve, alphas, *, log=True):
    """The inverse of the curve: alpha of the place on the polyline that is nearest to a point.

    Between two points of the curve alpha is interpolated linearly; of several nearest places it is the first.

    Args:
      point: [2]. curve: [A, 2], in order. alphas: [A] or [A, K], those of the curve's points.
      log: as for distance_to_curve.

    Returns:
      A float, or [K].

    Raises:
      ValueError: as distance_to_curve; not one alpha a point of the curve.
    """
    alphas = np.asarray(alphas, np.float64)
    if alphas.ndim not in (1, 2) or len(alphas) != len(curve):
        raise ValueError(f"nearest_alpha got alphas of shape {alphas.shape} for a curve of {len(curve)} points; wanted "
                         "one alpha, or one row of them, for every point.")
    _, segments, shares = _nearest("nearest_alpha", [point], curve, log)
    index, share = int(segments[0]), float(shares[0])
    following = min(index + 1, len(alphas) - 1)
    found = (1 - share) * alphas[index] + share * alphas[following]
    return float(found) if alphas.ndim == 1 else found


def monotonicity(alphas, values):
    """Spearman's rank correlation of values with alpha: 1 where they only rise along a curve, -1 where they fall.

    Args:
      alphas: [A], or anything else that orders the curve's points, such as np.arange(A).
      values: [A], or [A, ...] such as [A, images, objectives], each column on its own. The mean curve's correlation
        is that of values.mean(1); the typical image's is np.median(monotonicity(alphas, values), axis=0).

    Returns:
      A float, or an array of the remaining axes; NaN where a column has one value only, as ranks then mean nothing.

    Raises:
      ValueError: other shapes, or values that are not finite.
    """
    from scipy.stats import rankdata

    alphas, values = np.asarray(alphas, np.float64), np.asarray(values, np.float64)
    if alphas.ndim != 1 or not values.ndim or len(values) != len(alphas) or len(alphas) < 2:
        raise ValueError(f"monotonicity got alphas of shape {alphas.shape} and values of shape {values.shape}; wanted "
                         "(A,) and (A, ...), two points or more.")
    if not (np.isfinite(alphas).all() and np.isfinite(values).all()):
        raise ValueError("monotonicity got values that are not finite; wanted numbers. Leave such points out.")
    # The correlation of ranks, ties sharing theirs, is Spearman's; for all columns at once.
    ours = rankdata(alphas) - (len(alphas) + 1) / 2
    theirs = rankdata(values, axis=0) - (len(alphas) + 1) / 2
    spread = np.sqrt(np.sum(ours**2) * np.sum(theirs**2, axis=0))
    with np.errstate(invalid="ignore"):
        found = np.tensordot(ours, theirs, 1) / spread
    return float(found) if values.ndim == 1 else found


def convex_area(points):
    """The area of the convex hull: how much of the plane a set of points spans; 0 for points on one line.

    Args:
      points: [N, 2], N may be 0; take logarithms first to compare factors rather than differences.

    Raises:
      ValueError: another shape, or values that are not finite.
    """
    from scipy.spatial import ConvexHull, QhullError

    points = _plane("convex_area", points, least=0)
    if len(points) < 3:
        return 0.0
    try:
        return float(ConvexHull(points).volume)   # of a hull in the plane, scipy's "volume" is the area
    except QhullError:   # all on one line, or all the same
        return 0.0


def sign_changes(values):
    """How often values along a curve turn from rising to falling or back; steps without a change do not count.

    Args:
      values: [A]; 0 turns is a monotone curve.

    Raises:
      ValueError: not a list of finite numbers.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"sign_changes got values of shape {values.shape}; wanted finite numbers, (A,), along a "
                         "curve.")
    signs = np.sign(np.diff(values))
    signs = signs[signs != 0]
    return int(np.sum(signs[1:] != signs[:-1]))


def _plane(name, points, least=1):
    points = np.asarray(points, np.float64)
    points = points.reshape(0, 2) if points.size == 0 else points
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < least:
        raise ValueError(f"{name} got points of shape {points.shape}; wanted (N, 2), the two objectives of every "
                         "point.")
    if not np.isfinite(points).all():
        raise ValueError(f"{name} got points that are not finite; wanted numbers. Leave such points out.")
    return points


def _nearest(name, points, curve, log):
    """(distances, index of the segment, share of the way along it), each [N]."""
    points, curve = _plane(name, points, least=0), _plane(name, curve)
    if log:
        if min(points.min(initial=1), curve.min()) <= 0:
            raise ValueError(f"{name} got values that are not positive, which have no logarithm; wanted losses above "
                             "0. Give log=False to measure in their own units.")
        points, curve = np.log(points), np.log(curve)
    starts, steps = curve[:-1], np.diff(curve, axis=0)
    if not len(steps):
        starts, steps = curve, np.zeros((1, 2))
    lengths = np.sum(steps**2, axis=1)
    from_starts = points[:, None] - starts
    along = np.sum(from_starts * steps, axis=2) / np.where(lengths > 0, lengths, 1)
    shares = np.clip(along, 0, 1)
    distances = np.linalg.norm(from_starts - shares[..., None] * steps, axis=2)
    segments = np.argmin(distances, axis=1)
    rows = np.arange(len(points))
    return distances[rows, segments], segments, shares[rows, segments]
