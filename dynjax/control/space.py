"""The space that alpha lives in: its names, the values that were trained, and how to walk through them."""
import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

DOMAINS = ("simplex", "box", "range")
TOLERANCE = 1e-6


@dataclasses.dataclass(frozen=True)
class AlphaSpace:
    """The numbers that tune a network, and the values of them that training has seen.

    Attributes:
      names: of the P numbers, such as ("fidelity", "perceptual") or the paths of tuning-blocks.
      domain: "simplex", numbers from 0 that sum to one; "box", each from `low` to `high` independently of the others;
        "range", each from `low` to `high`, and usually one number for all of them.
      low: the lowest value that was trained; 0 on the simplex.
      high: the highest value that was trained; 1 on the simplex.

    Raises:
      ValueError: no names, an unknown domain, or `low` not below `high`.
    """
    names: tuple[str, ...]
    domain: str = "simplex"
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self):
        object.__setattr__(self, "names", (self.names,) if isinstance(self.names, str) else tuple(self.names))
        if not self.names:
            raise ValueError("AlphaSpace got no names of alpha; wanted one or more, such as ('fidelity', "
                             "'perceptual').")
        if self.domain not in DOMAINS:
            raise ValueError(f"AlphaSpace got the domain {self.domain!r}; wanted one of {', '.join(DOMAINS)}.")
        if not self.low < self.high:
            raise ValueError(f"AlphaSpace got values from {self.low} to {self.high}; wanted the lower one first.")

    def sweep(self, count, *, outside=0.0):
        """Points to look at, with `count` of them along each edge.

        On the simplex the mixtures in steps of 1 / (count - 1), from the first name's end; in a box all combinations,
        from the lowest corner; over a range the same number for all names. A single name has no simplex: its points run
        from `low` to `high`.

        Args:
          count: points along an edge, 2 or more.
          outside: for a range, how far it goes on beyond both ends with the same steps, as a share of the range.

        Returns:
          float32 [A, P].

        Raises:
          ValueError: fewer than two points.
        """
        if int(count) != count or count < 2:
            raise ValueError(f"sweep got count={count}; wanted 2 or more points along an edge, so that both of its "
                             "ends are there. For a single point use apply.")
        last, numbers = int(count) - 1, len(self.names)
        if self.domain == "range":
            beyond = round(outside * last)
            span = beyond * (self.high - self.low) / last
            line = np.linspace(self.low - span, self.high + span, last + 1 + 2 * beyond, dtype=np.float32)
            return np.repeat(line[:, None], numbers, axis=1)
        steps = itertools.product(range(last + 1), repeat=numbers)
        if self.domain == "simplex" and numbers > 1:
            steps = sorted((point for point in steps if sum(point) == last), reverse=True)
        shares = np.array(list(steps), np.float64) / last
        return (self.low + shares * (self.high - self.low)).astype(np.float32)

    @property
    def ends(self):
        """The two ends of the way that a slider goes, float32 [2, P]: the first and the last point of a sweep."""
        return self.sweep(2)[[0, -1]]

    def label(self, point):
        """A point in words, for images and tables.

        Args:
          point: [P], a dict of numbers by name, or over a range one number for all names.

        Raises:
          ValueError: another number of numbers, or other names.
        """
        given, point = point, self._array(point)
        if point is None or point.ndim != 1:
            raise ValueError(f"label got the point {given!r}; wanted one number for each of {', '.join(self.names)}.")
        point = point.tolist()
        if self.domain != "range":
            return ", ".join(f"{name} {value:.2f}" for name, value in zip(self.names, point, strict=True))
        return f"alpha {point[0]:.2f}" if len(set(point)) == 1 else ", ".join(f"{value:.2f}" for value in point)

    def contains(self, point):
        """Tells whether training has seen a point; any other real value may be used, and extrapolates.

        Args:
          point: [P], [..., P] of which all points are asked about, a dict of numbers by name, or over a range one
            number for all names.
        """
        point = self._array(point)
        if point is None:
            return False
        within = np.all((point >= self.low - TOLERANCE) & (point <= self.high + TOLERANCE))
        if self.domain == "simplex" and len(self.names) > 1:
            within &= np.all(np.abs(point.sum(-1) - 1) <= TOLERANCE * len(self.names))
        return bool(within)

    def _array(self, point):
        """The point as float64 [..., P]; None where it is none of this space."""
        if isinstance(point, Mapping):
            if set(point) != set(self.names):
                return None
            point = np.stack(np.broadcast_arrays(*(np.asarray(point[name], np.float64) for name in self.names)), -1)
        point = np.asarray(point, np.float64)
        if point.ndim == 0 and self.domain == "range":
            point = np.full(len(self.names), point)
        return point if point.ndim and point.shape[-1] == len(self.names) else None
