"""What a run will cost, from its compiled step, before anything is read or trained."""
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.devices import check_platform
from dynjax.experiment.build import build
from dynjax.training.state import initial_state
from dynjax.training.step import make_step, shard


@dataclasses.dataclass
class PhasePlan:
    """One phase's cost.

    Attributes:
      name: of the phase, "" where there is only one. steps: of it. images: of the global batch.
      parameters: of the model. trained: those that the phase trains. critic: those of its critic.
      state: bytes a device keeps between steps. work: bytes more that a step needs at once; None where the compiler
        does not say, as flops and traffic: floating-point operations and bytes moved a step and device.
    """
    name: str
    steps: int
    images: int
    parameters: int
    trained: int
    critic: int
    state: int
    work: int | None
    flops: float | None
    traffic: float | None


def plan(config, *, devices=None):
    """The cost of every phase that a config describes, on this machine's kind of device.

    Nothing is allocated and no data are read: only shapes are followed and the step is compiled.

    Args:
      config: as configs/*.py give it. devices: those to train on; all local ones by default.

    Returns:
      A list of PhasePlan.

    Raises:
      ValueError: what train would refuse of the config.
    """
    experiment = build(config)
    check_platform()
    devices = devices or jax.local_devices()
    variables = jax.eval_shape(experiment.fresh_variables)
    return [_of_phase(phase, settings, variables, devices)
            for phase, settings in zip(experiment.phases, experiment.settings, strict=True)]


def plan_table(plans):
    """As text: a line a figure, a column a phase."""
    names = [each.name for each in plans]
    lines = [["", *names]] if any(names) else []
    for title, value in (
            ("steps", lambda each: f"{each.steps:,}"), ("images a step", lambda each: f"{each.images:,}"),
            ("parameters", lambda each: f"{each.parameters:,}"), ("trained", lambda each: f"{each.trained:,}"),
            ("critic", lambda each: f"{each.critic:,}"),
            ("kept on a device", lambda each: _bytes(each.state)), ("more in a step", lambda each: _bytes(each.work)),
            ("operations a step and device", lambda each: _count(each.flops, "FLOP")),
            ("moved a step and device", lambda each: _bytes(each.traffic))):
        lines.append([title, *map(value, plans)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join([line[0].ljust(widths[0]), *(
        cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]) for line in lines)


def _of_phase(phase, settings, variables, devices):
    side = settings.data.patch_size
    state = jax.eval_shape(lambda given: initial_state(phase, given, jax.random.key(0), side), variables)
    images = shard(np.broadcast_to(np.uint8(0), (settings.batch_size, side, side, phase.task.channels)),
                   devices=len(devices))
    on_all = lambda tree: jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((len(devices), *jnp.shape(leaf)), jnp.result_type(leaf)), tree)
    constants = phase.objectives.constants()   # such as Gram matrices of a style picture: small, and not traceable
    compiled = make_step(phase, devices=devices).lower(
        on_all(state), jax.ShapeDtypeStruct(images.shape, np.uint8), on_all(constants), jax.random.key(0)).compile()
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis() or {}
    cost = cost[0] if isinstance(cost, list) else cost   # one a program
    return PhasePlan(
        phase.name, phase.steps, settings.batch_size, _size(variables.get("params", {})), _size(state.params),
        _size(state.critic.get("params", {})), sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)),
        getattr(memory, "temp_size_in_bytes", None), cost.get("flops"), cost.get("bytes accessed"))


def _size(tree):
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _bytes(number):
    return _count(number, "B")


def _count(number, unit):
    """With three digits and a prefix."""
    if number is None:
        return "not known"
    power = next((p for p in range(5) if number < 999.5 * 1000**p), 5)
    return f"{number / 1000**power:.3g} {['', 'k', 'M', 'G', 'T', 'P'][power]}{unit}"
