"""What alpha does to pictures that a generator makes of fixed inputs: attributes of each, and how far it moved."""
import contextlib
import dataclasses
import math

import jax
import numpy as np

from dynjax.evaluation.devices import over_devices
from dynjax.evaluation.pareto.fronts import monotonicity
from dynjax.evaluation.pareto.objective_plane import TRAINED, curve_order
from dynjax.evaluation.pareto.product import number_names

DISTANCE = "distance"
VARIETY = "variety"
BUILT_IN = (DISTANCE, VARIETY)
TOLERANCE = 0.05        # of an input's range: what it may fall back and still count as monotone
LEAST_CHANGE = 1e-6     # of a measure, below which nothing but rounding has changed


@dataclasses.dataclass
class Attributes:
    """What `measure_attributes` found.

    Attributes:
      names: of the M measures; the last two are "distance" and "variety".
      alpha: the K names of alpha's numbers. alphas: [A, K].
      values: [A, N, M], every measure of every input's picture.
      pictures: [A, S, H, W, C], those of the first S inputs.
      independence: the largest difference, over all alphas, between the first input's picture made alone and made
        among the others; NaN where it was never among others.
    """
    names: tuple
    alpha: tuple
    alphas: np.ndarray
    values: np.ndarray
    pictures: np.ndarray
    independence: float

    @property
    def means(self):
        """Means over the inputs, [A, M]."""
        return self.values.mean(1)


def measure_attributes(model, variables, inputs, alphas, *, answer, measures, chunk=64, keep=8):
    """Makes pictures of the same inputs at every alpha and measures each.

    Beside the given measures there is "distance", the root mean square difference between a picture and the one made
    of the same input at alpha 0, and "variety", that between a picture and the next input's at the same alpha: it falls
    towards 0 where a generator has collapsed and makes one picture of everything, which no attribute would show.
    Pictures are measured as they come, neither clipped nor rounded. Alpha is an argument of one compiled program,
    compiled for two sizes: a chunk, and the first input alone. Chunks are shared out over the devices of this machine,
    see `over_devices`; how many there are changes nothing but the time.

    Args:
      model: a wrapper with apply(variables, x, alpha), such as a DynamicNet around a generator.
      variables: the wrapper's.
      inputs: [N, ...], such as noise [N, latent].
      alphas: [A, K] points, K the blocks of a DynamicNet. Any real values.
      answer: f(output, {"input": inputs [B, ...]}) -> pictures [B, H, W, C], nominally in [0, 1], such as a task's.
      measures: {name: f(pictures [B, H, W, C], a numpy array) -> [B]}, such as dynjax.data.measure_hair; may be empty.
        Called from several threads where there are several devices.
      chunk: the most inputs side by side. All chunks are of one size; the last is filled up with the first inputs.
      keep: of how many inputs, from the first, pictures are returned.

    Returns:
      An Attributes.

    Raises:
      ValueError: no inputs, alphas of another form, a measure of a name that is taken or of another shape, pictures or
        values that are not finite.
    """
    inputs, alphas = np.asarray(inputs), _points(alphas)
    if inputs.ndim < 2 or not len(inputs):
        raise ValueError(f"measure_attributes got inputs of shape {inputs.shape}; wanted (N, ...), one input or more, "
                         "such as noise (N, latent).")
    if chunk < 1:
        raise ValueError(f"measure_attributes got chunk={chunk}; wanted 1 or more inputs side by side.")
    taken = [name for name in BUILT_IN if name in measures]
    if taken:
        raise ValueError(f"measure_attributes got a measure {taken[0]!r}, the name of a built-in one; give it another "
                         "name.")
    compiled = jax.jit(lambda variables, x, alpha: answer(model.apply(variables, x, alpha), {"input": x}))

    def generate(variables, x, alpha):
        pictures = np.asarray(compiled(variables, x, alpha), np.float32)
        if pictures.ndim != 4 or len(pictures) != len(x):
            raise ValueError(f"measure_attributes got pictures of shape {pictures.shape} for {len(x)} inputs; wanted "
                             f"({len(x)}, H, W, C): answer turns what the network gives into pictures.")
        if not np.isfinite(pictures).all():
            raise ValueError(f"at alpha {alpha.tolist()} the pictures have values that are not finite; wanted numbers: "
                             "the network or its weights have diverged.")
        return pictures

    chunks = math.ceil(len(inputs) / chunk)
    size = math.ceil(len(inputs) / chunks)

    def of_chunk(variables, start):
        count = min(size, len(inputs) - start)
        x = np.take(inputs, np.arange(start, start + size), axis=0, mode="wrap")
        origin = generate(variables, x, np.zeros_like(alphas[0]))
        rows, shown, apart = [], [], []
        for alpha in alphas:
            pictures = generate(variables, x, alpha) if alpha.any() else origin
            if start == 0 and size > 1:
                apart.append(np.abs(generate(variables, x[:1], alpha)[0] - pictures[0]).max())
            others = np.roll(pictures, -1, axis=0)
            rows.append(_values(measures, pictures[:count], origin[:count], others[:count], alpha))
            shown.append(pictures[:min(count, max(0, keep - start))])
        return rows, shown, apart

    with contextlib.closing(over_devices(of_chunk, range(0, len(inputs), size), variables)) as results:
        values, kept, apart = zip(*results, strict=True)
    return Attributes((*measures, *BUILT_IN), number_names(model, alphas.shape[1]), alphas,
                      np.concatenate(values, axis=1), np.concatenate(kept, axis=1),
                      float(max(apart[0], default=math.nan)))


