"""Measuring a trained run: from a config and flags to the tables and pictures of dynjax.evaluation."""
from pathlib import Path

from dynjax import evaluation, models
from dynjax.data import evaluation_images
from dynjax.training.build import build
from dynjax.training.workdir import default_workdir
from dynjax.tunable import Tunable


def measure_run(config, *, workdir=None, model=None, data=None, alphas=None, out=None, niqe=None):
    """Measures a model on evaluation pictures over a grid of alpha and writes tables, plot and contact sheet.

    Args:
      config: as configs/*.py give it; names the task and the evaluation pictures.
      workdir: the run's folder, as for train. model: a model file; the run's by default.
      data: pictures to use instead of the config's, such as "folder:PATH". alphas: points along each edge of the grid.
      out: folder for the results; WORKDIR/evaluation by default. niqe: file of pristine statistics, for NIQE.

    Returns:
      The rows measured, one dict for every picture and alpha.

    Raises:
      ValueError: the model file is missing or is no tunable model, no pictures, and what else a user can put right.
    """
    workdir = Path(workdir or default_workdir(config))
    path = Path(model or workdir / "model.safetensors")
    if not path.exists():
        raise ValueError(f"there is no model {path}; train one with train.py and the same --config, or name one with "
                         "--model.")
    experiment = build(config)
    net, variables = models.load(path)
    if not isinstance(net, Tunable):
        raise ValueError(f"{path} holds a {type(net).__name__}; wanted a network tuned by Tunable, as train.py saves "
                         "it.")
    points = evaluation.alpha_points(net.alpha, config.evaluation.alphas if alphas is None else alphas,
                                     simplex=config.alpha.sampler == "simplex")
    source = experiment.evaluation_source(data)
    out = Path(out or workdir / "evaluation")
    rows = evaluation.evaluate(net, variables, experiment.task, evaluation_images(source), alphas=points, out=out,
                               niqe_statistics=niqe)
    print(f"Written to {out}: grid.csv, table.csv, table.md, plot.png, sheet.png.")
    return rows
