"""Adversarial terms: what a network and its critic are trained for."""
import dataclasses

import jax
import jax.numpy as jnp
import optax

KINDS = ("relativistic", "standard")
_bce = optax.sigmoid_binary_cross_entropy


@dataclasses.dataclass(frozen=True)
class Adversarial:
    """The outputs should look as real to the critic as the targets do; the critic's own loss is `critic_loss`.

    With logits r of the targets and f of the outputs, one an image or a map of them:

    - relativistic (Jolicoeur-Martineau 2019, as ESRGAN uses it): 0.5 * [bce(r - mean f, 0) + bce(f - mean r, 1)];
      the critic has the labels exchanged.
    - standard (Goodfellow et al. 2014, non-saturating): bce(f, 1); the critic bce(r, 1) + bce(f, 0).

    Attributes:
      kind: "relativistic" or "standard".
      axis_name: name of the devices' axis, for averages over the global batch; None within one device.
    """
    kind: str = "relativistic"
    axis_name: str | None = None

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"adversarial.kind is {self.kind!r}; wanted one of {', '.join(KINDS)}.")

    def constants(self):
        """No weights; the critic is trained alongside."""
        return {}

    def __call__(self, constants, output, example, critic=None):
        """critic() -> (logits of the targets, logits of the outputs), each [B, ...], to [B]."""
        if critic is None:
            raise ValueError("an adversarial term was asked for without a critic; set critic.name, such as VGGCritic.")
        real, fake = critic()
        real = jax.lax.stop_gradient(real)
        if self.kind == "standard":
            return _per_image(_bce(fake, jnp.ones_like(fake)))
        return 0.5 * _per_image(_bce(real - self._mean(fake), jnp.zeros_like(real))
                                + _bce(fake - self._mean(real), jnp.ones_like(fake)))

    def critic_loss(self, real, fake):
        """The critic's side, of logits [B, ...] of targets and outputs: a scalar. Means over images are detached."""
        if self.kind == "standard":
            return jnp.mean(_bce(real, jnp.ones_like(real)) + _bce(fake, jnp.zeros_like(fake)))
        mean_real, mean_fake = (jax.lax.stop_gradient(self._mean(logits)) for logits in (real, fake))
        return 0.5 * jnp.mean(_bce(real - mean_fake, jnp.ones_like(real)) + _bce(fake - mean_real,
                                                                                jnp.zeros_like(fake)))

    def _mean(self, logits):
        mean = jnp.mean(logits)
        return mean if self.axis_name is None else jax.lax.pmean(mean, self.axis_name)


def _per_image(values):
    return jnp.mean(values.reshape(values.shape[0], -1), axis=1)
