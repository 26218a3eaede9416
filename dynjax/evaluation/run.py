"""Measuring a trained run: from a config and flags to the tables and pictures of dynjax.evaluation."""
import os
import re
import time

from dynjax import models
from dynjax.control import Control
from dynjax.data import evaluation_images
from dynjax.devices import check_platform
from dynjax.evaluation.analysis.appearance import report_appearance
from dynjax.evaluation.analysis.kernels import report_kernels
from dynjax.evaluation.attributes.run import measure_attributes_of
from dynjax.evaluation.columns import METHOD
from dynjax.evaluation.fixed_models import fixed_models
from dynjax.evaluation.pareto.run import measure_objectives_of
from dynjax.evaluation.restoration.report import evaluate
from dynjax.experiment.build import build
from dynjax.experiment.experiment import default_workdir
from dynjax.files.output import say
from dynjax.files.paths import check_results_folder, given_path

# What may be said beside each kind of evaluation.
FLAGS = {"kernels": (), "appearance": ("data",), "attributes": ("data",), "objectives": ("data", "grid", "fixed"),
         "targets": ("data", "fixed", "niqe", "metrics")}


def measure_run(config, *, workdir=None, model=None, data=None, alphas=None, out=None, niqe=None, objectives=False,
                appearance=False, kernels=False, grid=None, fixed=(), metrics=()):
    """Measures a model on evaluation pictures over a grid of alpha and writes tables, plots and pictures.

    Args:
      config: as configs/*.py give it; names the task and the evaluation pictures.
      workdir: the run's folder, as for train. model: a model file; the run's by default.
      data: pictures to use instead of the config's, such as "folder:PATH", or several sets as a list of NAME=SPEC;
        where the task makes its own from noise none are read, and this says what kind they are of. alphas: points along
        each edge of the grid.
      out: folder for the results; WORKDIR/evaluation by default. niqe: file of pristine statistics, for NIQE.
      appearance: measure instead how colours, structure and texture change, by a DynamicNet's blocks together and by
        each alone. kernels: draw instead what alpha does to the kernels of a Tunable.
      objectives: measure in the space of the objectives instead of against targets; always so for tasks without one
        right answer. grid: points an alpha number for a grid over all combinations there.
      fixed: model files of ordinary networks to compare with, PATH or NAME=PATH. metrics: names of
        dynjax.evaluation.restoration.quality, instead of the task's.

    Raises:
      ValueError: the model file is missing or has no alpha, no pictures, and what else a user can put right.
    """
    experiment = build(config)
    config = experiment.config
    workdir, begun = given_path(workdir or default_workdir(config)), time.time_ns()
    path = given_path(model or workdir / "model.safetensors")
    if not os.path.lexists(path):
        raise ValueError(f"there is no model {path}; train one with train.py and the same --config, or name one with "
                         "--model.")
    if not path.is_file():
        inside = path / "model.safetensors"
        raise ValueError(f"the model {path} is no file; wanted a model file, "
                         f"{f'as {inside} is' if inside.is_file() else 'such as train.py leaves'}.")
    out, sets = given_path(out or workdir / "evaluation"), _sets(data)
    check_results_folder(out)
    check_platform()
    net, variables = models.load(path)
    net, variables = _checked(net, variables, path, experiment.model)
    kind = _kind(experiment.task, objectives=objectives, appearance=appearance, kernels=kernels)
    _check_flags(kind, net, {"grid": grid, "fixed": fixed or None, "niqe": niqe, "metrics": metrics or None,
                             "data": data or None})
    count = config.evaluation.alphas if alphas is None else alphas
    if len(sets) > 1 and kind != "targets":
        raise ValueError(f"--data names {len(sets)} sets; wanted one, for only results beside a target are compared "
                         "over several. Evaluate each on its own, with --out.")
    first = next(iter(sets.values()))
    if kind == "kernels":
        report_kernels(net, variables, experiment.points(count), out)
    elif kind == "attributes":
        measure_attributes_of(experiment, net, variables, alphas=count, out=out, source=first)
    elif kind == "appearance":
        points, _, _ = experiment.curve(count)
        images = evaluation_images(experiment.evaluation_source(first))
        report_appearance(net, variables, experiment.task, images, points[:, 0], out=out)
    elif kind == "objectives":
        source = experiment.evaluation_source(first)
        measure_objectives_of(experiment, net, variables, source, alphas=count, out=out, grid=grid, fixed=fixed)
    else:
        images = {name: evaluation_images(experiment.evaluation_source(spec)) for name, spec in sets.items()}
        others = {each.name: (each.net, each.variables, each.alpha)
                  for each in fixed_models(fixed, alpha=getattr(net, "alpha", ()), taken=(METHOD,))}
        choose = [metric for metric in config.evaluation.get("choose", ()) if not metrics or metric in metrics]
        evaluate(net, variables, experiment.task, images, alphas=experiment.points(count), out=out,
                 fixed=others, metrics=metrics or None, niqe_statistics=niqe, choose=tuple(choose))
    written = [path.name for path in out.iterdir() if path.stat().st_mtime_ns >= begun]
    say(f"Written to {out}: {', '.join(sorted(written))}.")