def attribute_figures(found, *, trained=TRAINED, tolerance=TOLERANCE):
    """What can be said of the measures in numbers, over the alphas that were trained (all, where none of them was).

    Where all blocks have one alpha the points are put in its order; others are taken in the order they came.

    Args:
      found: an Attributes.
      trained: the lowest and highest alpha that was trained.
      tolerance: how far an input's measure may fall behind a value it had before, as a share of its own range, and
        still be monotone. Not of each step: many small ones would then make up a fall.

    Returns:
      {measure: {"monotonicity": Spearman's rank correlation of the mean with alpha,
      "monotone": share of the inputs whose measure changes, the way the mean does, and is monotone,
      "range": of the mean, its highest value less its lowest,
      "largest_step": the largest change of the mean between neighbouring alphas, as a share of that range}}.
      NaN where the mean does not change by more than 1e-6, and for a "monotone" whose mean has no direction.
    """
    order = curve_order(found.alphas)
    within = within_range(found.alphas[order], trained)
    values = found.values[order][within if within.any() else slice(None)]
    means = values.mean(1)
    return {name: _figures(mean, single, tolerance)
            for name, mean, single in zip(found.names, means.T, np.moveaxis(values, 2, 0), strict=True)}


def within_range(alphas, trained):
    """Which of the points [A, K] lie within the range that was trained, [A]."""
    return np.all((alphas >= trained[0] - 1e-6) & (alphas <= trained[1] + 1e-6), axis=1)


def _figures(mean, single, tolerance):
    """Of one measure: its mean [A] and the inputs' own values [A, N]."""
    extent = float(np.ptp(mean))
    if extent <= LEAST_CHANGE:
        return {"monotonicity": math.nan, "monotone": math.nan, "range": extent, "largest_step": math.nan}
    correlation = monotonicity(np.arange(len(mean)), mean)
    rising = single * np.sign(correlation)
    fall = np.max(np.maximum.accumulate(rising) - rising, axis=0)   # behind the best so far
    extents = np.ptp(single, axis=0)
    follows = (extents > LEAST_CHANGE) & (fall <= tolerance * extents)
    return {"monotonicity": correlation, "monotone": float(follows.mean()) if correlation else math.nan,
            "range": extent, "largest_step": float(np.abs(np.diff(mean)).max() / extent)}


def _points(alphas):
    alphas = np.asarray(alphas, np.float32)
    if alphas.ndim != 2 or not alphas.size:
        raise ValueError(f"measure_attributes got alphas of shape {alphas.shape}; wanted (A, K), a list of points, one "
                         "number a block.")
    if not np.isfinite(alphas).all():
        raise ValueError("measure_attributes got alphas that are not finite; wanted numbers.")
    return alphas


def _values(measures, pictures, origin, others, alpha):
    """Every measure of every picture, [B, M]."""
    columns = []
    for name, measure in measures.items():
        column = np.asarray(measure(pictures), np.float64)
        if column.shape != pictures.shape[:1]:
            raise ValueError(f"the measure {name} gave shape {column.shape} for {len(pictures)} pictures; wanted "
                             f"({len(pictures)},), one number a picture.")
        if not np.isfinite(column).all():
            raise ValueError(f"the measure {name} gave values that are not finite at alpha {alpha.tolist()}; wanted "
                             "numbers.")
        columns.append(column)
    apart = lambda reference: np.sqrt(np.mean((pictures.astype(np.float64) - reference) ** 2, axis=(1, 2, 3)))
    return np.stack([*columns, apart(origin), apart(others)], axis=1)
