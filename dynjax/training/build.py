"""From a config to the objects it names: network, wrapper, task, objectives, phases."""
import functools
import inspect

import jax
import optax

from dynjax import models
from dynjax.dynamic import DynamicNet
from dynjax.files.messages import first_line
from dynjax.objectives import build_multi_loss, build_sampler
from dynjax.tasks import Completion, Denoise, DenoiseDeblur, DenoisePairs, Faces, Style, SuperResolution
from dynjax.training.adapters import MainAlone, WithoutAlpha
from dynjax.training.entries import checked
from dynjax.training.experiment import Experiment
from dynjax.training.phase import Phase
from dynjax.training.step import AXIS
from dynjax.tunable import Tunable

TASKS = {"completion": Completion, "denoise": Denoise, "denoise_deblur": DenoiseDeblur,
         "denoise_pairs": DenoisePairs, "faces": Faces, "style": Style, "super_resolution": SuperResolution}
# What config.phases.NAME may say; all else is of the whole run.
OF_A_PHASE = ("trains", "alpha", "steps", "batch_size", "batch_statistics", "average_decay", "task", "objectives",
              "critic", "optimizer", "data")


def build(config):
    """The experiment of a config as configs/*.py give it.

    Raises:
      ValueError: a name that is not known, or values that do not go together.
    """
    config = checked(config)
    if not 0 <= config.seed < 2**63:
        raise ValueError(f"seed is {config.seed}; wanted a whole number from 0 to 2^63 - 1.")
    net = _network(config)
    model = _tunable(config, net) if "tunable" in config else _dynamic(config, net)
    settings = tuple(each for each in _settings(config) if each.steps)
    if "phases" not in config and not settings:
        raise ValueError("steps is 0; wanted 1 or more.")
    if not settings:
        raise ValueError("every phase has 0 steps; wanted steps in at least one of "
                         f"{', '.join(config.phases.names)}.")
    return Experiment(config, model, tuple(_phase(each, model) for each in settings), settings)


def _settings(config):
    """The config of every phase: the whole one with what config.phases.NAME overrides."""
    if "phases" not in config:
        yield config
        return
    for name in config.phases.names:
        if name not in config.phases:
            raise ValueError(f"phases.names has {name!r}, but phases has "
                             f"{', '.join(key for key in config.phases if key != 'names')}; wanted one of those.")
        for key in config.phases[name]:
            if key not in OF_A_PHASE:
                raise ValueError(f"phases.{name} has {key!r}; a phase takes {', '.join(OF_A_PHASE)}. What is of the "
                                 "whole run stands outside of phases.")
    if config.steps and all("steps" in config.phases[name] for name in config.phases.names):
        raise ValueError(f"steps is {config.steps}, but every phase has steps of its own; set "
                         f"{' or '.join(f'phases.{name}.steps' for name in config.phases.names)} instead, and leave "
                         "steps at 0.")
    for name in config.phases.names:
        merged = config.copy_and_resolve_references()
        with merged.unlocked():
            try:
                merged.update(config.phases[name])
            except (AttributeError, TypeError, ValueError) as error:   # another kind of value
                raise ValueError(f"phases.{name} does not fit the rest of the config: {first_line(error)}") from None
            merged.phase = name
        yield _naming(name, checked, merged)


def _phase(config, model):
    """The phase that its config describes; what is refused is told with the phase's name."""
    name = config.get("phase", "")
    return _naming(name, _checked_phase, config, model, name)


def _naming(phase, function, *arguments):
    """What the function gives; what it refuses is told with the phase's name."""
    try:
        return function(*arguments)
    except ValueError as error:
        if not phase:
            raise
        raise ValueError(f"phases.{phase}: {error}") from error


def _checked_phase(config, model, name):
    for key in ("batch_size", "steps", "data.patch_size", "optimizer.accumulate"):
        value = functools.reduce(getattr, key.split("."), config)
        if value < 1:
            raise ValueError(f"{key} is {value}; wanted 1 or more.")
    for key in ("checkpoint_every", "preview_every", "log_every"):
        if config[key] < 0:
            raise ValueError(f"{key} is {config[key]}; wanted a number of steps, or 0 for none on the way.")
    if not 0 <= config.average_decay < 1:
        raise ValueError(f"average_decay is {config.average_decay}; wanted less than 1, such as 0.99, or 0 for no "
                         "averaged weights.")
    task = _construct(TASKS, config.task, "task")
    if "tunable" in config and task.alpha_names and set(config.alpha.names) != set(task.alpha_names):
        raise ValueError(f"alpha.names is {', '.join(config.alpha.names)}; wanted {' and '.join(task.alpha_names)}, "
                         f"which the task {config.task.name} turns.")
    options = _tunable_options(config, model) if "tunable" in config else _dynamic_options(config, model)
    critic, critic_rate = _critic(config)
    if critic is not None and options["objectives"].adversarial is None:
        raise ValueError(f"critic.name is {config.critic.name} but no objective has an adversarial term; wanted both "
                         "or neither.")
    return Phase(
        task=task, name=name, steps=config.steps,
        optimizer=_optimizer(config, config.optimizer.learning_rate), average_decay=config.average_decay,
        critic=critic, critic_optimizer=_optimizer(config, critic_rate), **options)


