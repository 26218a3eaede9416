"""Distances between features of trained networks."""
import dataclasses

import jax
import jax.numpy as jnp

from dynjax.metrics.lpips import LAYERS, lpips_terms, lpips_weights
from dynjax.objectives.features import FeatureLoss

DISTANCES = {"l1": jnp.abs, "l2": jnp.square}


@dataclasses.dataclass(frozen=True)
class Perceptual(FeatureLoss):
    """Mean distance between VGG features of output and target, summed over layers (Johnson et al. 2016).

    Attributes:
      net: "vgg16", carried by an installed package, or "vgg19", with its weights in a file.
      layers: names such as "relu3_3", or "conv5_4" for the features before the activation (ESRGAN); one name
        or several.
      weights: .npz or .safetensors file with torchvision's names; None for those that are installed.
      distance: "l1" or "l2".
    """
    net: str = "vgg16"
    layers: tuple[str, ...] = ("conv5_3",)
    weights: str | None = None
    distance: str = "l1"

    def __post_init__(self):
        if self.distance not in DISTANCES:
            raise ValueError(f"perceptual.distance is {self.distance!r}; wanted one of {', '.join(DISTANCES)}.")
        super().__post_init__()

    def constants(self):
        """None of its own."""
        return {}

    def __call__(self, constants, output, example, critic=None, *, features):
        """Features of the output and of the target, {layer: [B, h, w, C]} each, to [B]."""
        ours, wanted = features
        distance = DISTANCES[self.distance]
        return sum(jnp.mean(distance(ours[name] - wanted[name]), axis=(1, 2, 3)) for name in self.layers)


@dataclasses.dataclass(frozen=True)
class LPIPS:
    """The LPIPS distance as a loss (Zhang et al. 2018, version 0.1).

    Attributes:
      net: "alex" or "vgg".
      levels: how many of the five terms count, from the first; under jit the deeper layers are not computed. All five
        are the distance itself.
    """
    net: str = "alex"
    levels: int = 5

    def constants(self):
        """The trunk and the linear layers."""
        if self.net not in LAYERS or not 1 <= self.levels <= len(LAYERS[self.net]):
            raise ValueError(f"lpips got net={self.net!r}, levels={self.levels}; wanted a net of "
                             f"{', '.join(LAYERS)} and 1 to 5 levels.")
        return lpips_weights(self.net)

    def __call__(self, constants, output, example, critic=None):
        """Output and target [B, H, W, 3] in [0, 1] to [B]."""
        target = jax.lax.stop_gradient(example["target"])
        terms = lpips_terms(constants, output, target, net=self.net, check_range=False)   # an untrained network's too
        return sum(terms[layer] for layer in LAYERS[self.net][:self.levels])
