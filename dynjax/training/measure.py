"""Measuring a trained run: from a config and flags to the tables and pictures of dynjax.evaluation."""
from pathlib import Path

from dynjax import evaluation, models
from dynjax.data import evaluation_images
from dynjax.dynamic import DynamicNet
from dynjax.training.build import build
from dynjax.training.measure_attributes import measure_attributes_of
from dynjax.training.measure_objectives import measure_objectives_of, points_of_curve
from dynjax.training.workdir import default_workdir
from dynjax.tunable import Tunable


def measure_run(config, *, workdir=None, model=None, data=None, alphas=None, out=None, niqe=None, objectives=False,
                appearance=False, grid=None, fixed=()):
    """Measures a model on evaluation pictures over a grid of alpha and writes tables, plots and pictures.

    Args:
      config: as configs/*.py give it; names the task and the evaluation pictures.
      workdir: the run's folder, as for train. model: a model file; the run's by default.
      data: pictures to use instead of the config's, such as "folder:PATH"; where the task makes its own from noise
        none are read, and this says what kind they are of. alphas: points along each edge of the grid.
      out: folder for the results; WORKDIR/evaluation by default. niqe: file of pristine statistics, for NIQE.
      appearance: measure instead how colours, structure and texture change, by a DynamicNet's blocks together and by
        each alone.
      objectives: measure in the space of the objectives instead of against targets; always so for tasks without one
        right answer. grid: points an alpha number for a grid over all combinations there. fixed: model files of
        ordinary networks to compare with there, PATH or NAME=PATH.

    Raises:
      ValueError: the model file is missing or has no alpha, no pictures, and what else a user can put right.
    """
    workdir = Path(workdir or default_workdir(config))
    path = Path(model or workdir / "model.safetensors")
    if not path.exists():
        raise ValueError(f"there is no model {path}; train one with train.py and the same --config, or name one with "
                         "--model.")
    experiment = build(config)
    net, variables = models.load(path)
    wanted = DynamicNet if isinstance(experiment.model, DynamicNet) else Tunable
    if not isinstance(net, wanted):
        raise ValueError(f"{path} holds a {type(net).__name__}; wanted a {wanted.__name__}, as train.py saves for this "
                         "config.")
    count = config.evaluation.alphas if alphas is None else alphas
    out = Path(out or workdir / "evaluation")
    if experiment.task.generates:
        if objectives or appearance or grid or fixed or niqe:
            raise ValueError("this task makes pictures from noise, which have no target and no fixed network to be "
                             "compared with; leave out --objectives, --appearance, --grid, --fixed and "
                             "--niqe.")
        measure_attributes_of(experiment, net, variables, alphas=count, out=out, source=data)
        return
    source = experiment.evaluation_source(data)
    if appearance:
        if wanted is Tunable or grid or fixed or niqe or objectives:
            raise ValueError("--appearance looks at the blocks of a DynamicNet and at nothing else; wanted a config "
                             "with blocks, and none of --objectives, --grid, --fixed, --niqe.")
        points, _, _ = points_of_curve(experiment, net, count)
        evaluation.report_appearance(net, variables, experiment.task, evaluation_images(source), points[:, 0], out=out)
        print(f"Written to {out}: appearance.csv, appearance.md, blocks.png.")
        return
    if objectives or not experiment.task.has_target:
        measure_objectives_of(experiment, net, variables, source, alphas=count, out=out, grid=grid, fixed=fixed)
        return
    if grid or fixed:
        raise ValueError("--grid and --fixed belong to the evaluation in objective space; add --objectives.")
    points = (evaluation.alpha_points(net.alpha, count, simplex=config.alpha.sampler == "simplex")
              if isinstance(net, Tunable) else experiment.points(count))
    choose = tuple(config.evaluation.get("choose", ()))
    evaluation.evaluate(net, variables, experiment.task, evaluation_images(source), alphas=points, out=out,
                        niqe_statistics=niqe, choose=choose)
    files = ["grid.csv", "table.csv", "table.md", "plot.png", "sheet.png"] + ["choice.csv", "choice.png"] * bool(choose)
    print(f"Written to {out}: {', '.join(files)}.")