def _checked(net, variables, path, wanted):
    """The network of a model file, which must be of the kind that the config describes, with its names for alpha."""
    if not isinstance(wanted, Control):
        raise ValueError("the config has control.name='', an ordinary network, which has no alpha to go over; wanted "
                         "the config of a tuned one, beside which this one is measured by --fixed.")
    if type(net) is not type(wanted):
        tuned = isinstance(net, Control)
        advice = ("Give the config that it was trained with." if tuned else
                  "An ordinary network is measured beside a tuned one, by --fixed.")
        raise ValueError(f"{path} holds a {type(net).__name__}{'' if tuned else ', which alpha does not tune'}; wanted "
                         f"a {type(wanted).__name__}, which is what the config tunes. {advice}")
    names, given = wanted.space.names, net.space.names
    if given == names:
        return net, variables
    if given == tuple(map(str, range(len(names)))):   # official ones are without names
        named = dict(zip(given, names, strict=True))   # separate networks lie under theirs
        return net.clone(alpha=names), {collection: {named.get(name, name): part for name, part in tree.items()}
                                        for collection, tree in variables.items()}
    by = f"{len(given)} numbers" if given == tuple(map(str, range(len(given)))) else ", ".join(given)
    raise ValueError(f"{path} is tuned by {by}, the config by {', '.join(names)}; wanted the same: give the config "
                     "that the model was trained with.")


def _kind(task, **asked):
    """What is measured: what one flag asks for, else what the task has."""
    kinds = [name for name, value in asked.items() if value]
    why = None
    if len(kinds) > 1:
        why = "each is an evaluation of its own"
    elif kinds and task.generates:
        why = "a task that makes pictures from noise is measured by their attributes alone"
    elif kinds == ["objectives"] and task.has_aim:
        why = "what the objectives compare with follows alpha here, so that there is no one plane for all of alpha"
    if why:
        raise ValueError(f"{' and '.join(f'--{name}' for name in kinds)} cannot be had: {why}. Leave "
                         f"{'it' if len(kinds) == 1 else 'all but one'} out.")
    return kinds[0] if kinds else "attributes" if task.generates else "targets" if task.has_target else "objectives"


def _check_flags(kind, net, given):
    """Refuses flags that belong to another kind of evaluation, and kinds for another kind of network."""
    if kind == "kernels" and net.acts_on != "weights":
        raise ValueError(f"--kernels looks at a Tunable, and the model is a {type(net).__name__}; wanted a config of a "
                         "control that acts on weights.")
    if kind == "appearance" and net.space.domain != "range":
        raise ValueError(f"--appearance looks at a DynamicNet, and the model is a {type(net).__name__}; wanted a "
                         "config of a control that acts on activations, each of alpha's numbers alone, from 0.")
    for name, value in given.items():
        if value is not None and name not in FLAGS[kind]:
            kinds = [other for other, names in FLAGS.items() if name in names]
            raise ValueError(f"--{name} belongs to an evaluation of {' or '.join(kinds)}, and this one is of {kind}. "
                             f"Leave it out{', or add --objectives' if kinds == ['objectives'] else ''}.")


def _sets(data):
    """{name: spec} of what --data says: nothing, one spec, or several as NAME=SPEC."""
    texts = [data] if isinstance(data, str) or data is None else list(data) or [None]
    if len(texts) == 1 and not _named(texts[0]):
        return {"": texts[0]}
    sets = {}
    for text in texts:
        name, _, spec = text.partition("=")
        if not _named(text) or name in sets:
            raise ValueError(f"--data has {text!r}; wanted NAME=SPEC for each of several sets, every name once, such "
                             "as kodak=folder:kodak24.")
        sets[name] = spec
    return sets


def _named(text):
    return bool(text) and re.match(r"[\w.-]+=.", text) is not None
