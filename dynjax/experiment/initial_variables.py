"""Where a run begins: its own checkpoint, else the weights named by init_from, else random ones."""
import json
import sys

import jax
import numpy as np

from dynjax import models
from dynjax.control import Control, base_network
from dynjax.files.paths import given_path


def zero_variables(experiment):
    """As `initial_variables`, but zeros: all that a run needs whose variables come from elsewhere."""
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), jax.eval_shape(experiment.fresh_variables))


def initial_variables(experiment):
    """The variables of a run that has no checkpoint yet.

    `init_from` names a model file of this library or an official checkpoint: of the config's model as it is, or of the
    base network inside it, around which the control is put then.

    Raises:
      ValueError: the file does not fit the config's network.
    """
    config, model = experiment.config, experiment.model
    if not config.init_from:
        return experiment.fresh_variables()
    path = given_path(config.init_from)
    if not path.is_file():
        raise ValueError(f"init_from names {path}, which {'is a folder' if path.is_dir() else 'does not exist'}; give "
                         "the path of a model file or of an official checkpoint (.pth, .npz, .safetensors, .ckpt).")
    base = base_network(model)
    if models.is_model_file(path):
        net, variables = models.load(path)
        is_base = type(net) is type(base)
        _check_same(path, base if is_base else model, net)
    else:
        variables, is_base = _official(path, model, base)
    if is_base and isinstance(model, Control):
        variables = model.from_base(variables, jax.random.key(config.seed), experiment.example_input(),
                                    kernel_init=config.get("kernel_init", "replicate"))
    expected = jax.eval_shape(experiment.fresh_variables)
    problem = _mismatch(expected, variables)
    if problem:
        raise ValueError(f"{path} does not fit the network of this config: {problem}. Set network.* and control.* as "
                         "the file was made, or start without init_from.")
    return jax.tree.map(np.asarray, variables)


def _official(path, model, base):
    """(variables from official weights, whether they are the base network's): of it or of the control as a whole."""
    try:
        return models.pretrained.load(base, path), True
    except ValueError:
        if model is base:
            raise
        reason = sys.exception()
    try:
        return models.pretrained.load(model, path), False
    except ValueError:
        raise reason from None


def _check_same(path, wanted, came):
    """Refuses a network that computes another function, or reads alpha otherwise, though its shapes may fit."""
    wanted, came = (json.dumps(_function_of(models.describe(net)), sort_keys=True) for net in (wanted, came))
    if wanted != came:
        raise ValueError(f"{path} does not fit the network of this config: it holds {came}, the config describes "
                         f"{wanted}. Set network.*, control.* and alpha as the file was made.")


def _function_of(description):
    """A description without what says only where alpha was trained."""
    return {**description, "fields": {name: value for name, value in description["fields"].items()
                                      if name != "domain"}}


def _mismatch(expected, given):
    shapes = lambda tree: {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape)
                           for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    wanted, came = shapes(expected), shapes(given)
    for name in sorted(wanted.keys() | came.keys()):
        if wanted.get(name) != came.get(name):
            return f"{name} is {came.get(name, 'absent')} there, {wanted.get(name, 'absent')} here"
    return None
