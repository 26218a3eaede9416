"""The training step over all devices: alphas, examples, losses, gradients, update."""
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dynjax.experiment.phase import AXIS, join, keep_trained
from dynjax.training.dropout import dropout_by_image, dropout_rngs


def make_step(phase, *, devices=None):
    """The step as one program on every local device, or on those given.

    Returns:
      step(state, images, constants, key) -> (state, report): state and constants replicated, images uint8
      [devices, B / devices, H, W, C], key the run's, the same for all. The report has scalars, equal on every device:
      "loss", "parameter_norm" after the update, each objective by name, "critic" where there is one; and under "images"
      the alphas [devices, b, P] and objective values [devices, b, P] image by image.
    """
    step = lambda *args: train_step(phase, *args)
    return jax.pmap(step, axis_name=AXIS, in_axes=(0, 0, 0, None), donate_argnums=0, devices=devices)


def train_step(phase, state, images, constants, key):
    """One update from this device's share of the global batch, [b, H, W, C] uint8."""
    key = jax.random.fold_in(key, state.step)
    keys, alphas = draw(phase, key, images.shape[0])
    example = phase.task.example(images.astype(jnp.float32) / 255, keys)
    (loss, (answers, values, rest)), gradients = value_and_gradients(
        phase, state, example, keys, alphas, constants)
    # The mean comes after the gradient: inside the loss it would leave each device with a gradient of its own.
    loss, objectives, gradients, rest = jax.lax.pmean((loss, values.mean(axis=0), gradients, rest), AXIS)
    updates, optimizer = phase.optimizer.update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    state = state.replace(step=state.step + 1, params=params, rest=rest, optimizer=optimizer,
                          average=_average(phase, state, params))
    report = {"loss": loss, "parameter_norm": _norm(params)}
    report |= dict(zip(phase.objectives.names, objectives, strict=True))
    if phase.critic is not None:
        state, report["critic"] = _critic_update(phase, state, example["target"], answers)
    return state, {**report, "images": {"alphas": alphas, "values": values}}


