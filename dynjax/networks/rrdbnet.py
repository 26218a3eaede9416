"""RRDBNet, the generator of ESRGAN (Wang et al. 2018, arXiv 1809.00219) and Real-ESRGAN (2021, arXiv 2107.10833)."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.networks.edsr import upsampling_steps
from dynjax.networks.initialisers import SMALL
from dynjax.networks.layers import check_images, conv, doubled, leaky_relu, pixel_unshuffle, reflect, result_type

RESIDUAL_SCALE = 0.2   # of both kinds of block


class DenseBlock(nn.Module):
    """Residual dense block, [N, H, W, C] to the same shape.

    Each of five convolutions sees the input and all earlier outputs; the last one's output is scaled by 0.2 and added
    to the input. Submodules: conv1, ..., conv5, and conv1x1 with plus.

    Attributes:
      growth: channels that each of the first four convolutions adds.
      plus: ESRGAN+'s two residuals more (Rakotonirina and Rasoanaivo 2020, arXiv 2001.08073): a 1 x 1 convolution of
        the input is added to the second output, and that to the fourth.
    """
    growth: int
    dtype: Any = None
    plus: bool = False

    @nn.compact
    def __call__(self, x):
        parts = [x]
        for index in range(1, 5):
            y = conv(jnp.concatenate(parts, axis=-1), self.growth, 3, **SMALL, dtype=self.dtype, name=f"conv{index}")
            y = leaky_relu(y)
            if self.plus and index == 2:
                y = y + conv(x, self.growth, 1, use_bias=False, dtype=self.dtype, name="conv1x1")
            if self.plus and index == 4:
                y = y + parts[2]
            parts.append(y)
        y = conv(jnp.concatenate(parts, axis=-1), x.shape[-1], 3, **SMALL, dtype=self.dtype, name="conv5")
        return x + y * RESIDUAL_SCALE


class RRDB(nn.Module):
    """Three dense blocks, times 0.2, plus the input; [N, H, W, C] to the same shape. Submodules: rdb1, rdb2, rdb3."""
    growth: int
    dtype: Any = None
    plus: bool = False

    @nn.compact
    def __call__(self, x):
        y = x
        for index in (1, 2, 3):
            y = DenseBlock(self.growth, self.dtype, self.plus, name=f"rdb{index}")(y)
        return x + y * RESIDUAL_SCALE


class RRDBNet(nn.Module):
    """RRDBNet, [N, H, W, in_channels] in [0, 1] to [N, H * scale, W * scale, channels] (not clipped).

    In Real-ESRGAN's form, the default, the blocks work at a quarter of the result's sides whatever the scale: at scale
    2 (and 1) they see blocks of 2 x 2 (4 x 4) pixels as channels. Sides that these do not divide are padded by
    reflection at bottom and right, as the published test program does, and the result is cropped. In ESRGAN's own form,
    unshuffle=1, the blocks work at the input's size and the scale is the upsampling's. Submodules: head, RRDB_<i>,
    conv_after_body, conv_up<i> from 1 on, conv_hr, tail.

    Attributes:
      features: channels inside. blocks: RRDBs, of three dense blocks each. growth: channels that each convolution of a
        dense block adds. scale: 1, 2 or 4; with `unshuffle`, any for which scale * unshuffle is 1, 3 or a power of two.
      channels: of the result. in_channels: of the input; None is as many as of the result.
      unshuffle: side of the blocks of pixels that become channels at the input; None is 4 // scale.
      plus: ESRGAN+'s dense blocks.
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
    unshuffle: int | None = None
    plus: bool = False

    @property
    def multiple(self):
        """Pixels of the input at whose multiples tiles begin, for the blocks to hold the same pixels."""
        return 4 // self.scale if self.unshuffle is None else self.unshuffle

    @property
    def upsampling(self):
        """The factors of the upsampling convolutions, in order.

        Raises:
          ValueError: no such scale.
        """
        if self.unshuffle is None:
            if self.scale not in (1, 2, 4):
                raise ValueError(f"RRDBNet got scale={self.scale}; wanted 1, 2 or 4. With unshuffle=1 it takes 3 and 8 "
                                 "too.")
            return (2, 2)
        if self.unshuffle < 1:
            raise ValueError(f"RRDBNet got unshuffle={self.unshuffle}; wanted 1 or more.")
        return upsampling_steps(self.scale * self.unshuffle)

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "RRDBNet", channels=self.channels if self.in_channels is None else self.in_channels)
        steps = self.upsampling
        height, width = x.shape[1:3]
        y = pixel_unshuffle(reflect(x, 0, -height % self.multiple, 0, -width % self.multiple), self.multiple)
        y = head = conv(y, self.features, 3, dtype=self.dtype, name="head")
        for index in range(self.blocks):
            y = RRDB(self.growth, self.dtype, self.plus, name=f"RRDB_{index}")(y)
        y = head + conv(y, self.features, 3, dtype=self.dtype, name="conv_after_body")
        for index, step in enumerate(steps):
            y = leaky_relu(self._enlarged(y, step, f"conv_up{index + 1}"))
        y = leaky_relu(conv(y, self.features, 3, dtype=self.dtype, name="conv_hr"))
        y = conv(y, self.channels, 3, dtype=self.dtype, name="tail")
        return y.astype(result_type(x))[:, :height * self.scale, :width * self.scale]

    def _enlarged(self, x, step, name):
        """Nearest upsampling by `step`, then a convolution."""
        if step == 2:
            return doubled(x, self.features, edge="zeros", dtype=self.dtype, name=name)
        return conv(x.repeat(step, 1).repeat(step, 2), self.features, 3, dtype=self.dtype, name=name)
