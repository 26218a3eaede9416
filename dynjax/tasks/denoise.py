"""Denoising, from all of the noise taken away to most of it kept."""
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.data.degradations import add_gaussian_noise
from dynjax.tasks.task import Task

PRESERVED = ("scaled", "fixed")


@dataclasses.dataclass(frozen=True)
class Denoise(Task):
    """White Gaussian noise of a level that is drawn for each image (Maggioni et al. 2023, section 4 and table 1).

    Of alpha's names it knows "noise", how much of the noise is to be kept; the objective for it compares with the aim
    `preserved`, y + delta w (z - y) for clean y and noisy z, w the alpha of "noise" (equation 9).

    Attributes:
      sigma_255: lowest and highest standard deviation in training, on the scale of 0 to 255.
      levels_255: those of the evaluation, each picture at each.
      preserve: "scaled", the aim of training follows alpha; "fixed", w is 1 there and alpha weights the loss alone.
      delta: the share of the noise that is kept at most.
      clip: clip noisy pictures to [0, 1]; published training and tests of SwinIR and DnCNN do not.
      noise_seed: of the evaluation's noise, numpy's RandomState(noise_seed) anew for every picture, in the order of
        rows, columns, channels.
    """
    sigma_255: tuple[float, float] = (5.0, 30.0)
    levels_255: tuple[float, ...] = (5.0, 10.0, 15.0, 20.0, 25.0)
    preserve: str = "scaled"
    delta: float = 0.9
    clip: bool = False
    noise_seed: int = 0
    has_aim = True

    def __post_init__(self):
        check_range("sigma_255", self.sigma_255)
        if self.preserve not in PRESERVED:
            raise ValueError(f"task.preserve is {self.preserve!r}; wanted one of {', '.join(PRESERVED)}.")
        if not len(self.levels_255):
            raise ValueError("task.levels_255 is empty; wanted one level of noise or more, such as (15.0, 25.0).")

    def example(self, images, keys):
        """Clean [B, H, W, C] to {"input": noisy, "target": clean}."""
        levels, noise = split_keys(keys)
        noisy = add_gaussian_noise(images, noise, drawn(levels, self.sigma_255) / 255)
        return {"input": jnp.clip(noisy, 0, 1) if self.clip else noisy, "target": images}

    def aims(self, example, alpha):
        """{"preserved": y + delta w (z - y)} where alpha has "noise", [B]."""
        return preserved(example, alpha, self.delta, scaled=self.preserve == "scaled")

    def variants(self):
        """One task for each level."""
        return {f"sigma {level:g}": dataclasses.replace(self, levels_255=(level,)) for level in self.levels_255}

    def evaluation_example(self, image, key=None):
        """One clean picture [H, W, C] with the noise of the first level; the seed makes it, not the key."""
        clean = np.asarray(image, np.float32)
        noise = np.random.RandomState(self.noise_seed).normal(0, self.levels_255[0] / 255, clean.shape)
        noisy = (clean + noise).astype(np.float32)
        return {"input": np.clip(noisy, 0, 1) if self.clip else noisy, "target": clean}

    def aim(self, example, alpha):
        """What an answer should be at this alpha: table 1's second target, which follows alpha in any case."""
        return preserved(example, alpha, self.delta, scaled=True).get("preserved")

    def measured(self, answer, example):
        """{"noise_left": the share of the noise that an answer [H, W, C] still has}: (f - y) projected on z - y."""
        noise = np.asarray(example["input"], np.float64) - example["target"]
        return {"noise_left": share_of(np.asarray(answer, np.float64) - example["target"], noise)}

    def baselines(self, example):
        """The noisy picture itself."""
        return {"noisy": example["input"]}


def preserved(example, alpha, delta, *, scaled):
    """{"preserved": y + delta w (z - y)} (Maggioni et al. 2023, equation 9), w alpha's "noise", or 1 where not
    `scaled`; nothing where alpha lacks the name.

    Args:
      example: {"input": z, "target": y}, with a batch axis where alpha has one. alpha: {name: number or [B]}.
    """
    if "noise" not in alpha:
        return {}
    kept = jnp.asarray(alpha["noise"], jnp.float32) if scaled else jnp.ones(np.shape(alpha["noise"]))
    kept = kept.reshape(-1, 1, 1, 1) if kept.ndim else kept
    return {"preserved": example["target"] + delta * kept * (example["input"] - example["target"])}


def check_range(name, ends):
    """Refuses what is no range of numbers from 0."""
    if len(ends) != 2 or not 0 <= ends[0] <= ends[1]:
        raise ValueError(f"task.{name} is {tuple(ends)}; wanted the lowest and the highest, from 0.")


def split_keys(keys, count=2):
    """`count` arrays of keys from one key an image."""
    return [jax.vmap(lambda key, index=index: jax.random.fold_in(key, index))(keys) for index in range(count)]


def drawn(keys, ends):
    """A number between the ends for every key, [B], each as likely."""
    return jax.vmap(lambda key: jax.random.uniform(key, (), minval=ends[0], maxval=ends[1]))(keys)


def share_of(difference, direction):
    """How much of `direction` is in `difference`: the least-squares factor, NaN where there is no direction."""
    square = np.sum(direction**2)
    return float(np.sum(difference * direction) / square) if square > 0 else float("nan")
