"""Tunable convolutions: kernels summed with weights that a small MLP computes from alpha (CVPR 2023)."""
from dynjax.control.tunable.aggregation import aggregate
from dynjax.control.tunable.layers import TunableConv, TunableConvTranspose, TunableDense
from dynjax.control.tunable.stacking import stack, tune
from dynjax.control.tunable.wrapper import Tunable

__all__ = ["Tunable", "TunableConv", "TunableConvTranspose", "TunableDense", "aggregate", "stack", "tune"]
