"""From a config to objects: network, control, task, phases, sources; and the variables that a run begins with."""
from dynjax.experiment.build import build
from dynjax.experiment.experiment import Experiment, default_workdir
from dynjax.experiment.initial_variables import initial_variables, zero_variables
from dynjax.experiment.phase import Phase

__all__ = ["Experiment", "Phase", "build", "default_workdir", "initial_variables", "zero_variables"]
