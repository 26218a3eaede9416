"""Measures a tunable model: every picture at every point of alpha, beside the task's untrained baselines."""
import dataclasses
import logging
import math
import operator
import sys

import jax
import numpy as np

from dynjax.evaluation.columns import ALPHA, alpha_names, in_words, metrics_of, point_text
from dynjax.evaluation.quality import check_statistics, quality
from dynjax.evaluation.sizes import EXACT_SIZES, FewSizes
from dynjax.tunable import grid

log = logging.getLogger("dynjax.evaluation")
METHOD = "tunable"


@dataclasses.dataclass
class Picture:
    """One evaluated picture, 8-bit: what the network saw, what it gave, what it should have given.

    Attributes:
      name: of the picture. rows: its rows, baselines first, then one a point of alpha.
      input, target: uint8 [H, W, C]. baselines: {name: uint8 [H, W, C]}. outputs: uint8 [A, H, W, C].
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
      rows: one dict for every picture and method: "image", "method" ("tunable", or a baseline's name), "alpha_<name>"
        (None for a baseline), the task's metrics ("psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex",
        "lpips_vgg" for most), and "niqe" where statistics were given.
      kept: the first pictures, as Picture.
      left_out: names of the pictures that could not be read or that the task could not use, such as too small ones.
      padded: names of the pictures whose input was padded, past the first few sizes.
    """
    rows: list
    kept: list
    left_out: list
    padded: list


def measure(tunable, variables, task, images, alphas, *, niqe_statistics=None, seed=0, chunk=None, keep=0,
            exact_sizes=EXACT_SIZES, progress=True):
    """Runs a model over pictures and points of alpha and measures what comes out.

    All points of alpha of a picture run in one compiled program, compiled once a size. So that a folder of many sizes
    compiles few programs, inputs past the first few sizes are mirrored at the bottom and right to one of a few others
    and the outputs cut back. This touches what lies within the network's reach of those two edges, by hundredths of a
    decibel at most for convolutions, and all of it for a network with statistics over the whole picture.

    Args:
      tunable: a wrapper with apply(variables, x, alpha), such as Tunable or DynamicNet.
      variables: the wrapper's.
      task: a dynjax.tasks.Task.
      images: yields (name, clean picture float32 [H, W, C] in [0, 1]); may have `left_out`, names of those it could
        not read, as `dynjax.data.evaluation_images` has it.
      alphas: [A, P] points of alpha; any real values.
      niqe_statistics: file of pristine statistics (niqe_pris_params.npz) for NIQE; without one there is no NIQE.
      seed: of the task's random degradations; picture i draws the same whatever the others are.
      chunk: points of alpha side by side, as in dynjax.grid.
      keep: how many pictures, from the first, to return for a contact sheet.
      exact_sizes: how many sizes of inputs run as they are before others are padded; None for all.
      progress: show a bar on stderr.

    Returns:
      A Measurement.

    Raises:
      ValueError: no pictures, none that the task can use or that is large enough for a metric, an output that is not
        finite or of another size than the target, a wrong file of statistics.
    """
    check_statistics(niqe_statistics)
    alphas = np.asarray(alphas, np.float32)
    names = alpha_names(tunable, alphas)
    found, sizes = Measurement([], [], [], []), FewSizes(exact_sizes)
    reason = "there were none"
    for index, (name, image) in enumerate(measuring_bar(images, progress)):
        try:
            example = task.evaluation_example(image, jax.random.fold_in(jax.random.key(seed), index))
        except ValueError as error:
            log.warning("left out %s: %s", name, error)
            found.left_out.append(name)
            reason = str(error)
            continue
        image = np.asarray(example["input"], np.float32)
        fitted = sizes.fit(image)
        if fitted.shape != image.shape:
            found.padded.append(name)
        outputs = _outputs(tunable, variables, task, name, fitted, example["target"], alphas, names, chunk)
        batch = {key: np.asarray(value)[None] for key, value in example.items()}
        outputs = np.stack([np.asarray(task.answer(output[None], batch))[0] for output in outputs])
        baselines = task.baselines(example)
        points = [(method, {}) for method in baselines]
        points += [(METHOD, dict(zip(names, map(float, alpha), strict=True))) for alpha in alphas]
        values = quality([*baselines.values(), *outputs], example["target"], border=task.border, name=name,
                         niqe_statistics=niqe_statistics, wanted=task.metrics, view=task.loss_view)
        rows = [{"image": name, "method": method, **{ALPHA + key: point.get(key) for key in names}, **measured}
                for (method, point), measured in zip(points, values, strict=True)]
        found.rows.extend(rows)
        if len(found.kept) < keep:
            found.kept.append(Picture(name, rows, _eight_bit(task.shown(example)), _eight_bit(example["target"]),
                                      {key: _eight_bit(value) for key, value in baselines.items()},
                                      _eight_bit(outputs)))
    if not found.rows:
        raise ValueError(f"measure got no picture that can be used: {reason}. Give other pictures, such as "
                         "--data folder:PATH.")
    if all(math.isnan(row[metric]) for row in found.rows for metric in metrics_of(found.rows)):
        raise ValueError(f"measure got {in_words(len({row['image'] for row in found.rows}))} for which no metric has a "
                         "value; the reasons are in the warnings above. Give larger pictures.")
    found.left_out.extend(getattr(images, "left_out", ()))
    return found


def _outputs(tunable, variables, task, name, image, target, alphas, names, chunk):
    """The network's answers to one input, padded or not, cut to the target's size: [A, H, W, C]."""
    outputs = np.asarray(grid(tunable, variables, image[None], alphas, chunk=chunk), np.float32)[:, 0]
    wanted = (image.shape[0] * task.upscale, image.shape[1] * task.upscale, target.shape[2])
    if outputs.shape[1:] != wanted:
        raise ValueError(f"the network makes {outputs.shape[1:]} of {image.shape}, the input of {name}; wanted "
                         f"{wanted}: the network's scale and channels must be the task's.")
    outputs = outputs[:, :target.shape[0], :target.shape[1]]
    for alpha, output in zip(alphas, outputs, strict=True):
        if not np.isfinite(output).all():
            point = point_text(dict(zip(names, alpha, strict=True)))
            raise ValueError(f"the output for {name} at alpha ({point}) is not finite; wanted numbers. The weights "
                             "have diverged, or this alpha lies too far outside the range that was trained.")
    return outputs


def _eight_bit(images):
    return np.round(np.clip(np.asarray(images), 0, 1) * 255).astype(np.uint8)


def measuring_bar(images, progress):
    """A bar over the pictures; where the output is no terminal, a line every half minute."""
    from tqdm import tqdm

    return tqdm(images, total=operator.length_hint(images) or None, unit=" pictures", desc="measuring",
                mininterval=0.5 if sys.stderr.isatty() else 30, disable=not progress, dynamic_ncols=True)
