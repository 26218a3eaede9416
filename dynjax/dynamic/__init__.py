"""Dynamic-Net: tuning-blocks between the modules of a trained network, scaled by alpha (ICCV 2019)."""
from dynjax.dynamic.dual import DualTuningBlock
from dynjax.dynamic.tuning_block import TuningBlock
from dynjax.dynamic.wrapper import BakedDynamicNet, DynamicNet

__all__ = ["BakedDynamicNet", "DualTuningBlock", "DynamicNet", "TuningBlock"]
