"""Dynamic-Net: tuning-blocks between the modules of a trained network, scaled by alpha (ICCV 2019)."""
from dynjax.control.dynamic.dual import DualTuningBlock
from dynjax.control.dynamic.tuning_block import TuningBlock
from dynjax.control.dynamic.wrapper import BakedDynamicNet, DynamicNet

__all__ = ["BakedDynamicNet", "DualTuningBlock", "DynamicNet", "TuningBlock"]
