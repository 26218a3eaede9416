"""Restoration networks in JAX and Flax that are tuned after training by a few numbers, alpha.

Images are [N, H, W, C], float32 in [0, 1]. What is listed in __all__ is the public interface.
"""
from dynjax import data, evaluation, files, image, inference, metrics, models, networks, objectives, tasks, training
from dynjax.dynamic import DualTuningBlock, DynamicNet, TuningBlock
from dynjax.models import load, pretrained, save, shipped
from dynjax.networks.conv_transpose import ConvTranspose
from dynjax.tunable import Tunable, TunableConv, TunableConvTranspose, TunableDense, aggregate, grid

__all__ = ["ConvTranspose", "DualTuningBlock", "DynamicNet", "Tunable", "TunableConv", "TunableConvTranspose",
           "TunableDense", "TuningBlock", "aggregate", "data", "evaluation", "files", "grid", "image", "inference",
           "load", "metrics", "models", "networks", "objectives", "pretrained", "save", "shipped", "tasks", "training"]
