"""SRVGGNetCompact, the small network of Real-ESRGAN (Wang et al. 2021, arXiv 2107.10833) for video and animation."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.networks.layers import check_images, conv, leaky_relu, pixel_shuffle, result_type

ACTIVATIONS = ("prelu", "relu", "leaky_relu")


class PReLU(nn.Module):
    """ReLU with a slope below zero for every channel, [N, H, W, C] to the same shape (He et al. 2015).

    The parameter is negative_slope [C]. (flax.linen.PReLU has one slope for all channels.)
    """

    @nn.compact
    def __call__(self, x):
        slope = self.param("negative_slope", nn.initializers.constant(0.25), x.shape[-1:])
        return leaky_relu(x, slope.astype(x.dtype).reshape(1, 1, 1, -1))


class SRVGGNetCompact(nn.Module):
    """A stack of convolutions, [N, H, W, channels] in [0, 1] to [N, H * scale, W * scale, channels] (not clipped).

    All of it works at the size of the input; one pixel shuffle at the end, and the input's own pixels repeated are
    added. Submodules: conv_0, ..., conv_<layers + 1>, and prelu_0, ..., prelu_<layers> with activation="prelu".

    Attributes:
      features: channels inside. layers: convolutions between the first and the last. scale: any whole number.
      channels: of the images. activation: "prelu", "relu" or "leaky_relu" (slope 0.1).
      dtype: type the convolutions compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images, or a field with no such value.
    """
    features: int = 64
    layers: int = 16
    scale: int = 4
    channels: int = 3
    activation: str = "prelu"
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "SRVGGNetCompact", channels=self.channels)
        if self.activation not in ACTIVATIONS or self.scale < 1 or self.layers < 0:
            raise ValueError(f"SRVGGNetCompact got activation={self.activation!r}, scale={self.scale}, layers="
                             f"{self.layers}; wanted one of {', '.join(ACTIVATIONS)}, a scale of 1 or more, layers of "
                             "0 or more.")
        y = x
        for index in range(self.layers + 1):
            y = self._activate(conv(y, self.features, 3, dtype=self.dtype, name=f"conv_{index}"), index)
        y = conv(y, self.channels * self.scale**2, 3, dtype=self.dtype, name=f"conv_{self.layers + 1}")
        # Repeated before the shuffle, where a pixel of the input is next to those that it becomes.
        y = y.astype(result_type(x)) + jnp.repeat(x, self.scale**2, axis=-1)
        return pixel_shuffle(y, self.scale)

    def _activate(self, x, index):
        if self.activation == "prelu":
            return PReLU(name=f"prelu_{index}")(x)
        return nn.relu(x) if self.activation == "relu" else leaky_relu(x, 0.1)
