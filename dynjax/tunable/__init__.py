"""Tunable convolutions: kernels summed with weights that a small MLP computes from alpha (CVPR 2023)."""
from dynjax.tunable.aggregation import aggregate
from dynjax.tunable.alpha import alpha_array, shared_alpha
from dynjax.tunable.grid import grid
from dynjax.tunable.layers import TunableConv, TunableConvTranspose, TunableDense
from dynjax.tunable.wrapper import Tunable

__all__ = ["Tunable", "TunableConv", "TunableConvTranspose", "TunableDense", "aggregate", "alpha_array", "grid",
           "shared_alpha"]
