"""Measures objectives: a network over alpha, networks trained for one objective each, and blends of pictures."""
import contextlib
import dataclasses
import numbers

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.evaluation.columns import point_text
from dynjax.evaluation.devices import over_devices
from dynjax.evaluation.examples import examples_of, measuring_bar, no_usable
from dynjax.evaluation.pareto.comparisons import Comparisons, checked_blends, checked_fixed
from dynjax.evaluation.pareto.product import (
    Product,
    alpha_by_name,
    combinations,
    default_chunk,
    number_names,
    product_axes,
)

PICTURES_AT_ONCE = 8


@dataclasses.dataclass
class Points:
    """Points of alpha and what was measured there.

    Attributes:
      alphas: [A, K], one number a block or objective; for a blend [A, 1], the share of its second end.
      values: [A, N, O], every objective of every image.
    """
    alphas: np.ndarray
    values: np.ndarray

    @property
    def means(self):
        """Means over the images, [A, O]."""
        return self.values.mean(1)


@dataclasses.dataclass
class ObjectiveSpace:
    """What `measure_objectives` found.

    Attributes:
      objectives: their O names. images: their N names. alpha: the K names of alpha's numbers.
      curve: Points. grid: Points of the product grid in the order of its axes, or None.
      fixed: {name: [N, O]}. blends: {name: Points}.
      left_out: names of pictures that could not be read or that the task could not use.
    """
    objectives: tuple
    images: list
    alpha: tuple
    curve: Points
    grid: Points | None
    fixed: dict
    blends: dict
    left_out: list


def measure_objectives(model, variables, task, objectives, images, alphas, *, product=None, fixed=None, blends=None,
                       shares=11, seed=0, chunk=None, progress=True):
    """Runs a network over alpha and measures every objective of every picture that comes out.

    Values are the objectives' own (sums of their terms' scaled values), without alpha or lambda, of the pictures as
    the network gives them, neither clipped nor rounded. Pictures run at their own size, one program a size. What does
    not depend on alpha (the network before its first block, the features of the target) is computed once an image.

    Args:
      model: a wrapper with apply(variables, x, alpha), such as Tunable or DynamicNet.
      variables: the wrapper's.
      task: a dynjax.tasks.Task, of which evaluation_example, answer, loss_view and baselines are called.
      objectives: a dynjax.objectives.MultiLoss; its terms cannot need a critic.
      images: yields (name, clean picture float32 [H, W, C] in [0, 1]); may have `left_out`, as for `measure`.
      alphas: the curve: [A, K] points in order, K the blocks of a DynamicNet or the objectives of a Tunable; or [A]
        numbers, each for all blocks (or for the one number of alpha). Any real values.
      product: for a grid over all combinations, a list of alphas for each of the K numbers; or one n, for n alphas
        from 0 to 1 each (10 with three blocks are 1,000 points).
      fixed: {name: (net, variables)}, plain networks, net.apply(variables, x), to measure beside it.
      blends: {name: (A, B)}, pictures (1 - share) y_A + share y_B: each end is a name in `fixed`, "input", a baseline
        of the task, or a point of alpha (a number or K of them).
      shares: how many shares from 0 to 1, or a list of them.
      seed: of the task's random degradations, as for `measure`.
      chunk: points of alpha side by side; by default ten of a DynamicNet and one of a Tunable on CPUs, 100 and 8 on
        accelerators.
      progress: show a bar on stderr.

    Returns:
      An ObjectiveSpace.

    Raises:
      ValueError: no pictures, or none that the task can use; alphas, product, fixed or blends of another form; outputs
        of another size than the target; a value that is not finite.
    """
    curve, product = curve_points(model, alphas), _product(model, alphas, product)
    shares, constants, judge = _shares(shares), objectives.constants(), _judge(task, objectives)
    chunk = default_chunk(model) if chunk is None else chunk

    def tuned(shared, alpha):
        output = model.apply(shared["variables"], shared["example"]["input"], alpha)
        return judge(shared, task.answer(output, shared["example"]))

    points, runs = {"curve": curve}, {"curve": Product(tuned, [curve], chunk=chunk)}
    if product is not None:
        by_name = lambda shared, *numbers: tuned(shared, alpha_by_name(model, numbers))
        points["grid"], runs["grid"] = combinations(product), Product(by_name, product, chunk=chunk)
    judge_all = jax.jit(lambda shared, pictures: jax.lax.map(lambda one: judge(shared, one[None]), pictures,
                                                             batch_size=PICTURES_AT_ONCE))
    ends = {name: tuple(end if isinstance(end, str) else curve_points(model, [end])[0] for end in pair)
            for name, pair in checked_blends(blends).items()}
    comparisons = Comparisons(model, variables, task, checked_fixed(fixed), ends, shares)
    columns = number_names(model, curve.shape[1])

    def of_picture(placed, picture):
        """(name, {kind: values [A, O]}) of one picture, None for none."""
        if picture is None:
            return None
        (name, example), found = picture, {}
        batch = {key: jnp.asarray(value)[None] for key, value in example.items()}
        shared = {"variables": placed["variables"], "example": batch, "constants": placed["constants"]}
        comparisons.check(name, batch, curve[0])
        labels, pictures = comparisons.pictures(name, example, batch, placed["variables"], placed["fixed"])
        found["others"] = (np.asarray(judge_all(shared, pictures), np.float64) if labels
                           else np.empty((0, len(objectives.names))))
        _check_finite(found["others"], labels, name, objectives.names)
        for kind, run in runs.items():
            found[kind] = _gather(run, shared)
            labels = [point_text(dict(zip(columns, alpha, strict=True))) for alpha in points[kind]]
            _check_finite(found[kind], [f"at alpha ({label})" for label in labels], name, objectives.names)
        return name, found

    names, left_out, reasons = [], [], ["there were none"]
    values = {"curve": [], "grid": [], "others": []}
    shared = {"variables": variables, "constants": constants,
              "fixed": {name: weights for name, (_, weights) in comparisons.fixed.items()}}
    pictures = examples_of(task.evaluation_example, images, seed, left_out, reasons)
    with contextlib.closing(over_devices(of_picture, pictures, shared)) as results:
        for result in measuring_bar(results, progress, of=images):
            if result is not None:
                names.append(result[0])
                for kind, found in result[1].items():
                    values[kind].append(found)
    if not names:
        raise no_usable("measure_objectives", reasons)
    left_out.extend(getattr(images, "left_out", ()))
    values = {kind: np.stack(found, axis=1) for kind, found in values.items() if found}
    fixed_values, blended = np.split(values["others"], [len(comparisons.fixed)])
    blended = blended.reshape(len(ends), len(shares), *blended.shape[1:])
    return ObjectiveSpace(
        tuple(objectives.names), names, columns, Points(curve, values["curve"]),
        Points(points["grid"], values["grid"]) if "grid" in points else None,
        dict(zip(comparisons.fixed, fixed_values, strict=True)),
        {name: Points(shares[:, None], found) for name, found in zip(ends, blended, strict=True)}, left_out)