def draw(phase, key, count):
    """Keys [count] and alphas [count, P] of this device's images, by their index in the global batch alone, so that
    the number of devices changes neither."""
    size = group_size(phase, count)
    first = jax.lax.axis_index(AXIS) * count
    indices = first + jnp.arange(count)
    image_key, alpha_key = jax.random.fold_in(key, 0), jax.random.fold_in(key, 1)
    keys = jax.vmap(lambda index: jax.random.fold_in(image_key, index))(indices)
    groups = [phase.sampler(jax.random.fold_in(alpha_key, indices[start] // phase.group_size))
              for start in range(0, count, size)]
    return keys, jnp.repeat(jnp.stack(groups), size, axis=0)


def group_size(phase, count):
    """Images of one device that share an alpha, where `count` images are this device's share."""
    if count % phase.group_size and phase.group_size % count:
        raise ValueError(f"alpha.group_size is {phase.group_size} but a device gets {count} images; wanted one to "
                         f"divide the other: set alpha.group_size to {count} or to 1.")
    return min(count, phase.group_size)


def value_and_gradients(phase, state, example, keys, alphas, constants):
    """((loss, (answers, values [b, P], the untrained variables after the pass)), gradients) of this device's images."""
    size, task = group_size(phase, alphas.shape[0]), phase.task

    def loss_of(params):
        variables = join(state.rest, params, phase.trains)
        mutable = [name for name in variables if name != "params"]
        outputs, changes = [], []
        # Unrolled on purpose: inside a compiled loop the kernel gradients of strided, transposed and strangers'
        # convolutions are tens of times slower on CPUs.
        for start in range(0, alphas.shape[0], size):
            group = slice(start, start + size)
            with dropout_by_image(keys[group]):
                output, changed = phase.model.apply(
                    variables, example["input"][group], alphas[start], mutable=mutable,
                    rngs=dropout_rngs(keys[group]), **phase.call)
            outputs.append(output.astype(jnp.float32))
            changes.append(changed)
        answers = task.answer(jnp.concatenate(outputs), example)
        critic = lambda: tuple(_logits(phase, state.critic, images)[0] for images in (example["target"], answers))
        aims = task.aims(example, dict(zip(phase.alpha_names, alphas.T, strict=False)))
        judged = {**example, **aims, "target": task.loss_view(example["target"])}
        values = phase.objectives.values(constants, task.loss_view(answers), judged,
                                         critic=critic if phase.critic is not None else None)
        weights = alphas if phase.alpha_weights_losses else jnp.ones_like(values)
        changed = jax.tree.map(_mean_of_groups, *changes)
        rest = keep_trained(state.rest, changed, phase.trains)
        return phase.objectives.combine(values, weights), (answers, values, rest)

    return jax.value_and_grad(loss_of, has_aux=True)(state.params)


def _logits(phase, critic, pictures):
    """(the critic's logits of whole pictures, its variables after the pass)."""
    logits, changed = phase.critic.apply(critic, phase.task.critic_view(pictures), train=True, mutable=["batch_stats"])
    return logits, {**critic, **changed}


def _norm(tree):
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


def _mean_of_groups(*leaves):
    return sum(leaves) / len(leaves) if jnp.issubdtype(leaves[0].dtype, jnp.inexact) else leaves[-1]


def _average(phase, state, params):
    if not phase.ema_decay:
        return state.average
    # Young averages follow faster, so that the random start is soon forgotten.
    decay = jnp.minimum(phase.ema_decay, (1.0 + state.step) / (10.0 + state.step))
    return optax.incremental_update(params, state.average, 1 - decay)


def _critic_update(phase, state, real, fake):
    """One step of the critic on this batch's pictures and the network's answers at their alphas."""
    fake = jax.lax.stop_gradient(fake)

    def loss_of(params):
        real_logits, critic = _logits(phase, {**state.critic, "params": params}, real)
        fake_logits, critic = _logits(phase, critic, fake)
        changed = {name: tree for name, tree in critic.items() if name != "params"}
        return phase.objectives.adversarial.critic_loss(real_logits, fake_logits), changed

    (loss, changed), gradients = jax.value_and_grad(loss_of, has_aux=True)(state.critic["params"])
    loss, gradients, changed = jax.lax.pmean((loss, gradients, changed), AXIS)
    updates, optimizer = phase.critic_optimizer.update(gradients, state.critic_optimizer, state.critic["params"])
    critic = {**state.critic, **changed, "params": optax.apply_updates(state.critic["params"], updates)}
    return state.replace(critic=critic, critic_optimizer=optimizer), loss


def replicate(tree, *, devices=None):
    """A copy of the tree on every local device, or on those given, with a leading axis of devices."""
    devices = devices or jax.local_devices()
    # Placed as a pmapped step places its results; jax_utils.replicate does not, and the step would be compiled twice.
    sharding = NamedSharding(Mesh(np.asarray(devices), (AXIS,)), PartitionSpec(AXIS))
    return jax.tree.map(lambda leaf: jax.device_put(jnp.stack([jnp.asarray(leaf)] * len(devices)), sharding), tree)


def unreplicate(tree):
    """The first device's copy, as numpy arrays."""
    # Not x[0], which is slow; nor flax's unreplicate, which keeps the axis of a tree on one of several devices.
    return jax.tree.map(lambda leaf: np.asarray(leaf.addressable_shards[0].data)[0], tree)


def shard(images, *, devices=None):
    """A batch [B, ...] as [devices, B / devices, ...], for `devices` devices, by default all local ones.

    Raises:
      ValueError: the devices do not divide the batch.
    """
    devices = devices or jax.local_device_count()
    check_shares(images.shape[0], devices)
    return images.reshape(devices, -1, *images.shape[1:])


def check_shares(batch_size, devices):
    """Refuses a batch that the devices do not divide, with the nearest that they do."""
    if batch_size % devices:
        nearest = max(1, round(batch_size / devices)) * devices
        raise ValueError(f"batch_size is {batch_size} but {devices} devices share it; wanted a multiple of "
                         f"{devices}: set batch_size to {nearest}.")
