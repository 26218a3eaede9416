"""Ordinary networks that a tuned one is compared with, as they are named on a command line."""
import ast
import dataclasses
from collections.abc import Mapping
from pathlib import Path

import flax.linen as nn
import numpy as np

from dynjax import models
from dynjax.dynamic import DynamicNet
from dynjax.tunable import Tunable


@dataclasses.dataclass(frozen=True)
class FixedModel:
    """An ordinary network and, where its file says it, the one point of alpha [P] that it was trained for."""
    name: str
    net: nn.Module
    variables: Mapping
    alpha: np.ndarray | None


def fixed_model(text):
    """Of PATH or NAME=PATH; the folder of a run stands for its model.

    Raises:
      ValueError: there is no such file, or it holds no ordinary network.
    """
    name, _, place = text.rpartition("=")
    path = Path(place) / "model.safetensors" if place and Path(place).is_dir() else Path(place)
    if not path.is_file():
        raise ValueError(f"--fixed names {text!r}, but there is no file {place and str(path)!r}; "
                         "wanted PATH or NAME=PATH of a model file, such as train.py leaves with the preset fixed.")
    try:
        net, variables = models.load(path)
    except ValueError as error:
        raise ValueError(f"--fixed names {text!r}, which is no model: {error}") from None
    if isinstance(net, (Tunable, DynamicNet)):
        raise ValueError(f"{path} holds a {type(net).__name__}; wanted an ordinary network to compare with, such as "
                         "the preset fixed makes, or a baked one.")
    name = name or (path.parent.name if path.stem == "model" else path.stem)
    return FixedModel(name, net, variables, _trained_at(models.load_card(path)))


def _trained_at(card):
    """The point of alpha in the card of a file that train.py wrote for a single one."""
    try:
        points = np.asarray(ast.literal_eval(card["sampling"]["sampler"]), np.float32)
    except (KeyError, TypeError, ValueError, SyntaxError):
        return None
    return points[0] if points.ndim == 2 and len(points) == 1 else None
