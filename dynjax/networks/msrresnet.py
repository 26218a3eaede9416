"""MSRResNet: SRResNet (Ledig et al. 2017, arXiv 1609.04802) without batch norm, as BasicSR has it."""
from typing import Any

import flax.linen as nn
import jax

from dynjax.networks.edsr import ResidualBlock, upsampling_steps
from dynjax.networks.initialisers import SMALL
from dynjax.networks.layers import check_images, conv, leaky_relu, pixel_shuffle, result_type


class MSRResNet(nn.Module):
    """MSRResNet, [N, H, W, channels] in [0, 1] to [N, H * scale, W * scale, channels] (not clipped).

    It adds to a bilinear upsampling of its input, which a fresh network nearly is. Submodules: head, ResidualBlock_<i>,
    upsample_<i>, conv_hr, tail.

    Attributes:
      features: channels inside. blocks: residual blocks. scale: 1, 3 or a power of two. channels: of the images.
      dtype: type the convolutions compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images, or no such scale.
    """
    features: int = 64
    blocks: int = 16
    scale: int = 4
    channels: int = 3
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "MSRResNet", channels=self.channels)
        slope, shared = 0.1, {**SMALL, "dtype": self.dtype}
        y = leaky_relu(conv(x, self.features, 3, name="head", **shared), slope)
        for index in range(self.blocks):
            y = ResidualBlock(self.features, dtype=self.dtype, faint=True, name=f"ResidualBlock_{index}")(y)
        for index, step in enumerate(upsampling_steps(self.scale)):
            y = pixel_shuffle(conv(y, self.features * step**2, 3, name=f"upsample_{index}", **shared), step)
            y = leaky_relu(y, slope)
        y = leaky_relu(conv(y, self.features, 3, name="conv_hr", **shared), slope)
        y = conv(y, self.channels, 3, name="tail", **shared).astype(result_type(x))
        # Half-pixel centres; at the edge the weights of what is there, which repeats the edge.
        return y + jax.image.resize(x.astype(y.dtype), y.shape, "bilinear")
