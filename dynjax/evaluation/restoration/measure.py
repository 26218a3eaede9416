"""Measures a tunable model: every picture at every point of alpha, beside the task's untrained baselines."""
import contextlib
import dataclasses
import functools
import math
from typing import Any

import jax
import numpy as np

from dynjax.control import grid
from dynjax.evaluation.columns import ALPHA, METHOD, alpha_names, in_words, metrics_of, point_text
from dynjax.evaluation.devices import over_devices
from dynjax.evaluation.examples import examples_of, leave_out, measuring_bar, no_usable
from dynjax.evaluation.restoration.quality import check_metrics, check_statistics, quality
from dynjax.evaluation.restoration.sizes import EXACT_SIZES, ShapeBuckets
from dynjax.metrics import psnr
from dynjax.metrics.preparation import to_levels
from dynjax.networks.inputs import required_extra_args
from dynjax.networks.layers import TooSmallError


@dataclasses.dataclass
class Picture:
    """One evaluated picture, 8-bit: what the network saw, what it gave, what it should have given.

    Attributes:
      name: of the picture. rows: its rows, baselines and fixed networks first, then one a point of alpha.
      input, target: uint8 [H, W, C]. baselines: these and the fixed networks', {name: uint8 [H, W, C]}.
      outputs: uint8 [A, H, W, C].
    """
    name: str
    rows: list
    input: np.ndarray
    target: np.ndarray
    baselines: dict
    outputs: np.ndarray


@dataclasses.dataclass
class Measurement:
    """What `measure` found.

    Attributes:
      rows: one dict for every picture and method: "image", "level" where the task has several, "method" ("tunable", or
        the name of a baseline or fixed network), "alpha_<name>" (None where there is none), the task's metrics
        ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex", "lpips_vgg" for most), "niqe" where statistics were
        given, and what the task itself measures.
      kept: the first pictures, as Picture.
      left_out: names of the pictures that could not be read, or that the task or a network could not use, such as too
        small ones.
      padded: names of the pictures whose input was padded, past the first few sizes.
    """
    rows: list
    kept: list
    left_out: list
    padded: list


