"""Faces from noise: a generator against a critic, on pictures that share an attribute."""
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.data.face_measures import measure_hair, measure_smile
from dynjax.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class Faces(Task):
    """Generation as DCGAN trains it (Radford et al. 2016): noise in, pictures in [-1, 1] out.

    Attributes:
      latent: length of the noise, drawn from the standard normal.
    """
    latent: int = 100
    has_target = False
    generates = True

    def example(self, images, keys):
        """Pictures [B, H, W, C] in [0, 1] to {"input": noise [B, latent], "target": the pictures, for the critic}."""
        noise = jax.vmap(lambda key: jax.random.normal(key, (self.latent,)))(keys)
        return {"input": noise, "target": images}

    def evaluation_example(self, image, key):
        """Noise of this key, [latent]; the picture is only there to be looked at beside what comes of it."""
        return {"input": np.asarray(jax.random.normal(key, (self.latent,))), "target": np.asarray(image, np.float32)}

    def shown(self, example):
        """Noise is no picture."""
        return None

    def answer(self, output, example):
        """From the generator's [-1, 1] to [0, 1]."""
        return (output + 1) / 2

    def measures(self, source):
        """Hair colour and smile of drawn faces; nothing is known of others, whose hair and mouth lie elsewhere."""
        return {"hair": measure_hair, "smile": measure_smile} if source == "drawn-faces" else {}

    def critic_view(self, pictures):
        """Critics of this family see [-1, 1]."""
        return jnp.asarray(pictures) * 2 - 1
