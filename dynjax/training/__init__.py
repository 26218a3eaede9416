"""How it is learned: the step over devices, the loop, checkpoints, logs."""
from dynjax.training.loop import train
from dynjax.training.plan import PhasePlan, plan, plan_table
from dynjax.training.state import TrainState, initial_state
from dynjax.training.step import make_step, replicate, shard, unreplicate

__all__ = ["PhasePlan", "TrainState", "initial_state", "make_step", "plan", "plan_table", "replicate", "shard", "train",
           "unreplicate"]
