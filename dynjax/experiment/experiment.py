"""What a config describes, as objects: model, task, phases, pictures."""
import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path

import flax.linen as nn
import jax
import numpy as np

from dynjax.control import Control
from dynjax.data import open_source
from dynjax.experiment.phase import Phase


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A run as objects; pictures are opened only when asked for.

    Attributes:
      config: as configs/*.py give it.
      model: a control, or a base network that is trained to be compared with.
      phases: in the order they are trained. settings: the config of each, with what that phase overrides.
    """
    config: Mapping
    model: nn.Module
    phases: tuple[Phase, ...]
    settings: tuple[Mapping, ...]

    @property
    def task(self):
        """The last phase's, by which the run is evaluated."""
        return self.phases[-1].task

    @property
    def ends(self):
        """The step after which each phase ends."""
        return tuple(itertools.accumulate(phase.steps for phase in self.phases))

    @property
    def steps(self):
        """Of all phases."""
        return self.ends[-1]

    def phase_at(self, step):
        """The index of the phase that makes step `step` + 1; that of the last step, after it."""
        return next((index for index, end in enumerate(self.ends) if step < end), len(self.phases) - 1)

    def training_source(self, index=-1):
        """The pictures that a phase is trained on."""
        return _fitting(self.task, open_source(**_pictures(self.settings[index].data)))

    def evaluation_source(self, spec=None):
        """The pictures to evaluate on: those of `spec`, such as "folder:PATH", or the config's."""
        settings = self.config.evaluation
        if not spec:
            return _fitting(self.task, open_source(**_pictures(settings)))
        # Another place of the same kind of source has the same splits: that of training is not to be measured on.
        kind = lambda text: text.partition(":")[0]
        split = settings.get("split") if kind(spec) == kind(settings.source) else None
        given = {"split": split, "crop": settings.get("crop"), "size": settings.get("size")}
        return _fitting(self.task, open_source(spec, **{name: value for name, value in given.items() if value}))

    def example_input(self):
        """What the network sees of one grey picture of the training size."""
        side = self.settings[0].data.patch_size
        key = jax.random.split(jax.random.key(self.config.seed), 1)
        task = self.phases[0].task
        return task.example(np.full((1, side, side, task.channels), 0.5, np.float32), key)["input"]

    def fresh_variables(self):
        """The model's variables before training, drawn with the run's seed."""
        alphas = self.points(2)
        inputs = jax.eval_shape(lambda: (self.example_input(), *([] if alphas is None else [alphas[0]])))
        draw = lambda key: self.model.lazy_init(key, *inputs)   # the network itself is not run
        # One by one: where alpha acts on weights there are several kernels of every shape, mostly of few shapes, and
        # each is compiled once. As one program the many shapes around tuning-blocks compile sooner.
        draw = jax.jit(draw) if isinstance(self.model, Control) and self.model.acts_on == "activations" else draw
        return draw(jax.random.key(self.config.seed))

    @property
    def space(self):
        """Where alpha was trained, an AlphaSpace; None for a network without alpha."""
        if not isinstance(self.model, Control):
            return None
        space = self.model.space
        if space.domain != "range":
            return space
        low, high = map(float, self.config.evaluation.get("range", (space.low, space.high)))
        return dataclasses.replace(space, low=low, high=high)

    def label(self, alpha):
        """A point of alpha in words, for images and messages."""
        return self.space.label(alpha) if self.space else f"alpha {', '.join(f'{value:.2f}' for value in alpha)}"

    def points(self, count):
        """Points of alpha to look at, [A, P], None for a network without alpha; see `AlphaSpace.sweep`."""
        return None if self.space is None else self.space.sweep(count)

    def curve(self, count):
        """(points [A, P] of the curve that is evaluated, a label for each, the lowest and highest alpha trained)."""
        points = self.space.sweep(count, outside=self.config.evaluation.get("outside", 0.0))
        return points, [self.space.label(point) for point in points], (self.space.low, self.space.high)


def _fitting(task, source):
    """The source, where it has what the task needs."""
    if source.channels != task.channels:
        kinds = {3: "single pictures", 6: "pairs of a noisy and a clean picture"}
        give = {3: "a folder", 6: "pairs:NOISY:CLEAN or sidd:PATH"}
        raise ValueError(f"{source!r} are {kinds[source.channels]}; the task {type(task).__name__} wanted "
                         f"{kinds[task.channels]}: give {give[task.channels]}, or another task.")
    return source


def _pictures(settings):
    """Arguments of open_source from the part of a config that names pictures."""
    given = {key: settings.get(key) for key in ("split", "attribute", "sign", "crop", "size")}
    return {"spec": settings.source, **{key: value for key, value in given.items() if value}}


def default_workdir(config):
    """runs/NAME for the default preset, runs/NAME-PRESET for others."""
    preset = config.get("preset", "default")
    return Path("runs") / (config.name if preset == "default" else f"{config.name}-{preset}")
