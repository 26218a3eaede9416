"""Joint denoising and deblurring with two knobs that do not depend on each other."""
import dataclasses

import jax.numpy as jnp
import numpy as np

from dynjax.data.degradations import add_gaussian_noise
from dynjax.image.blur import gaussian_blur
from dynjax.tasks.checks import check_levels, check_range, check_share
from dynjax.tasks.denoise import drawn, split_keys
from dynjax.tasks.noise_preservation import share_of
from dynjax.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class DenoiseDeblur(Task):
    """z = g * y + n, a Gaussian blur and then white noise, both drawn for each image (Maggioni et al. 2023, table 3).

    Alpha acts through the aim, not as a weight: at "denoise" d and "sharpen" s it is the clean picture sharpened, plus
    the noise that is kept, y + gamma s (y - h * y) + delta (1 - d) n, where n = z - g * y and h is a Gaussian. At
    (1, 0) that is the clean picture, at (0, 1) a sharpened one with most of its noise.

    Attributes:
      sigma_255: lowest and highest noise in training, on the scale of 0 to 255. blur: those of the blur's standard
        deviation, pixels.
      levels: (sigma_255, blur) of the evaluation, each picture at each.
      delta: the share of the noise that is kept at most. gamma: the amount of sharpening at most.
      sharpen_std, sharpen_support: of h, pixels.
      sharpen_noise: sharpen the noise that is kept too, as the published outputs look.
      clip: clip what the network sees to [0, 1].
      noise_seed: as for `Denoise`.
    """
    sigma_255: tuple[float, float] = (5.0, 30.0)
    blur: tuple[float, float] = (0.0, 4.0)
    levels: tuple[tuple[float, float], ...] = ((5.0, 1.0), (15.0, 1.0), (15.0, 2.0), (25.0, 2.0))
    delta: float = 0.9
    gamma: float = 1.0
    sharpen_std: float = 1.5
    sharpen_support: int = 9
    sharpen_noise: bool = False
    clip: bool = False
    noise_seed: int = 0
    has_aim = True
    alpha_names = ("denoise", "sharpen")

    def __post_init__(self):
        check_range("sigma_255", self.sigma_255)
        check_range("blur", self.blur)
        check_levels("levels", self.levels, ((15.0, 2.0), (25.0, 2.0)))
        check_share("delta", self.delta)
        check_share("gamma", self.gamma, np.inf)
        if not self.sharpen_std > 0 or self.sharpen_support < 3:
            raise ValueError(f"task.sharpen_std is {self.sharpen_std} and task.sharpen_support {self.sharpen_support}; "
                             "wanted more than 0 pixels, and 3 or more.")

    def example(self, images, keys):
        """Clean [B, H, W, C] to {"input": blurred and noisy, "target": clean, "noise": what noise was added}."""
        blurs, levels, noise = split_keys(keys, 3)
        blurred = gaussian_blur(images, drawn(blurs, self.blur))
        noisy = add_gaussian_noise(blurred, noise, drawn(levels, self.sigma_255) / 255)
        noisy = jnp.clip(noisy, 0, 1) if self.clip else noisy
        return {"input": noisy, "target": images, "noise": noisy - blurred}

    def aims(self, example, alpha):
        """{"restored": the aim at alpha's "denoise" and "sharpen", [B] each}."""
        return {"restored": self._restored(example, alpha["denoise"], alpha["sharpen"])}

    def variants(self):
        """One task for each level."""
        return {f"sigma {level[0]:g} blur {level[1]:g}": dataclasses.replace(self, levels=(level,))
                for level in self.levels}

    def evaluation_example(self, image, key=None):
        """One clean picture [H, W, C] at the first level; the seed makes the noise, not the key."""
        clean, (sigma, blur) = np.asarray(image, np.float32), self.levels[0]
        blurred = np.asarray(gaussian_blur(clean[None], blur))[0]
        noise = np.random.RandomState(self.noise_seed).normal(0, sigma / 255, clean.shape)
        noisy = (blurred + noise).astype(np.float32)
        noisy = np.clip(noisy, 0, 1) if self.clip else noisy
        return {"input": noisy, "target": clean, "noise": noisy - blurred, "sigma": np.float32(sigma / 255)}

    def aim(self, example, alpha):
        """The aim of training at this alpha, for one example without a batch axis."""
        batch = {name: jnp.asarray(value)[None] for name, value in example.items()}
        denoise, sharpen = (jnp.full(1, alpha[name], jnp.float32) for name in ("denoise", "sharpen"))
        return np.asarray(self._restored(batch, denoise, sharpen))[0]

    def measured(self, answer, example):
        """What each knob should turn: "noise_left", the share of the noise that an answer [H, W, C] still has, and
        "detail_gain", how much of y - h * y it has beyond the clean picture's own: 0 is as sharp, below 0 blurred."""
        clean = np.asarray(example["target"], np.float64)
        difference = np.asarray(answer, np.float64) - clean
        detail = clean - np.asarray(self._softened(jnp.asarray(example["target"])[None]), np.float64)[0]
        return {"noise_left": share_of(difference, np.asarray(example["noise"], np.float64)),
                "detail_gain": share_of(difference, detail)}

    def baselines(self, example):
        """The degraded picture itself."""
        return {"degraded": example["input"]}

    def _softened(self, images):
        return gaussian_blur(images, self.sharpen_std, support=self.sharpen_support)

    def _restored(self, example, denoise, sharpen):
        column = lambda alpha: alpha.reshape(-1, 1, 1, 1)
        clean, kept = example["target"], self.delta * column(1 - denoise) * example["noise"]
        base = clean + kept if self.sharpen_noise else clean
        return clean + kept + self.gamma * column(sharpen) * (base - self._softened(base))
