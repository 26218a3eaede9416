"""Networks that alpha tunes: controls around any linen network, all with one protocol (`Control`)."""
from dynjax.control.alpha import alpha_array, shared_alpha
from dynjax.control.base import Control, base_network, nested
from dynjax.control.blend import Blend
from dynjax.control.cin import CIN
from dynjax.control.dni import DNI
from dynjax.control.dynamic import BakedDynamicNet, DualTuningBlock, DynamicNet, TuningBlock
from dynjax.control.grid import grid
from dynjax.control.space import AlphaSpace
from dynjax.control.tunable import (
    Tunable,
    TunableConv,
    TunableConvTranspose,
    TunableDense,
    aggregate,
    stack,
    tune,
)
from dynjax.registry import Registry

__all__ = ["CIN", "CONTROLS", "DNI", "AlphaSpace", "BakedDynamicNet", "Blend", "Control", "DualTuningBlock",
           "DynamicNet", "Tunable", "TunableConv", "TunableConvTranspose", "TunableDense", "TuningBlock", "aggregate",
           "alpha_array", "base_network", "grid", "nested", "shared_alpha", "stack", "tune"]

CONTROLS = Registry("control")
for _control in (Blend, CIN, DNI, DynamicNet, Tunable):
    CONTROLS.register(_control)
