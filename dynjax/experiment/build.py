"""From a config to the objects it names: network, wrapper, task, objectives, phases."""
import dataclasses
import functools
import inspect

import jax.numpy as jnp
import numpy as np
import optax

from dynjax import models
from dynjax.control import CONTROLS, Control, base_network
from dynjax.experiment.adapters import BaseAlone, WithoutAlpha
from dynjax.experiment.entries import checked
from dynjax.experiment.experiment import Experiment
from dynjax.experiment.phase import AXIS, Phase
from dynjax.files.messages import first_line
from dynjax.objectives import build_multi_loss, build_sampler, points_of
from dynjax.tasks import TASKS

# What config.phases.NAME may say; all else is of the whole run.
OF_A_PHASE = ("trains", "alpha", "steps", "batch_size", "batch_statistics", "ema_decay", "task",
              "objectives", "critic", "optimizer", "data", "initial_from")
# Arguments of every control's from_config that do not stand in config.control.
GIVEN = ("net", "names", "domain")


def build(config):
    """The experiment of a config as configs/*.py give it.

    Raises:
      ValueError: a name that is not known, or values that do not go together.
    """
    config = checked(config)
    if not 0 <= config.seed < 2**63:
        raise ValueError(f"seed is {config.seed}; wanted a whole number from 0 to 2^63 - 1.")
    net = _network(config)
    model = _control(config, net)
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
            if not hasattr(config.phases[name].get("alpha"), "names") and "alpha" in config.phases[name]:
                merged.alpha = None   # one alpha for all of the phase takes the place of where it is drawn from
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
    if not 0 <= config.ema_decay < 1:
        raise ValueError(f"ema_decay is {config.ema_decay}; wanted less than 1, such as 0.99, or 0 for no "
                         "averaged weights.")
    options = config.task.to_dict()
    task = TASKS.build(options.pop("name"), "task", **options)
    if hasattr(config.alpha, "names") and task.alpha_names and set(config.alpha.names) != set(task.alpha_names):
        raise ValueError(f"alpha.names is {', '.join(config.alpha.names)}; wanted {' and '.join(task.alpha_names)}, "
                         f"which the task {config.task.name} turns.")
    options = _options(config, model)
    critic, critic_rate = _critic(config)
    if critic is not None and options["objectives"].adversarial is None:
        raise ValueError(f"critic.name is {config.critic.name} but no objective has an adversarial term; wanted both "
                         "or neither.")
    return Phase(
        task=task, name=name, steps=config.steps,
        optimizer=_optimizer(config, config.optimizer.learning_rate), ema_decay=config.ema_decay,
        critic=critic, critic_optimizer=_optimizer(config, critic_rate), **options)


def _options(config, model):
    """What a phase needs besides: which model is trained, where, at which alphas, and what alpha weights."""
    if not hasattr(config.alpha, "names"):
        return _options_at_one_alpha(config, model)
    if config.alpha.group_size < 1:
        raise ValueError(f"alpha.group_size is {config.alpha.group_size}; wanted 1 or more.")
    names, weights = tuple(config.alpha.names), config.alpha.get("weights_losses", True)
    if weights and set(names) != set(config.objectives):
        raise ValueError(f"alpha.names is {', '.join(names)} but objectives are {', '.join(config.objectives)}; wanted "
                         "the same names in both.")
    objectives = names if weights else config.objectives
    return dict(
        model=model if isinstance(model, Control) else WithoutAlpha(_over_devices(model)),
        sampler=build_sampler(config.alpha.sampler, len(names), stretch=config.alpha.stretch),
        alpha_names=names, alpha_weights_losses=weights, group_size=config.alpha.group_size,
        call=_call(config, base_network(model)),
        objectives=build_multi_loss({name: config.objectives[name] for name in objectives}, axis_name=AXIS))


def _options_at_one_alpha(config, model):
    """As `_options`, where alpha is a number for all of a phase, or one number each, and weights nothing."""
    trains, net, points = "params", _over_devices(base_network(model)), 1
    if isinstance(model, Control):
        trains, points, key = config.trains, len(model.space.names), model.base_key(config.trains)
        model = model.with_base_network(net) if key is None else BaseAlone(net, key)
    else:
        model = WithoutAlpha(net)
    alpha = jnp.asarray(config.alpha, jnp.float32)
    if alpha.shape not in ((), (points,)):
        raise ValueError(f"alpha is {config.alpha}; wanted one number, or {points} of them.")
    return dict(
        model=model, trains=trains, sampler=lambda key: jnp.broadcast_to(alpha, points),
        group_size=config.batch_size, alpha_weights_losses=False, call=_call(config, base_network(net)),
        initial_from=config.get("initial_from", ""),
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
        options["dtype"] = jnp.bfloat16
    return models.construct(options.pop("name"), **options)


def _control(config, net):
    """The control that config.control names around the network; the network itself where it names none, for runs to be
    compared with."""
    options = config.control.to_dict()
    chosen = options.pop("name")
    if not chosen:
        return net
    control = CONTROLS.get(chosen, "control.name")
    names = tuple(config.alpha.names) if "alpha" in config else ()
    sampled = points_of(config.alpha.sampler) if names else None
    on_simplex = not names or (config.alpha.sampler == "simplex" if sampled is None
                               else np.allclose(sampled.sum(1), 1, atol=1e-4))
    parameters = inspect.signature(control.from_config).parameters
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in (*GIVEN, *options) and parameter.kind is not (
                parameter.VAR_KEYWORD):
            raise ValueError(f"the config has no entry 'control.{name}', which control.name {chosen!r} needs; wanted "
                             "it as the files in configs/ have it.")
    known = list(parameters)
    known += [field.name for field in dataclasses.fields(control)] if "options" in known else []
    known = [name for name in known if name not in (*GIVEN, "alpha", "name", "options", "parent")]
    for option, value in list(options.items()):
        if option not in known and _says_nothing(option, value):
            del options[option]
        elif option not in known:
            raise ValueError(f"control.{option} is set, but control.name {chosen!r} has no such option; it takes "
                             f"{', '.join(known) or 'none'}. Leave it out, or empty: --config.control.{option}=.")
        if isinstance(value, dict) and "name" in value:
            options[option] = models.construct(**value)
    return control.from_config(net, names=names, domain="simplex" if on_simplex else "box", **options)


def _says_nothing(option, value):
    """Whether this is the default of an option of another control: --config.control.name alone chooses one then."""
    fields = [field for each in CONTROLS.names() for field in dataclasses.fields(CONTROLS.get(each))]
    defaults = [() if field.default is dataclasses.MISSING else field.default for field in fields
                if field.name == option and (field.default, field.default_factory) != (dataclasses.MISSING,) * 2]
    return (tuple(value) if isinstance(value, list) else value) in defaults


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
            learning_rate, {int(updates * part): 0.5 for part in settings.lr_milestones}),
        "constant": lambda: optax.constant_schedule(learning_rate)}
    optimizers = {"adam": lambda rate: optax.adam(rate, settings.beta1, settings.beta2), "sgd": optax.sgd}
    optimizer = _choose("optimizer.name", settings.name, optimizers)(
        _choose("optimizer.schedule", settings.schedule, schedules)())
    if settings.clip:
        optimizer = optax.chain(optax.clip_by_global_norm(settings.clip), optimizer)
    return optax.MultiSteps(optimizer, settings.accumulate) if settings.accumulate > 1 else optimizer


def _choose(key, name, known):
    if name not in known:
        raise ValueError(f"{key} is {name!r}; wanted one of {', '.join(known)}.")
    return known[name]
