"""Restoration networks in JAX and Flax that are tuned after training by a few numbers, alpha.

Images are [N, H, W, C], float32 in [0, 1]. What is listed in __all__ is the public interface.
"""
from dynjax import (
    control,
    data,
    evaluation,
    experiment,
    files,
    image,
    inference,
    metrics,
    models,
    networks,
    objectives,
    tasks,
    training,
)
from dynjax.control.dynamic import DualTuningBlock, DynamicNet, TuningBlock
from dynjax.control.grid import grid
from dynjax.control.tunable import Tunable, TunableConv, TunableConvTranspose, TunableDense, aggregate, stack, tune
from dynjax.models import load, pretrained, save, shipped
from dynjax.networks.conv_transpose import ConvTranspose

__version__ = "0.1.0"

__all__ = ["ConvTranspose", "DualTuningBlock", "DynamicNet", "Tunable", "TunableConv", "TunableConvTranspose",
           "TunableDense", "TuningBlock", "aggregate", "control", "data", "evaluation", "experiment", "files", "grid",
           "image", "inference", "load", "metrics", "models", "networks", "objectives", "pretrained", "save",
           "shipped", "stack", "tasks", "training", "tune"]
