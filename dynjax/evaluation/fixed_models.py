"""Ordinary networks that a tuned one is compared with, as they are named on a command line."""
import dataclasses
from collections.abc import Mapping

import flax.linen as nn
import numpy as np

from dynjax import models
from dynjax.control import Control
from dynjax.files.paths import given_path
from dynjax.objectives import points_of


@dataclasses.dataclass(frozen=True)
class FixedModel:
    """An ordinary network and, where its file says it, the one point of alpha [P] that it was trained for, by names."""
    name: str
    net: nn.Module
    variables: Mapping
    alpha: np.ndarray | None
    names: tuple[str, ...]


def fixed_models(texts, *, alpha=(), taken=()):
    """Those that --fixed names.

    Args:
      texts: PATH or NAME=PATH each. alpha: the names of what the tuned network is tuned by; a point that a fixed one
        was trained at counts where it has the same. taken: names that something else in the tables has.

    Raises:
      ValueError: as `fixed_model`; two of one name, or a name that is taken.
    """
    models = [fixed_model(text) for text in texts]
    for index, each in enumerate(models):
        if each.name in taken or each.name in [other.name for other in models[:index]]:
            raise ValueError(f"--fixed gives {texts[index]!r} the name {each.name!r}, which another row has; wanted a "
                             "name of its own, as NAME=PATH.")
    return [each if each.names == tuple(alpha) else dataclasses.replace(each, alpha=None) for each in models]


def fixed_model(text):
    """Of PATH or NAME=PATH; the folder of a run stands for its model.

    Raises:
      ValueError: there is no such file, or it holds no ordinary network.
    """
    name, _, place = text.rpartition("=")
    path = given_path(place)
    path = path / "model.safetensors" if place and path.is_dir() else path
    if not path.is_file():
        raise ValueError(f"--fixed names {text!r}, but there is no file {place and str(path)!r}; "
                         "wanted PATH or NAME=PATH of a model file, such as train.py leaves with the preset fixed.")
    try:
        net, variables = models.load(path)
    except ValueError as error:
        raise ValueError(f"--fixed names {text!r}, which is no model: {error}") from None
    if isinstance(net, Control):
        raise ValueError(f"{path} holds a {type(net).__name__}; wanted an ordinary network to compare with, such as "
                         "the preset fixed makes, or a baked one.")
    name = name or (path.parent.name if path.stem == "model" else path.stem)
    card = models.load_card(path) if models.is_model_file(path) else {}   # official weights have none
    return FixedModel(name, net, variables, *_trained_at(card))


def _trained_at(card):
    """(the point of alpha, its names) in the card of a file that train.py wrote for a single one."""
    try:
        sampler, names = card["sampling"]["sampler"], tuple(card["sampling"]["names"])
    except (KeyError, TypeError):   # no training of ours, or one without names for alpha
        return None, ()
    points = points_of(sampler)
    return (None if points is None or points.shape != (1, len(names)) else points[0]), names
