"""Networks that alpha tunes: wrappers around any linen network, all with one protocol (`Control`)."""
from dynjax.control.alpha import alpha_array, shared_alpha
from dynjax.control.dynamic import BakedDynamicNet, DualTuningBlock, DynamicNet, TuningBlock
from dynjax.control.grid import grid
from dynjax.control.tunable import (
    Tunable,
    TunableConv,
    TunableConvTranspose,
    TunableDense,
    aggregate,
    stack,
    tune,
)

__all__ = ["BakedDynamicNet", "DualTuningBlock", "DynamicNet", "Tunable", "TunableConv", "TunableConvTranspose",
           "TunableDense", "TuningBlock", "aggregate", "alpha_array", "grid", "shared_alpha", "stack",
           "tune"]
