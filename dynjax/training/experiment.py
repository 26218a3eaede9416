"""From a config to the objects it names: network, wrapper, task, objectives, phase, data."""
import dataclasses
import functools
from collections.abc import Mapping

import jax
import optax

from dynjax import models
from dynjax.data import open_source
from dynjax.objectives import build_multi_loss, build_sampler
from dynjax.tasks import SuperResolution
from dynjax.training.phase import Phase
from dynjax.training.step import AXIS
from dynjax.tunable import Tunable

TASKS = {"super_resolution": SuperResolution}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a config describes. `sources` opens pictures only when asked to."""
    config: Mapping
    model: Tunable
    task: object
    phase: Phase

    def training_source(self):
        """The pictures to train on."""
        return open_source(self.config.data.source, split=self.config.data.split or None)

    def evaluation_source(self, spec=None):
        """The pictures to evaluate on: those of `spec`, such as "folder:PATH", or the config's."""
        settings = self.config.evaluation
        return open_source(spec or settings.source, split=None if spec else settings.split or None)

    def fresh_variables(self):
        """The model's variables before training, drawn with the run's seed."""
        size = 2 * self.task.multiple * self.task.upscale
        keys = jax.random.split(jax.random.key(self.config.seed), 1)
        image = jax.numpy.zeros((1, size, size, 3))
        example = self.task.example(image, keys)
        alpha = jax.numpy.full((len(self.config.alpha.names),), 1 / len(self.config.alpha.names))
        return self.model.init(jax.random.key(self.config.seed), example["input"], alpha)


def build(config):
    """The experiment of a config as configs/*.py give it.

    Raises:
      ValueError: a name that is not known, or values that do not go together.
    """
    for key in ("batch_size", "steps", "data.patch_size", "alpha.group_size", "optimizer.accumulate"):
        value = functools.reduce(getattr, key.split("."), config)
        if value < 1:
            raise ValueError(f"{key} is {value}; wanted 1 or more.")
    task = _construct(TASKS, config.task, "task")
    model = Tunable(_network(config), alpha=tuple(config.alpha.names), kernels=config.tunable.kernels,
                    phi=config.tunable.phi, hidden=tuple(config.tunable.hidden), fixed=tuple(config.tunable.fixed))
    return Experiment(config, model, task, _phase(config, model, task))


def _phase(config, model, task):
    names = tuple(config.alpha.names)
    if set(names) != set(config.objectives):
        raise ValueError(f"alpha.names is {', '.join(names)} but objectives are {', '.join(config.objectives)}; wanted "
                         "the same names in both.")
    sampler = build_sampler(config.alpha.sampler, len(names), stretch=config.alpha.stretch)
    critic = config.critic.to_dict()
    critic_rate = critic.pop("learning_rate")
    return Phase(
        model=model, task=task, sampler=sampler, group_size=config.alpha.group_size,
        objectives=build_multi_loss({name: config.objectives[name] for name in names}, axis_name=AXIS),
        optimizer=_optimizer(config, config.optimizer.learning_rate), average_decay=config.average_decay,
        critic=models.construct(critic.pop("name"), **critic, axis_name=AXIS) if critic["name"] else None,
        critic_optimizer=_optimizer(config, critic_rate))


def _network(config):
    options = config.network.to_dict()
    if options.get("scale", config.task.scale) != config.task.scale:
        raise ValueError(f"network.scale is {options['scale']} but task.scale is {config.task.scale}; wanted the same.")
    if config.bfloat16:
        options["dtype"] = jax.numpy.bfloat16
    return models.construct(options.pop("name"), **options)


def _optimizer(config, learning_rate):
    settings = config.optimizer
    updates = max(1, config.steps // settings.accumulate)
    schedules = {
        "cosine": lambda: optax.warmup_cosine_decay_schedule(
            learning_rate if not settings.warmup else 0.0, learning_rate, settings.warmup,
            max(updates, settings.warmup + 1)),
        "halving": lambda: optax.piecewise_constant_schedule(
            learning_rate, {int(updates * part): 0.5 for part in settings.halve_at}),
        "constant": lambda: optax.constant_schedule(learning_rate)}
    optimizers = {"adam": lambda rate: optax.adam(rate, settings.beta1, settings.beta2), "sgd": optax.sgd}
    optimizer = _choose("optimizer.name", settings.name, optimizers)(
        _choose("optimizer.schedule", settings.schedule, schedules)())
    if settings.clip:
        optimizer = optax.chain(optax.clip_by_global_norm(settings.clip), optimizer)
    return optax.MultiSteps(optimizer, settings.accumulate) if settings.accumulate > 1 else optimizer


def _construct(classes, settings, what):
    options = settings.to_dict()
    return _choose(f"{what}.name", options.pop("name"), classes)(**options)


def _choose(key, name, known):
    if name not in known:
        raise ValueError(f"{key} is {name!r}; wanted one of {', '.join(known)}.")
    return known[name]
