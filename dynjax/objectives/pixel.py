"""Distances between pictures, pixel by pixel, and the total variation of one."""
import dataclasses

import jax.numpy as jnp

from dynjax.image import chroma


@dataclasses.dataclass(frozen=True)
class _PixelTerm:
    """A mean over pixels and channels of the output's difference from the example's entry `target`."""
    target: str = dataclasses.field(default="target", kw_only=True)

    def constants(self):
        """No weights."""
        return {}

    def __call__(self, constants, output, example, critic=None):
        """output and example[target] [B, H, W, C] to one value an image, [B].

        Raises:
          ValueError: the task makes no such entry.
        """
        if self.target not in example:
            raise ValueError(f"a term compares with {self.target!r}, but the task gives {', '.join(example)}; wanted "
                             "one of these as its target.")
        return jnp.mean(self.pixels(output - example[self.target]), axis=(1, 2, 3))

    def pixels(self, difference):
        """The loss of every entry of the difference."""
        raise NotImplementedError


class L1(_PixelTerm):
    """Mean absolute difference."""

    def pixels(self, difference):
        return jnp.abs(difference)


class L2(_PixelTerm):
    """Mean squared difference."""

    def pixels(self, difference):
        return jnp.square(difference)


@dataclasses.dataclass(frozen=True)
class Charbonnier(_PixelTerm):
    """Mean of sqrt(difference^2 + eps), eps not squared (Charbonnier et al. 1994; eps as SwinIR is trained)."""
    eps: float = 1e-9

    def pixels(self, difference):
        return jnp.sqrt(jnp.square(difference) + self.eps)


@dataclasses.dataclass(frozen=True)
class TotalVariation:
    """Mean absolute difference between neighbours, down plus across, of the output alone."""

    def constants(self):
        """No weights."""
        return {}

    def __call__(self, constants, output, example, critic=None):
        """output [B, H, W, C] to [B]; the target plays no part."""
        down = jnp.mean(jnp.abs(output[:, 1:] - output[:, :-1]), axis=(1, 2, 3))
        across = jnp.mean(jnp.abs(output[:, :, 1:] - output[:, :, :-1]), axis=(1, 2, 3))
        return down + across


@dataclasses.dataclass(frozen=True)
class Chroma:
    """Mean absolute difference of U and V of output and target, so that colours are kept (Maggioni et al. 2023)."""

    def constants(self):
        """No weights."""
        return {}

    def __call__(self, constants, output, example, critic=None):
        """output and example["target"], RGB [B, H, W, 3] in [0, 1], to [B]; U and V as dynjax.image.chroma has them."""
        return jnp.mean(jnp.abs(chroma(output - example["target"])), axis=(1, 2, 3))   # which is linear