def curve_points(model, alphas):
    """Points along a curve, float32 [A, K], from [A, K] or from [A] numbers that are all blocks' alpha."""
    alphas = np.asarray(alphas, np.float32)
    if alphas.ndim == 1 and alphas.size:
        names = number_names(model, 1)
        if len(names) > 1 and model.space.domain != "range":
            raise ValueError(f"measure_objectives got alphas of shape {alphas.shape} for the numbers "
                             f"{', '.join(names)}; wanted (A, {len(names)}), such as space.sweep gives "
                             "them.")
        return np.repeat(alphas[:, None], len(names), axis=1)
    if alphas.ndim != 2 or not alphas.size:
        raise ValueError(f"measure_objectives got alphas of shape {alphas.shape}; wanted (A,), numbers for all blocks, "
                         "or (A, K), one number a block or objective.")
    return alphas


def _product(model, alphas, product):
    if product is None:
        return None
    if isinstance(product, numbers.Real):
        if int(product) != product or product < 2:
            raise ValueError(f"measure_objectives got product={product!r}; wanted 2 or more alphas for each number, "
                             "or a list of alphas for each.")
        product = [np.linspace(0, 1, int(product))] * curve_points(model, alphas).shape[1]
    return product_axes(model, product)


def _shares(shares):
    shares = np.linspace(0, 1, shares) if np.ndim(shares) == 0 else np.asarray(shares, np.float64)
    if shares.ndim != 1 or not shares.size:
        raise ValueError(f"measure_objectives got shares of shape {shares.shape}; wanted how many, or a list of "
                         "numbers.")
    return shares


def _judge(task, objectives):
    """f(shared, pictures [1, H, W, C]) -> the objectives' values [O]."""
    def judge(shared, pictures):
        example = shared["example"]
        judged = {**example, "target": task.loss_view(example["target"])} if "target" in example else example
        return objectives.values(shared["constants"], task.loss_view(pictures), judged)[0]

    return judge


def _gather(run, shared):
    """All results of a Product in one array [A, O], in the order of its axes."""
    counts, result = [len(axis) for axis in run.axes], None
    for places, found in run(shared):
        if result is None:
            result = np.empty((*counts, found.shape[-1]), np.float64)
        result[places] = found
    return result.reshape(-1, result.shape[-1])


def _check_finite(values, labels, name, objectives):
    for point, label in zip(values, labels, strict=True):
        wrong = [objective for objective, value in zip(objectives, point, strict=True) if not np.isfinite(value)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)} for {name} {label} is not finite; wanted numbers. The weights have "
                             "diverged or belong to another network, or alpha lies too far outside the range that was "
                             "trained.")
