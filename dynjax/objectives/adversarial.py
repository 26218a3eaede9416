"""The relativistic average GAN (Jolicoeur-Martineau 2019, as ESRGAN uses it)."""
import dataclasses

import jax
import jax.numpy as jnp
import optax


@dataclasses.dataclass(frozen=True)
class RelativisticAdversarial:
    """The network's side: real pictures should look less real than ours on average, and ours more than real ones.

    0.5 * [bce(r - mean f, 0) + bce(f - mean r, 1)] with logits r of the targets and f of the outputs, the first term's
    average over images as one value an image too.

    Attributes:
      axis_name: name of the devices' axis, for averages over the global batch; None within one device.
    """
    axis_name: str | None = None

    def constants(self):
        """No weights; the critic is trained alongside."""
        return {}

    def __call__(self, constants, output, example, critic=None):
        """Output and target [B, H, W, C] to [B], by critic(images) -> logits [B, 1]."""
        if critic is None:
            raise ValueError("an adversarial term was asked for without a critic; set critic.name, such as VGGCritic.")
        real, fake = jax.lax.stop_gradient(critic(example["target"]))[:, 0], critic(output)[:, 0]
        return _relativistic(fake, real, self.axis_name)


def critic_loss(real_logits, fake_logits, *, axis_name=None):
    """The critic's side: 0.5 * [bce(r - mean f, 1) + bce(f - mean r, 0)], means detached; logits [B, 1] to a scalar."""
    real, fake = real_logits[:, 0], fake_logits[:, 0]
    mean_real, mean_fake = (jax.lax.stop_gradient(_mean(logits, axis_name)) for logits in (real, fake))
    bce = optax.sigmoid_binary_cross_entropy
    return 0.5 * jnp.mean(bce(real - mean_fake, jnp.ones_like(real)) + bce(fake - mean_real, jnp.zeros_like(fake)))


def _relativistic(ours, others, axis_name):
    bce = optax.sigmoid_binary_cross_entropy
    return 0.5 * (bce(others - _mean(ours, axis_name), jnp.zeros_like(others))
                  + bce(ours - _mean(others, axis_name), jnp.ones_like(ours)))


def _mean(logits, axis_name):
    mean = jnp.mean(logits)
    return mean if axis_name is None else jax.lax.pmean(mean, axis_name)
