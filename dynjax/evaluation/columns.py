"""The columns of every table: the numbers of alpha, the metrics, both as words for readers."""
from dynjax.control import Control
from dynjax.metrics import METRICS

ALPHA = "alpha_"
METHOD = "tunable"   # among the methods of a table, the network that is measured
ALL_BLOCKS = "all blocks"


def alpha_names(tunable, points):
    """The names of alpha's numbers: the control's own, or "0", "1", ... where usually one number is for all of them."""
    if isinstance(tunable, Control) and tunable.space.domain != "range":
        return tunable.space.names
    return tuple(str(index) for index in range(points.shape[1]))


def alpha_of(row):
    """The point of alpha of a row, {name: number}; empty for a baseline.

    Where several numbers have no names (they are blocks') and are equal, it is one number of "all blocks".
    """
    point = {key[len(ALPHA):]: value for key, value in row.items() if key.startswith(ALPHA) and value is not None}
    if len(point) > 1 and all(name.isdigit() for name in point) and len(set(point.values())) == 1:
        return {ALL_BLOCKS: point["0"]}
    return point


def sum_to_one(numbers):
    """Whether they are two shares of a whole, of which the first says all."""
    return len(numbers) == 2 and abs(sum(numbers) - 1) < 1e-4


def metrics_of(rows):
    """The names of the metrics that the rows have, in the order of the table."""
    return [name for name in METRICS.names() if name in rows[0]]


def title_of(metric):
    """A metric's name for readers."""
    return METRICS.get(metric).title


def in_words(pictures):
    """A number of pictures for a reader: "1 picture", "5 pictures"."""
    return f"{pictures} picture" if pictures == 1 else f"{pictures} pictures"


def value_text(metric, value):
    """A metric's value with as many decimals as are worth reading; "-" where it could not be computed."""
    return "-" if value != value else f"{value:.{METRICS.get(metric).decimals}f}"


def point_text(point):
    """A point of alpha for a reader: "fidelity 0.75, perceptual 0.25"."""
    return ", ".join(f"{'alpha' if name == ALL_BLOCKS else name} {value:.2f}" for name, value in point.items())
