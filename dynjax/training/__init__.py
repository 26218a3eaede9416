"""How it is learned: the step over devices, the loop, checkpoints, logs."""
from dynjax.training.build import build
from dynjax.training.experiment import Experiment
from dynjax.training.loop import train
from dynjax.training.measure import measure_run
from dynjax.training.phase import Phase, TrainState, initial_state
from dynjax.training.plan import PhasePlan, plan, plan_table
from dynjax.training.step import make_step, replicate, shard, unreplicate

__all__ = ["Experiment", "Phase", "PhasePlan", "TrainState", "build", "initial_state", "make_step", "measure_run",
           "plan", "plan_table", "replicate", "shard", "train", "unreplicate"]
