"""Where a run begins: its own checkpoint, else the weights named by init_from, else random ones."""
import json

import jax
import numpy as np

from dynjax import models
from dynjax.control import DynamicNet, Tunable
from dynjax.models.plain import plain_network
from dynjax.training.workdir import given_path


def zero_variables(experiment):
    """As `initial_variables`, but zeros: all that a run needs whose variables come from elsewhere."""
    return jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), jax.eval_shape(experiment.fresh_variables))


def initial_variables(experiment):
    """The variables of a run that has no checkpoint yet.

    `init_from` names a model file of this library or an official checkpoint: of the config's model as it is, or of the
    plain network inside it, from which a tunable network starts by copies and around which blocks are put.

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
    inner = plain_network(model)
    if models.is_model_file(path):
        net, variables = models.load(path)
        plain = type(net) is type(inner)
        _check_same(path, inner if plain else model, net)
    else:
        variables = models.pretrained.load(inner if isinstance(model, DynamicNet) else model, path,
                                           **({"kernel_init": config.kernel_init} if isinstance(model, Tunable) else {}))
        plain = isinstance(model, DynamicNet)
    if plain and isinstance(model, Tunable):
        variables = model.from_base(variables, kernel_init=config.kernel_init)
    elif plain and isinstance(model, DynamicNet):
        variables = model.from_base(variables, jax.random.key(config.seed), experiment.example_input())
    expected = jax.eval_shape(experiment.fresh_variables)
    problem = _mismatch(expected, variables)
    if problem:
        raise ValueError(f"{path} does not fit the network of this config: {problem}. Set network.* and tunable.* as "
                         "the file was made, or start without init_from.")
    return jax.tree.map(np.asarray, variables)


def _check_same(path, wanted, came):
    """Refuses a network that computes another function, or reads alpha otherwise, though its shapes may fit."""
    wanted, came = (json.dumps(models.describe(net), sort_keys=True) for net in (wanted, came))
    if wanted != came:
        raise ValueError(f"{path} does not fit the network of this config: it holds {came}, the config describes "
                         f"{wanted}. Set network.*, tunable.* or dynamic.*, and alpha as the file was made.")


def _mismatch(expected, given):
    shapes = lambda tree: {jax.tree_util.keystr(path, simple=True, separator="/"): tuple(leaf.shape)
                           for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}
    wanted, came = shapes(expected), shapes(given)
    for name in sorted(wanted.keys() | came.keys()):
        if wanted.get(name) != came.get(name):
            return f"{name} is {came.get(name, 'absent')} there, {wanted.get(name, 'absent')} here"
    return None