def measure(tunable, variables, task, images, alphas, *, fixed=None, metrics=None, niqe_statistics=None, seed=0,
            chunk=None, keep=0, exact_sizes=EXACT_SIZES, progress=True):
    """Runs a model over pictures and points of alpha and measures what comes out.

    All points of alpha of a picture run in one compiled program, compiled once a size. So that a folder of many sizes
    compiles few programs, inputs past the first few sizes are mirrored at the bottom and right to one of a few others
    and the outputs cut back. This touches what lies within the network's reach of those two edges, by hundredths of a
    decibel at most for convolutions, and all of it for a network with statistics over the whole picture.

    Pictures are shared out over the devices of this machine, see `over_devices`; how many there are changes nothing but
    rounding.

    Args:
      tunable: a wrapper with apply(variables, x, alpha), such as Tunable or DynamicNet.
      variables: the wrapper's.
      task: a dynjax.tasks.Task.
      images: yields (name, clean picture float32 [H, W, C] in [0, 1]); may have `left_out`, names of those it could
        not read, as `dynjax.data.evaluation_images` has it.
      alphas: [A, P] points of alpha; any real values.
      fixed: ordinary networks to compare with, {name: (net, variables, alpha [P] they were trained at, or None)}.
      metrics: names of dynjax.evaluation.restoration.quality; the task's by default. LPIPS takes most of the time.
      niqe_statistics: file of pristine statistics (niqe_pris_params.npz) for NIQE; without one there is no NIQE.
      seed: of the task's random degradations; picture i draws the same whatever the others are.
      chunk: points of alpha side by side, as in dynjax.grid.
      keep: how many pictures, from the first, to return for a contact sheet.
      exact_sizes: how many sizes of inputs run as they are before others are padded; None for all.
      progress: show a bar on stderr.

    Returns:
      A Measurement.

    Raises:
      ValueError: no pictures, none that the task can use or that is large enough for a metric, an unknown metric, an
        output that is not finite or of another size than the target, a wrong file of statistics.
    """
    check_statistics(niqe_statistics)
    alphas, fixed = np.asarray(alphas, np.float32), dict(fixed or {})
    names = alpha_names(tunable, alphas)
    wanted = check_metrics(task.metrics if metrics is None else metrics)
    found, reasons = Measurement([], [], [], []), ["there were none"]

    def of_picture(weights, views):
        """([rows], Picture of the first view, None) of one picture, or ([], None, why no network can take it)."""
        rows, first = [], None
        for view in views:
            name, example, variant = view.name, view.example, view.task
            try:
                answers = _answers(tunable, weights, view, fixed, alphas, names, chunk)
            except TooSmallError as error:
                return [], None, (name, error)
            results = [result for *_, result in answers]
            values = quality(results, example["target"], border=task.border, name=name,
                             niqe_statistics=niqe_statistics, wanted=wanted, view=task.loss_view)
            of_view = [{"image": name, **({"level": view.level} if view.level else {}), "method": method,
                        **{ALPHA + key: point.get(key) for key in names}, **measured,
                        **_by_the_task(variant, result, example, point)}
                       for (method, point, result), measured in zip(answers, values, strict=True)]
            rows += of_view
            if view.kept:
                first = _kept(name, of_view, variant, example, answers)
        return rows, first, None

    views = _views(task, images, seed, ShapeBuckets(exact_sizes), keep, found, reasons)
    weights = {"tuned": variables, "fixed": {method: given[1] for method, given in fixed.items()}}
    with contextlib.closing(over_devices(of_picture, views, weights)) as results:
        for rows, first, refused in measuring_bar(results, progress, of=images):
            found.rows.extend(rows)
            found.kept.extend([] if first is None else [first])
            if refused is not None:
                leave_out(*refused, found.left_out, reasons)
    if not found.rows:
        raise no_usable("measure", reasons)
    if all(math.isnan(row[metric]) for row in found.rows for metric in metrics_of(found.rows)):
        raise ValueError(f"measure got {in_words(len({row['image'] for row in found.rows}))} for which no metric has a "
                         "value; the reasons are in the warnings above. Give larger pictures.")
    found.left_out.extend(getattr(images, "left_out", ()))
    return found


@dataclasses.dataclass
class _View:
    """A picture at one of the task's levels; `image` is its input as the network gets it, `kept` whether to return a
    Picture of it."""
    name: str
    level: str
    task: Any
    example: dict
    image: np.ndarray
    kept: bool


def _views(task, images, seed, sizes, keep, found, reasons):
    """The views of every picture, one list a picture in their order, empty where the task cannot use it; notes in
    `found` which are left out or padded, and why in `reasons`."""
    # A picture is used at every level or at none.
    at_all_levels = lambda image, key: [(level, variant, variant.evaluation_example(image, key))
                                        for level, variant in task.variants().items()]
    used = 0
    for picture in examples_of(at_all_levels, images, seed, found.left_out, reasons):
        if picture is None:
            yield []
            continue
        (name, examples), views = picture, []
        for level, variant, example in examples:
            image_in = np.asarray(example["input"], np.float32)
            fitted = sizes.fit(image_in)
            if fitted.shape != image_in.shape and name not in found.padded:
                found.padded.append(name)
            views.append(_View(name, level, variant, example, fitted, kept=used < keep and not views))
        used += 1
        yield views


