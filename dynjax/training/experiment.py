"""What a config describes, as objects: model, task, phases, pictures."""
import dataclasses
import itertools
from collections.abc import Mapping

import flax.linen as nn
import jax
import numpy as np

from dynjax.control import DynamicNet, Tunable
from dynjax.data import open_source
from dynjax.evaluation import alpha_points
from dynjax.objectives import points_of
from dynjax.training.phase import Phase


@dataclasses.dataclass(frozen=True)
class Experiment:
    """A run as objects; pictures are opened only when asked for.

    Attributes:
      config: as configs/*.py give it.
      model: Tunable, DynamicNet, or a plain network that is trained to be compared with.
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
        # One by one: a tunable network has several kernels of every shape, mostly of few shapes, and each is compiled
        # once. As one program the many shapes around a dynamic one compile sooner.
        draw = jax.jit(draw) if isinstance(self.model, DynamicNet) else draw
        return draw(jax.random.key(self.config.seed))

    def points(self, count):
        """Points of alpha to look at, [A, P] or [A, K], None for a network without alpha.

        Along each edge for a tunable network; the same number for all blocks, over evaluation.range, for a dynamic one.
        """
        if isinstance(self.model, Tunable):
            return alpha_points(self.model.alpha, count, simplex=_on_simplex(self.config.alpha.sampler))
        if not hasattr(self.model, "before"):
            return None
        if count < 2:
            raise ValueError(f"alphas is {count}; wanted 2 or more points of alpha, so that both ends are there.")
        low, high = self.config.evaluation.range
        blocks = len(self.model.before) + len(self.model.after)
        return np.repeat(np.linspace(low, high, count, dtype=np.float32)[:, None], blocks, axis=1)

    def label(self, alpha):
        """A point of alpha in words, for pictures."""
        if isinstance(self.model, Tunable):
            return ", ".join(f"{name} {value:.2f}" for name, value in zip(self.model.alpha, alpha, strict=True))
        return f"alpha {alpha[0]:.2f}" if len(set(map(float, alpha))) == 1 else ", ".join(f"{a:.2f}" for a in alpha)


def _on_simplex(sampler):
    """Whether all that a sampler draws sums to one: by its name, or as points do that were given one by one."""
    points = points_of(sampler)
    return sampler == "simplex" if points is None else bool(np.allclose(points.sum(1), 1, atol=1e-4))


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
