"""Denoising, from all of the noise taken away to most of it kept."""
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.data.degradations import add_gaussian_noise
from dynjax.tasks.checks import check_levels, check_range
from dynjax.tasks.noise_preservation import NoisePreservation


@dataclasses.dataclass(frozen=True)
class Denoise(NoisePreservation):
    """White Gaussian noise of a level that is drawn for each image (Maggioni et al. 2023, section 4 and table 1).

    Attributes:
      sigma_255: lowest and highest standard deviation in training, on the scale of 0 to 255.
      levels_255: those of the evaluation, each picture at each.
      clip: clip noisy pictures to [0, 1]; published training and tests of SwinIR and DnCNN do not.
      noise_seed: of the evaluation's noise, numpy's RandomState(noise_seed) anew for every picture, in the order of
        rows, columns, channels.
      preserve, delta: as for NoisePreservation.
    """
    sigma_255: tuple[float, float] = (5.0, 30.0)
    levels_255: tuple[float, ...] = (5.0, 10.0, 15.0, 20.0, 25.0)
    clip: bool = False
    noise_seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_range("sigma_255", self.sigma_255)
        check_levels("levels_255", self.levels_255, (15.0, 25.0))

    def example(self, images, keys):
        """Clean [B, H, W, C] to {"input": noisy, "target": clean}."""
        levels, noise = split_keys(keys)
        noisy = add_gaussian_noise(images, noise, drawn(levels, self.sigma_255) / 255)
        return {"input": jnp.clip(noisy, 0, 1) if self.clip else noisy, "target": images}

    def variants(self):
        """One task for each level."""
        return {f"sigma {level:g}": dataclasses.replace(self, levels_255=(level,)) for level in self.levels_255}

    def evaluation_example(self, image, key=None):
        """One clean picture [H, W, C] with the noise of the first level; the seed makes it, not the key."""
        clean = np.asarray(image, np.float32)
        noise = np.random.RandomState(self.noise_seed).normal(0, self.levels_255[0] / 255, clean.shape)
        noisy = (clean + noise).astype(np.float32)
        return {"input": np.clip(noisy, 0, 1) if self.clip else noisy, "target": clean,
                "sigma": np.float32(self.levels_255[0] / 255)}


def split_keys(keys, count=2):
    """`count` arrays of keys from one key an image."""
    return [jax.vmap(lambda key, index=index: jax.random.fold_in(key, index))(keys) for index in range(count)]


def drawn(keys, ends):
    """A number between the ends for every key, [B], each as likely."""
    return jax.vmap(lambda key: jax.random.uniform(key, (), minval=ends[0], maxval=ends[1]))(keys)
