"""The style of a picture as correlations of features (Gatys et al. 2016, as Shoshan et al. 2019 train with it)."""
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.data.style_pictures import open_style
from dynjax.networks.vgg import TRUNKS, imagenet_normalise, trunk_variables
from dynjax.objectives.features import FeatureLoss


def gram(features):
    """G = F F^T / (H W C) of features [B, H, W, C]: [B, C, C]."""
    _, height, width, channels = features.shape
    return jnp.einsum("bhwc,bhwd->bcd", features, features) / (height * width * channels)


@dataclasses.dataclass(frozen=True)
class Gram(FeatureLoss):
    """Mean squared distance of the output's Gram matrices from a style picture's, summed over layers.

    Attributes:
      picture: the style: "drawn:NAME", or the path of a picture.
      size: pixels of the style picture's shorter side; None leaves it as it is. square: size x size, as published.
      layers, layer_weights: of the trunk, one name or several, and the weight of each (1 by default).
      net, weights: as in Perceptual.
    """
    picture: str
    size: int | None = None
    square: bool = False
    layers: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    layer_weights: tuple[float, ...] | None = None
    net: str = "vgg16"
    weights: str | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.layer_weights is not None and len(self.layer_weights) != len(self.layers):
            raise ValueError(f"gram.layer_weights has {len(self.layer_weights)} numbers for {len(self.layers)} layers "
                             f"({', '.join(self.layers)}); wanted one for each.")

    def constants(self):
        """The style's Gram matrices, {layer: [1, C, C]}."""
        picture = open_style(self.picture, size=self.size, square=self.square)
        variables = trunk_variables(self.net, weights=self.weights, layers=self.layers)
        features = jax.jit(TRUNKS[self.net](layers=self.layers).apply)(variables, imagenet_normalise(picture[None]))
        return {name: np.asarray(gram(features[name])) for name in self.layers}

    def __call__(self, constants, output, example, critic=None, *, features):
        """Features of the output, {layer: [B, h, w, C]}, to [B]."""
        ours, _ = features
        weights = self.layer_weights or (1.0,) * len(self.layers)
        return sum(weight * jnp.mean(jnp.square(gram(ours[name]) - constants[name]), axis=(1, 2))
                   for weight, name in zip(weights, self.layers, strict=True))
