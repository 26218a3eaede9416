"""Measuring a trained run whose pictures come from noise alone: what alpha does to those of fixed inputs."""
import jax
import numpy as np

from dynjax.data import fit_linear_classifier
from dynjax.evaluation.attributes.report import report_attributes
from dynjax.files.output import say

INPUTS = 128


def measure_attributes_of(experiment, net, variables, *, alphas, out, source=None):
    """Measures the pictures of fixed noise over alpha, by what the task knows to measure, and draws some of them.

    No picture is read but for `config.evaluation.judge`, for which those of the first and of the last phase are:
    config.evaluation.inputs (128 by default) inputs are drawn with the run's seed.

    Args:
      experiment: of the config; its task generates. net, variables: the trained DynamicNet.
      alphas: points along the trained range. out: folder for the results.
      source: the kind of pictures that the network makes, such as "drawn-faces"; by default the config's.

    Raises:
      ValueError: another network than a DynamicNet, fewer than one input or two alphas.
    """
    settings, seed = experiment.config.evaluation, experiment.config.seed
    if net.space.domain != "range":
        raise ValueError(f"the model is a {type(net).__name__}; wanted a DynamicNet: what alpha does to pictures from "
                         "noise is compared with alpha 0, the main network.")
    count = settings.get("inputs", INPUTS)
    if count < 1:
        raise ValueError(f"evaluation.inputs is {count}; wanted 1 or more.")
    points, labels, trained = experiment.curve(alphas)
    # Cut pictures have hair and mouth elsewhere.
    measures = {} if settings.get("crop") else dict(experiment.task.measures(source or settings.source))
    if settings.get("judge"):
        measures |= _judge(experiment)
    report_attributes(net, variables, fixed_inputs(experiment, count, jax.random.key(seed)), points,
                                 answer=experiment.task.answer, measures=measures, out=out, labels=labels,
                                 trained=trained)


def _judge(experiment):
    """{attribute: a judge of the last phase's pictures beside the first's}."""
    kind = experiment.config.evaluation.judge
    if kind != "linear":
        raise ValueError(f"evaluation.judge is {kind!r}; wanted 'linear', or '' for none.")
    data = experiment.settings[-1].data
    name = str(data.get("attribute") or "last phase").split("=")[0]
    judge = fit_linear_classifier(experiment.training_source(0), experiment.training_source(-1))
    say(f"{name} is judged linearly from pixels: right for {judge.accuracy:.1%} of {judge.tried} pictures that it "
          "was not fitted to; about -1 for the first phase's pictures and 1 for the last's.")
    return {name: judge}


def fixed_inputs(experiment, count, key):
    """What the network sees in evaluation, [count, ...]; input i comes of `key` and i alone."""
    side = experiment.settings[-1].data.patch_size
    grey = np.full((side, side, 3), 0.5, np.float32)   # a task that generates takes nothing from it
    return np.stack([experiment.task.evaluation_example(grey, jax.random.fold_in(key, index))["input"]
                     for index in range(count)])
