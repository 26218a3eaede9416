"""EDSR (Lim et al. 2017, arXiv 1707.02921): residual blocks without normalisation, for restoration and enlarging."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.image.resize import resize_bicubic
from dynjax.networks.initialisers import SMALL
from dynjax.networks.layers import check_images, conv, pixel_shuffle, result_type

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
SKIPS = ("bicubic", "none")
UPSAMPLERS = ("stepwise", "direct")


class ResidualBlock(nn.Module):
    """Conv, ReLU, conv, times residual_scale, plus the input; [N, H, W, C] to the same shape.

    Attributes:
      faint: start a tenth as large as usual and without bias.
    """
    features: int
    residual_scale: float = 1.0
    dtype: Any = None
    faint: bool = False

    @nn.compact
    def __call__(self, x):
        starts = SMALL if self.faint else {}
        y = nn.relu(conv(x, self.features, 3, **starts, dtype=self.dtype, name="conv1"))
        y = conv(y, self.features, 3, **starts, dtype=self.dtype, name="conv2")
        return x + y * self.residual_scale


class EDSR(nn.Module):
    """EDSR, [N, H, W, channels] in [0, 1] to [N, H * scale, W * scale, channels].

    By default the network adds to a bicubic upsampling of its input (at scale 1 to the input itself) and its last
    convolution starts at zero, so that a fresh network is that upsampling. Two official programs are settings of it;
    `dynjax.pretrained.build` chooses them from the official class name and arguments:

    - "EDSR" (BasicSR): mean=DIV2K_MEAN, image_range=255., residual_scale by size, skip="none".
    - "TunableEDSR" (mindediting): mean=DIV2K_MEAN, residual_scale=0.1, head_relu=True, body_conv=False, skip="none".

    Submodules: head, ResidualBlock_<i>, conv_after_body, upsample_<i>, tail.

    Attributes:
      features: channels inside. blocks: residual blocks. scale: 1, 3 or a power of two. channels: of the images.
      residual_scale: factor on each residual branch.
      mean: subtracted from the images and put back at the end, one number a channel; () is none.
      image_range: factor on the images after the mean is subtracted, undone at the end.
      head_relu: ReLU after the first convolution.
      body_conv: one more convolution after the residual blocks, before the long skip from the head.
      upsampler: "stepwise", a convolution and a pixel shuffle for every factor of two, then the tail, as published;
        "direct", the tail makes all pixels of a patch and one shuffle places them: less than half the time of a small
        network (the light form of SwinIR ends so).
      skip: "bicubic" adds the enlarged input to the result; "none" does not.
      dtype: type the convolutions compute in, such as jnp.bfloat16; the result is float32 all the same.

    Raises:
      ValueError: input that is not a batch of float images, or a field with no such value.
    """
    features: int = 64
    blocks: int = 16
    scale: int = 4
    channels: int = 3
    residual_scale: float = 1.0
    mean: tuple[float, ...] = ()
    image_range: float = 1.0
    head_relu: bool = False
    body_conv: bool = True
    upsampler: str = "stepwise"
    skip: str = "bicubic"
    dtype: Any = None

    @nn.compact
    def __call__(self, x):
        x = check_images(x, "EDSR", channels=self.channels)
        self._check_fields()
        steps = upsampling_steps(self.scale)
        patch = self.scale if self.upsampler == "direct" else 1
        mean = jnp.asarray(self.mean or 0.0, result_type(x)).reshape(1, 1, 1, -1)
        y = (x - mean) * self.image_range
        y = conv(y, self.features, 3, dtype=self.dtype, name="head")
        y = nn.relu(y) if self.head_relu else y
        head = y
        for index in range(self.blocks):
            y = ResidualBlock(self.features, self.residual_scale, self.dtype, name=f"ResidualBlock_{index}")(y)
        if self.body_conv:
            y = conv(y, self.features, 3, dtype=self.dtype, name="conv_after_body")
        y = y + head
        for index, step in enumerate(() if self.upsampler == "direct" else steps):
            y = pixel_shuffle(conv(y, self.features * step**2, 3, dtype=self.dtype, name=f"upsample_{index}"), step)
        y = conv(y, self.channels * patch**2, 3, zero=self.skip == "bicubic", dtype=self.dtype, name="tail")
        y = pixel_shuffle(y, patch)
        y = y.astype(result_type(x)) / self.image_range
        # The enlarged input brings the mean along; otherwise it is put back here.
        return y + (mean if self.skip == "none" else _enlarged(x.astype(result_type(x)), self.scale))

    def _check_fields(self):
        for name, known in (("skip", SKIPS), ("upsampler", UPSAMPLERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"EDSR got {name}={getattr(self, name)!r}; wanted one of {', '.join(known)}.")
        if self.mean and len(self.mean) != self.channels:
            raise ValueError(f"EDSR got a mean of {len(self.mean)} numbers for images of {self.channels} channels; "
                             "wanted one number a channel, or () for none.")


def upsampling_steps(scale):
    """The factors of the pixel shuffles that make up `scale`: (), (3,) or a two for every power.

    Raises:
      ValueError: no such scale.
    """
    if scale == 3:
        return (3,)
    if scale < 1 or scale & (scale - 1):
        raise ValueError(f"scale is {scale}; wanted 1, 3 or a power of two.")
    return (2,) * (scale.bit_length() - 1)


def _enlarged(x, scale):
    return x if scale == 1 else resize_bicubic(x, scale)
