"""FFDNet (Zhang et al. 2018, arXiv 1710.04026): one denoiser for every noise level, which it is told."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.networks.layers import check_images, conv, pixel_shuffle, pixel_unshuffle, result_type


class FFDNet(nn.Module):
    """FFDNet: noisy images [N, H, W, channels] in [0, 1] and their noise level to clean images (not clipped).

    `net.apply(variables, x, sigma)`. The convolutions see blocks of 2 x 2 pixels as channels and the noise level as one
    more. Odd sides are padded with the edge's own pixels at bottom and right, and cropped again. The published networks
    are this with its defaults (grey) and with features=96, layers=12, channels=3 (colour), trained for noise of up to
    75/255. Submodules: conv_0, ..., conv_<layers - 1>.

    Attributes:
      features: channels inside. layers: convolutions, 2 or more. channels: of the images.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images, another shape of sigma, or fewer layers.
    """
    features: int = 64
    layers: int = 15
    channels: int = 1
    dtype: Any = None
    multiple = 2   # tiles begin at multiples of it, for the blocks to hold the same pixels

    @nn.compact
    def __call__(self, x, sigma):
        """sigma: standard deviation of the noise where images are in [0, 1]; one number, or one an image, [N]."""
        x = check_images(x, "FFDNet", channels=self.channels)
        batch, height, width, _ = x.shape
        sigma = jnp.asarray(sigma, x.dtype)
        if sigma.shape not in ((), (1,), (batch,)):
            raise ValueError(f"FFDNet got sigma of shape {sigma.shape} for {batch} images; wanted one number, or one "
                             f"an image, shape ({batch},).")
        if self.layers < 2:
            raise ValueError(f"FFDNet got layers={self.layers}; wanted 2 or more.")
        y = pixel_unshuffle(jnp.pad(x, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge"), 2)
        level = jnp.broadcast_to(sigma.reshape(-1, 1, 1, 1), (*y.shape[:3], 1))
        y = jnp.concatenate([y, level], axis=-1)
        for index in range(self.layers - 1):
            y = nn.relu(conv(y, self.features, 3, dtype=self.dtype, name=f"conv_{index}"))
        y = conv(y, 4 * self.channels, 3, dtype=self.dtype, name=f"conv_{self.layers - 1}")
        return pixel_shuffle(y, 2)[:, :height, :width].astype(result_type(x))
