"""Everything that changes while training, and how it is before a phase's first step."""
from functools import partial
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from dynjax.experiment.phase import begun, join, part


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

    def variables(self, phase):
        """The model's variables, with the averaged weights where there are any."""
        return join(self.rest, self.average if phase.ema_decay else self.params, phase.trains)


def initial_state(phase, variables, key, patch_size, *, step=0):
    """The state before a phase's first step.

    Args:
      variables: the model's. key: for the critic. patch_size: side of the training pictures in pixels. step: those
        done in the phases before.
    """
    params, rest = part(begun(variables, phase), phase.trains)
    critic, critic_optimizer = {}, {}
    if phase.critic is not None:
        # What it sees are targets, which may have other sides and channels than the training pictures.
        images = jax.ShapeDtypeStruct((2, patch_size, patch_size, phase.task.channels), jnp.float32)
        seen = jax.eval_shape(lambda images, key: phase.task.critic_view(
            phase.task.example(images, jax.random.split(key, 2))["target"]), images, key)
        critic = dict(jax.jit(partial(phase.critic.init, train=False))(key, jnp.zeros(seen.shape)))
        critic_optimizer = phase.critic_optimizer.init(critic["params"])
    return TrainState(step=jnp.full((), step, jnp.int32), params=params, rest=rest,
                      optimizer=phase.optimizer.init(params),
                      average=jax.tree.map(jnp.array, params) if phase.ema_decay else {}, critic=critic,
                      critic_optimizer=critic_optimizer)
