"""A phase of a run: what is trained, on which task, for which objectives, how."""
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax

from dynjax.objectives import MultiLoss
from dynjax.tasks import Task


@dataclasses.dataclass(frozen=True)
class Phase:
    """One stretch of training over one parameter tree.

    Attributes:
      model: a wrapper with apply(variables, x, alpha, **call).
      task: makes the training examples.
      objectives: the P objectives and their terms.
      sampler: key -> alpha [P].
      optimizer: for the trained parameters.
      trains: path of the subtree of the variables that is trained; only it is differentiated and has optimiser state.
      group_size: how many neighbouring images of the global batch share one alpha (and so one set of kernels).
      average_decay: decay of the averaged weights, 0 for none.
      critic: scores images [B, H, W, C] as logits [B, 1], for adversarial objectives.
      call: further keyword arguments of model.apply while training, such as {"train": True}.
    """
    model: nn.Module
    task: Task
    objectives: MultiLoss
    sampler: Callable[[jax.Array], jax.Array]
    optimizer: optax.GradientTransformation
    trains: str = "params"
    group_size: int = 4
    average_decay: float = 0.0
    critic: nn.Module | None = None
    critic_optimizer: optax.GradientTransformation | None = None
    call: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@flax.struct.dataclass
class TrainState:
    """Everything that changes while training; what a phase has no use for is an empty dict."""
    step: jax.Array
    params: Any
    rest: Any
    optimizer: Any
    average: Any
    critic: Any
    critic_optimizer: Any

    def variables(self, phase, *, averaged=True):
        """The model's variables, with the averaged weights where there are any."""
        params = self.average if averaged and phase.average_decay else self.params
        return join(self.rest, params, phase.trains)


def initial_state(phase, variables, key, image_shape):
    """The state before the first step.

    Args:
      variables: the model's. key: for the critic. image_shape: (H, W, C) of the training pictures.
    """
    params, rest = part(variables, phase.trains)
    critic, critic_optimizer = {}, {}
    if phase.critic is not None:
        critic = dict(phase.critic.init(key, jnp.zeros((2, *image_shape)), train=False))
        critic_optimizer = phase.critic_optimizer.init(critic["params"])
    return TrainState(step=jnp.zeros((), jnp.int32), params=params, rest=rest, optimizer=phase.optimizer.init(params),
                      average=jax.tree.map(jnp.array, params) if phase.average_decay else {}, critic=critic,
                      critic_optimizer=critic_optimizer)


def part(variables, path):
    """Takes the subtree under `path` ("params" or "params/blocks") out: (subtree, the rest)."""
    name, _, below = path.partition("/")
    if name not in variables:
        raise ValueError(f"a phase trains {path!r}, but there is no {name!r} beside {', '.join(variables)}; "
                         "set trains to the path of a subtree of the model's variables.")
    rest = {key: tree for key, tree in variables.items() if key != name}
    if not below:
        return variables[name], rest
    subtree, kept = part(variables[name], below)
    return subtree, {**rest, name: kept}


def join(rest, subtree, path):
    """Puts the subtree back: the inverse of part."""
    name, _, below = path.partition("/")
    return {**rest, name: join(rest[name], subtree, below) if below else subtree}
