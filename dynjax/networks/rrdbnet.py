"""RRDBNet, the generator of ESRGAN (Wang et al. 2018, arXiv 1809.00219) and Real-ESRGAN (2021, arXiv 2107.10833)."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.networks.initialisers import SMALL
from dynjax.networks.layers import check_images, conv, doubled, leaky_relu, pixel_unshuffle, reflect, result_type

RESIDUAL_SCALE = 0.2   # of both kinds of block


class DenseBlock(nn.Module):
    """Five convolutions, each of all before, times 0.2, plus the input; [N, H, W, C] to the same shape."""
    growth: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        parts = [x]
        for index in range(1, 5):
            y = conv(jnp.concatenate(parts, axis=-1), self.growth, 3, **SMALL, dtype=self.dtype, name=f"conv{index}")
            parts.append(leaky_relu(y))
        y = conv(jnp.concatenate(parts, axis=-1), x.shape[-1], 3, **SMALL, dtype=self.dtype, name="conv5")
        return x + y * RESIDUAL_SCALE


class RRDB(nn.Module):
    """Three dense blocks, times 0.2, plus the input; [N, H, W, C] to the same shape. Submodules: rdb1, rdb2, rdb3."""
    growth: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        y = x
        for index in (1, 2, 3):
            y = DenseBlock(self.growth, self.dtype, name=f"rdb{index}")(y)
        return x + y * RESIDUAL_SCALE


class RRDBNet(nn.Module):
    """RRDBNet, [N, H, W, in_channels] in [0, 1] to [N, H * scale, W * scale, channels] (not clipped).

    The blocks work at a quarter of the result's sides whatever the scale: at scale 2 (and 1) they see blocks of 2 x 2
    (4 x 4) pixels as channels. Sides that these do not divide are padded by reflection at bottom and right, as the
    published test program does, and the result is cropped. Submodules: head, RRDB_<i>, conv_after_body, conv_up1,
    conv_up2, conv_hr, tail.

    Attributes:
      features: channels inside. blocks: RRDBs, of three dense blocks each. growth: channels that each convolution of a
        dense block adds. scale: 1, 2 or 4. channels: of the result.
      in_channels: of the input; None is as many as of the result.
      dtype: type the convolutions compute in; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images or too small to be padded, or another scale.
    """
    features: int = 64
    blocks: int = 23
    growth: int = 32
    scale: int = 4
    channels: int = 3
    in_channels: int | None = None
    dtype: Any = None

    @property
    def multiple(self):
        """Pixels of the input at whose multiples tiles begin, for the blocks to hold the same pixels."""
        return 4 // self.scale

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "RRDBNet", channels=self.channels if self.in_channels is None else self.in_channels)
        if self.scale not in (1, 2, 4):
            raise ValueError(f"RRDBNet got scale={self.scale}; wanted 1, 2 or 4.")
        height, width = x.shape[1:3]
        y = pixel_unshuffle(reflect(x, 0, -height % self.multiple, 0, -width % self.multiple), self.multiple)
        y = head = conv(y, self.features, 3, dtype=self.dtype, name="head")
        for index in range(self.blocks):
            y = RRDB(self.growth, self.dtype, name=f"RRDB_{index}")(y)
        y = head + conv(y, self.features, 3, dtype=self.dtype, name="conv_after_body")
        for name in ("conv_up1", "conv_up2"):
            y = leaky_relu(doubled(y, self.features, edge="zeros", dtype=self.dtype, name=name))
        y = leaky_relu(conv(y, self.features, 3, dtype=self.dtype, name="conv_hr"))
        y = conv(y, self.channels, 3, dtype=self.dtype, name="tail")
        return y.astype(result_type(x))[:, :height * self.scale, :width * self.scale]