def _answers(tunable, weights, view, fixed, alphas, names, chunk):
    """(method, point of alpha by name, picture) of the baselines, the fixed networks and every point, in this order."""
    name, task, example, image = view.name, view.task, view.example, view.image
    batch = {key: np.asarray(value)[None] for key, value in example.items()}
    answer = lambda output: np.asarray(task.answer(output[None], batch))[0]
    by_name = lambda alpha: {} if alpha is None else dict(zip(names, map(float, alpha), strict=True))
    answers = [(method, {}, picture) for method, picture in task.baselines(example).items()]
    if taken := set(fixed) & {METHOD, *(method for method, *_ in answers)}:
        raise ValueError(f"a fixed network is called {', '.join(sorted(taken))}, as another row is; wanted a name "
                         "of its own.")
    for method, (net, _, alpha) in fixed.items():
        if alpha is not None and len(alpha) != len(names):
            raise ValueError(f"the fixed network {method} has an alpha of {len(alpha)} numbers; wanted {len(names)}, "
                             f"as the tuned one has ({', '.join(names)}), or None.")
        output = _output_of(net, weights["fixed"][method], image, _second(net, method, example))
        _check_outputs(output[None], [method], name, image, example["target"], task)
        answers.append((method, by_name(alpha), answer(_cut(output, example["target"]))))
    outputs = np.asarray(grid(tunable, weights["tuned"], image[None], alphas, chunk=chunk), np.float32)[:, 0]
    labels = [f"alpha ({point_text(by_name(alpha))})" for alpha in alphas]
    _check_outputs(outputs, labels, name, image, example["target"], task)
    return answers + [(METHOD, by_name(alpha), answer(_cut(output, example["target"])))
                      for alpha, output in zip(alphas, outputs, strict=True)]


def _second(net, method, example):
    """What a network must be told besides the picture: FFDNet the noise level."""
    wanted = required_extra_args(net)
    if not wanted:
        return ()
    if wanted != ["sigma"] or "sigma" not in example:
        raise ValueError(f"the network {method} must be given {', '.join(wanted)} besides the picture, which the task "
                         "does not know; wanted one that needs the picture alone, or a task of one noise level.")
    return (example["sigma"],)


def _output_of(net, variables, image, second):
    return np.asarray(_apply(net, variables, image[None], *second), np.float32)[0]


@functools.partial(jax.jit, static_argnums=0)
def _apply(net, variables, *inputs):
    return net.apply(variables, *inputs)


def _by_the_task(task, result, example, point):
    """What only the task can say of a result: its distance to the aim at this alpha, and more."""
    if not task.has_aim:
        return task.measured(result, example)
    aim = task.aim(example, point) if point else None
    if aim is None:
        return {"psnr_aim": float("nan"), **task.measured(result, example)}
    # Clipped: at alphas that were not trained outputs leave [0, 1] by more than a metric takes.
    seen = [np.clip(np.asarray(image)[None], 0, 1) for image in (result, aim)]
    return {"psnr_aim": float(psnr(*seen, border=task.border)[0]), **task.measured(result, example)}


def _kept(name, rows, task, example, answers):
    """A Picture of one example; what a fixed network gave stands among the baselines."""
    others = {method: _eight_bit(picture) for method, _, picture in answers if method != METHOD}
    outputs = np.stack([_eight_bit(picture) for method, _, picture in answers if method == METHOD])
    return Picture(name, rows, _eight_bit(task.shown(example)), _eight_bit(example["target"]), others, outputs)


def _check_outputs(outputs, labels, name, image, target, task):
    """Refuses outputs [A, H, W, C] of another size than the target's, before it was padded, or that are not finite."""
    wanted = (image.shape[0] * task.upscale, image.shape[1] * task.upscale, target.shape[2])
    if outputs.shape[1:] != wanted:
        raise ValueError(f"{labels[0]} makes {outputs.shape[1:]} of {image.shape}, the input of {name}; wanted "
                         f"{wanted}: the network's scale and channels must be the task's.")
    for label, output in zip(labels, _cut(outputs, target), strict=True):
        if not np.isfinite(output).all():
            raise ValueError(f"the output for {name} at {label} is not finite; wanted numbers. The weights have "
                             "diverged, or this alpha lies too far outside the range that was trained.")


def _cut(outputs, target):
    return outputs[..., :target.shape[0], :target.shape[1], :]


def _eight_bit(images):
    return to_levels(np.asarray(images)).astype(np.uint8)
