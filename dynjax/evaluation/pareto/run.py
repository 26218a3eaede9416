"""Measuring a trained run in the space of its objectives, for tasks without one right answer and for all others."""
from pathlib import Path

import numpy as np

from dynjax.data import evaluation_images
from dynjax.evaluation.fixed_models import fixed_models
from dynjax.evaluation.pareto.objective_report import report_objectives
from dynjax.evaluation.rows import picture_rows
from dynjax.objectives import build_multi_loss


def measure_objectives_of(experiment, net, variables, source, *, alphas, out, grid=None, fixed=()):
    """Measures every objective of a config over alpha and draws the plane of two of them, and pictures across alpha.

    Args:
      experiment: of the config. net, variables: the trained network.
      source: pictures. alphas: points along each edge of what was trained. out: folder for the results.
      grid: points an alpha number for a grid over all combinations; none by default.
      fixed: model files of ordinary networks to compare with, PATH or NAME=PATH.

    Raises:
      ValueError: a file that holds no ordinary network, no objective that can be measured.
    """
    settings = experiment.config.evaluation
    points, labels, trained = experiment.curve(alphas)
    ends = experiment.space.ends
    others = {each.name: (each.net, each.variables) for each in fixed_models(fixed, taken=("input",))}
    blends = {"blend of the ends": tuple(ends)}
    if others:
        last = list(others)[-1]
        blends[f"blend to {last}"] = (ends[0], last)
    if settings.get("blend_to_input"):
        blends["blend to the input"] = (ends[0], "input")
    product = grid or settings.get("grid") or None
    if product and experiment.space.domain == "range":
        product = [np.linspace(*trained, product, dtype=np.float32)] * points.shape[1]
    axes = tuple(settings.get("axes", ())) or None
    report_objectives(
        net, variables, experiment.task, _measurable(experiment), evaluation_images(source), points, out=out,
        plane=axes, fixed=others, blends=blends, product=product,
        trained=trained)
    picture_rows(net, variables, experiment.task, evaluation_images(source), points, labels,
                            Path(out) / "rows.png")


def _measurable(experiment):
    """The objectives of the last phase without what only a critic can judge."""
    config = experiment.settings[-1].objectives.to_dict()
    kept = {}
    for name, objective in config.items():
        terms = {term: value for term, value in objective["terms"].items() if term != "adversarial"}
        if terms:
            kept[name] = {**objective, "terms": terms}
    if not kept:
        raise ValueError("every objective of this config is adversarial; wanted one that can be measured without a "
                         "critic, such as l1.")
    return build_multi_loss(kept)

