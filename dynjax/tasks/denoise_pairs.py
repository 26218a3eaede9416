"""Denoising of real noise, known from pairs of pictures."""
import dataclasses

import numpy as np

from dynjax.tasks.denoise import PRESERVED, preserved, share_of
from dynjax.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class DenoisePairs(Task):
    """The noisy picture of a pair in, the clean one out; the noise is what lies between them (Maggioni et al. 2023,
    table 2b). Pictures are [H, W, 6], the clean RGB before the noisy, as the sources pairs: and sidd: give them.

    Attributes:
      preserve, delta: as for `Denoise`.
    """
    preserve: str = "scaled"
    delta: float = 0.9
    channels = 6
    has_aim = True

    def __post_init__(self):
        if self.preserve not in PRESERVED:
            raise ValueError(f"task.preserve is {self.preserve!r}; wanted one of {', '.join(PRESERVED)}.")

    def example(self, images, keys):
        """Pairs [B, H, W, 6] to {"input": noisy, "target": clean}; nothing is random."""
        if images.shape[-1] != 6:
            raise ValueError(f"denoise_pairs got pictures of {images.shape[-1]} channels; wanted pairs, of 6: a source "
                             "such as pairs:NOISY:CLEAN or sidd:FOLDER.")
        return {"input": images[..., 3:], "target": images[..., :3]}

    def aims(self, example, alpha):
        """{"preserved": y + delta w (z - y)} where alpha has "noise", [B]."""
        return preserved(example, alpha, self.delta, scaled=self.preserve == "scaled")

    def evaluation_example(self, image, key=None):
        """One pair [H, W, 6]."""
        example = self.example(np.asarray(image, np.float32)[None], None)
        return {name: value[0] for name, value in example.items()}

    def aim(self, example, alpha):
        """What an answer should be at this alpha, which it follows in any case."""
        return preserved(example, alpha, self.delta, scaled=True).get("preserved")

    def measured(self, answer, example):
        """{"noise_left": the share of the noise that an answer [H, W, 3] still has}."""
        noise = np.asarray(example["input"], np.float64) - example["target"]
        return {"noise_left": share_of(np.asarray(answer, np.float64) - example["target"], noise)}

    def baselines(self, example):
        """The noisy picture itself."""
        return {"noisy": example["input"]}