def _tunable_options(config, model):
    """What a phase of a tunable network needs besides: alpha tunes the kernels and weights the objectives, or with
    alpha.weights_losses=False acts through the task's aims alone. So for a plain network at a fixed alpha too."""
    if config.alpha.group_size < 1:
        raise ValueError(f"alpha.group_size is {config.alpha.group_size}; wanted 1 or more.")
    names, weights = tuple(config.alpha.names), config.alpha.get("weights_losses", True)
    if weights and set(names) != set(config.objectives):
        raise ValueError(f"alpha.names is {', '.join(names)} but objectives are {', '.join(config.objectives)}; wanted "
                         "the same names in both.")
    net, objectives = model.net if isinstance(model, Tunable) else model, names if weights else config.objectives
    return dict(
        model=model if isinstance(model, Tunable) else WithoutAlpha(_over_devices(net)),
        sampler=build_sampler(config.alpha.sampler, len(names), stretch=config.alpha.stretch),
        alpha_names=names, alpha_weights_losses=weights, group_size=config.alpha.group_size, call=_call(config, net),
        objectives=build_multi_loss({name: config.objectives[name] for name in objectives}, axis_name=AXIS))


def _dynamic_options(config, model):
    """What a phase of Dynamic-Net, or of a plain network, needs: one fixed alpha, which weights nothing."""
    given = model
    if not isinstance(model, DynamicNet):
        model, trains, blocks = WithoutAlpha(_over_devices(given)), "params", 1
    else:
        trains, blocks = config.trains, len(given.before) + len(given.after)
        model = model.clone(main=_over_devices(given.main))
        if trains == "params/main":
            model = MainAlone(model)
    return dict(
        model=model, trains=trains, sampler=lambda key: jax.numpy.full(blocks, config.alpha, jax.numpy.float32),
        group_size=config.batch_size, alpha_weights_losses=False,
        call=_call(config, given.main if isinstance(given, DynamicNet) else given),
        objectives=build_multi_loss(config.objectives, axis_name=AXIS))


def _over_devices(net):
    """The network with its batch statistics over all devices; what is saved knows nothing of them."""
    return net.clone(axis_name=AXIS) if getattr(net, "axis_name", AXIS) is None else net


def _call(config, net):
    """Training mode for networks that have one; frozen batch statistics are used as they are and never written."""
    train = _choose("batch_statistics", config.get("batch_statistics", "batch"), {"batch": True, "frozen": False})
    return {"train": train} if "train" in inspect.signature(type(net).__call__).parameters else {}


def _network(config):
    options, scale = config.network.to_dict(), config.task.get("scale")
    if scale is not None and options.get("scale", scale) != scale:
        raise ValueError(f"network.scale is {options['scale']} but task.scale is {scale}; wanted the same.")
    if config.bfloat16:
        options["dtype"] = jax.numpy.bfloat16
    return models.construct(options.pop("name"), **options)


def _tunable(config, net):
    """The network that alpha tunes; without `wrap` it is the plain one, for runs to be compared with."""
    if not config.tunable.get("wrap", True):
        return net
    return Tunable(net, alpha=tuple(config.alpha.names), kernels=config.tunable.kernels, phi=config.tunable.phi,
                   hidden=tuple(config.tunable.hidden), fixed=tuple(config.tunable.fixed))


def _dynamic(config, net):
    """The network with its blocks; without any it is the plain one, for runs to be compared with."""
    options = config.dynamic.block.to_dict()
    block = models.construct(options.pop("name"), **options)
    before, after = ({path: block for path in getattr(config.dynamic, where)} for where in ("before", "after"))
    return DynamicNet(net, before=before, after=after) if before or after else net


def _critic(config):
    """(the critic or None, its learning rate)."""
    options = config.critic.to_dict()
    name, learning_rate = options.pop("name"), options.pop("learning_rate")
    if not name:
        return None, learning_rate
    if models.takes(name, "axis_name"):   # its batch statistics are those of all devices
        options["axis_name"] = AXIS
    return models.construct(name, **options), learning_rate


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
    name = options.pop("name")
    chosen = _choose(f"{what}.name", name, classes)
    known = list(inspect.signature(chosen).parameters)
    for option in options:
        if option not in known:
            raise ValueError(f"{what}.{option} is set, but {what}.name {name!r} has no such option; "
                             f"it takes {', '.join(known)}.")
    return chosen(**options)


def _choose(key, name, known):
    if name not in known:
        raise ValueError(f"{key} is {name!r}; wanted one of {', '.join(known)}.")
    return known[name]
