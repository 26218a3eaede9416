"""What every denoising task with a knob for the noise has in common: what is kept, and how much is left."""
import dataclasses

import jax.numpy as jnp
import numpy as np

from dynjax.tasks.checks import check_share
from dynjax.tasks.task import Task

PRESERVED = ("scaled", "fixed")


@dataclasses.dataclass(frozen=True)
class NoisePreservation(Task):
    """Of alpha's names these tasks know "noise", how much of it is to be kept; the objective for it compares with the
    aim `preserved`, y + delta w (z - y) for clean y and noisy z, w the alpha of "noise" (Maggioni et al. 2023, eq. 9).

    Attributes:
      preserve: "scaled", the aim of training follows alpha; "fixed", w is 1 there and alpha weights the loss alone.
      delta: the share of the noise that is kept at most.
    """
    preserve: str = dataclasses.field(default="scaled", kw_only=True)
    delta: float = dataclasses.field(default=0.9, kw_only=True)
    has_aim = True

    def __post_init__(self):
        if self.preserve not in PRESERVED:
            raise ValueError(f"task.preserve is {self.preserve!r}; wanted one of {', '.join(PRESERVED)}.")
        check_share("delta", self.delta)

    def aims(self, example, alpha):
        """{"preserved": y + delta w (z - y)} where alpha has "noise", [B]."""
        return self._preserved(example, alpha, scaled=self.preserve == "scaled")

    def aim(self, example, alpha):
        """What an answer should be at this alpha: table 1's second target, which follows alpha in any case."""
        return self._preserved(example, alpha, scaled=True).get("preserved")

    def measured(self, answer, example):
        """{"noise_left": the share of the noise that an answer [H, W, C] still has}: (f - y) projected on z - y."""
        noise = np.asarray(example["input"], np.float64) - example["target"]
        return {"noise_left": share_of(np.asarray(answer, np.float64) - example["target"], noise)}

    def baselines(self, example):
        """The noisy picture itself."""
        return {"noisy": example["input"]}

    def _preserved(self, example, alpha, *, scaled):
        if "noise" not in alpha:
            return {}
        kept = jnp.asarray(alpha["noise"], jnp.float32) if scaled else jnp.ones(np.shape(alpha["noise"]))
        kept = kept.reshape(-1, 1, 1, 1) if kept.ndim else kept
        return {"preserved": example["target"] + self.delta * kept * (example["input"] - example["target"])}


def share_of(difference, direction):
    """How much of `direction` is in `difference`: the least-squares factor, NaN where there is no direction."""
    square = np.sum(direction**2)
    return float(np.sum(difference * direction) / square) if square > 0 else float("nan")
