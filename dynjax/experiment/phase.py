"""A phase of a run: what is trained, on which task, for which objectives, how long."""
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from dynjax.objectives import MultiLoss
from dynjax.tasks import Task

AXIS = "devices"   # the name of the axis over devices, for means over the global batch


@dataclasses.dataclass(frozen=True)
class Phase:
    """One stretch of training over one parameter tree.

    Attributes:
      model: a wrapper with apply(variables, x, alpha, **call).
      task: makes the training examples.
      objectives: the P objectives and their terms.
      sampler: key -> alpha [P], one number an objective; or [K], one a tuning-block.
      optimizer: for the trained parameters.
      name: of the phase, for logs and messages. steps: how many, of this phase alone.
      trains: path of the subtree of the variables that is trained, "params", "params/blocks" or, with any key at the
        star, "params/blocks/*/lower". Only it is differentiated and has optimiser state, and of other collections,
        such as batch statistics, only the same subtree changes.
      initial_from: path of another subtree, of the same form, that the trained one begins at; "" for none.
      alpha_names: of alpha's numbers, for a task whose aims depend on them; () where none do.
      alpha_weights_losses: whether alpha weights the objectives too, as tunable convolutions are trained; otherwise
        alpha only tunes the network and the loss is the weighted sum of the objectives.
      group_size: how many neighbouring images of the global batch share one alpha (and so one set of kernels).
      ema_decay: decay of the averaged weights, 0 for none.
      critic: scores images [B, H, W, C] as logits [B, 1], for adversarial objectives.
      call: further keyword arguments of model.apply while training, such as {"train": True}.
    """
    model: nn.Module
    task: Task
    objectives: MultiLoss
    sampler: Callable[[jax.Array], jax.Array]
    optimizer: optax.GradientTransformation
    name: str = ""
    steps: int = 0
    trains: str = "params"
    initial_from: str = ""
    alpha_names: tuple[str, ...] = ()
    alpha_weights_losses: bool = True
    group_size: int = 4
    ema_decay: float = 0.0
    critic: nn.Module | None = None
    critic_optimizer: optax.GradientTransformation | None = None
    call: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def begun(variables, phase):
    """The variables with those of `initial_from` in the place of what is trained, in every collection that has both."""
    if not phase.initial_from:
        return variables
    below = lambda path: path.partition("/")[2]
    begun = dict(variables)
    for name, collection in variables.items():
        try:
            source, _ = part(collection, below(phase.initial_from))
            _, rest = part(collection, below(phase.trains))
        except ValueError:
            if name == "params":
                raise
            continue
        begun[name] = join(rest, jax.tree.map(jnp.array, source), below(phase.trains))
    return begun


def part(variables, path):
    """Takes the subtree under `path` out: (subtree, the rest). At a star it is a dict over all keys there.

    Raises:
      ValueError: there is no such subtree.
    """
    name, _, below = path.partition("/")
    if name == "*":
        parts = {key: part(tree, below) if below else (tree, {}) for key, tree in variables.items()}
        return {key: taken for key, (taken, _) in parts.items()}, {key: kept for key, (_, kept) in parts.items()}
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
    if name == "*":
        return {key: join(rest[key], tree, below) if below else tree for key, tree in subtree.items()}
    return {**rest, name: join(rest[name], subtree, below) if below else subtree}


def keep_trained(rest, changed, path):
    """The untrained variables after a pass that changed the collections `changed`: frozen parts stay as they were."""
    _, _, below = path.partition("/")
    if not below:
        return {**rest, **changed}
    kept = dict(rest)
    for name, collection in changed.items():
        try:
            trained, _ = part(collection, below)
            _, frozen = part(rest[name], below)
        except ValueError:   # the trained part has nothing in this collection
            continue
        kept[name] = join(frozen, trained, below)
    return kept
