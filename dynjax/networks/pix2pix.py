"""The U-Net of pix2pix (Isola et al. 2017), in the form of its PyTorch port, and where tuning-blocks go in it."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.networks.batch_norm import BatchNorm
from dynjax.networks.conv_transpose import ConvTranspose
from dynjax.networks.initialisers import gan_kernel, normal
from dynjax.networks.layers import check_images, leaky_relu, result_type

NORMS = ("batch", "instance")
SKIPS = ("leaky", "plain")


def normalise(x, kind, train, *, name="norm", axis_name=None, dtype=None):
    """The port's norms, for use inside a compact method: batch norm, or instance norm without scale and bias."""
    if kind == "instance":
        return nn.InstanceNorm(epsilon=1e-5, use_fast_variance=False, use_bias=False, use_scale=False, dtype=dtype,
                               name=name)(x)
    return BatchNorm(axis_name=axis_name, scale_init=normal(0.02, mean=1.0), name=name)(x, train)


class Down(nn.Module):
    """Leaky ReLU, convolution 4x4 of stride 2, norm; [B, H, W, C] -> [B, H / 2, W / 2, features].

    `first` has neither activation nor norm, `innermost` no norm. Submodules: conv, norm.
    """
    features: int
    norm: str
    first: bool = False
    innermost: bool = False
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        y = nn.Conv(self.features, (4, 4), strides=2, padding=1, use_bias=self.norm == "instance",
                    kernel_init=gan_kernel, dtype=self.dtype, name="conv")(x if self.first else leaky_relu(x))
        if self.first or self.innermost:
            return y
        return normalise(y, self.norm, train, axis_name=self.axis_name, dtype=self.dtype)


class Up(nn.Module):
    """ReLU, transposed convolution 4x4 of stride 2, norm, dropout; [B, H, W, C] -> [B, 2 H, 2 W, features].

    `last` has a bias always and ends in tanh instead of the norm. Submodules: conv, norm, dropout.
    """
    features: int
    norm: str
    dropout: float = 0.0
    last: bool = False
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        y = ConvTranspose(self.features, 4, strides=2, padding=1, use_bias=self.last or self.norm == "instance",
                          kernel_init=gan_kernel, dtype=self.dtype, name="conv")(nn.relu(x))
        if self.last:
            return jnp.tanh(y)
        y = normalise(y, self.norm, train, axis_name=self.axis_name, dtype=self.dtype)
        return nn.Dropout(self.dropout, deterministic=not train, name="dropout")(y) if self.dropout else y


class Join(nn.Module):
    """A skip and what came up beside it: [B, H, W, C] and [B, H, W, D] -> [B, H, W, C + D]."""
    skips: str

    def __call__(self, skip, up):
        return jnp.concatenate([leaky_relu(skip) if self.skips == "leaky" else skip, up], axis=-1)


class UNet(nn.Module):
    """Image to image, [B, H, W, C] -> [B, H, W, channels], both in [-1, 1]; H and W multiples of 2**levels.

    Submodules: down1, ..., down<levels> on the way in, up1, ..., up<levels> on the way out, each beginning with its
    activation; join2, ..., join<levels>, where join<j> is what enters up<j>. A tuning-block

    - after "down4" moves what goes on to down5 and what the skip carries; before "down5" only the former, before the
      join, "join4" of 7 levels, only the latter;
    - after "down7" (7 levels) moves the bottleneck before any activation;
    - after "join4" moves the concatenation before its ReLU.

    `tuning_points` gives these for any number of levels. At images of 2**levels pixels the bottleneck is 1x1: its block
    needs TuningBlock(padding="zeros").

    Attributes:
      features: channels of the first level; they double up to eight times that.
      levels: halvings of the size, 3 or more; published are 7 (128 pixels) and 8 (256 pixels).
      channels: of the result; those of the input may be any number.
      dropout: rate in training. As in the PyTorch port it acts on up2, ..., up<levels - 4>, that is next to the
        innermost level (which has none) and on as many as have eight times the features on both sides; the Lua
        program has it on up1, up2 and up3.
      norm: "batch", or "instance" without scale and bias; with the latter every convolution has a bias.
      skips: what a skip carries of the result e of down<k>. "leaky", leaky_relu(e), as in the published programs,
        whose next activation works in place; "plain", e. They differ for blocks at a join; otherwise a ReLU follows,
        which makes them the same function.
      axis_name: name of the devices' axis in pmap, to take batch statistics over the global batch.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: what is no batch of float images of such sides, or a field with no such value.
    """
    features: int = 64
    levels: int = 7
    channels: int = 3
    dropout: float = 0.0
    norm: str = "batch"
    skips: str = "leaky"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        """train: normalise by the batch's statistics, which is also when the running ones may move, and drop out."""
        x = check_images(x, "UNet", signed=True)
        self._check(*x.shape[1:3])
        shared = {"norm": self.norm, "axis_name": self.axis_name, "dtype": self.dtype}
        widths = [self.features * min(2**level, 8) for level in range(self.levels)]
        y, skips = x, []
        for level, features in enumerate(widths, 1):
            y = Down(features, first=level == 1, innermost=level == self.levels, name=f"down{level}", **shared)(
                y, train)
            skips.append(y)
        skips.pop()
        for level, features in enumerate([*widths[-2::-1], self.channels], 1):
            if level > 1:
                y = Join(self.skips, name=f"join{level}")(skips.pop(), y)
            dropout = self.dropout if 2 <= level <= self.levels - 4 else 0.0
            y = Up(features, dropout=dropout, last=level == self.levels, name=f"up{level}", **shared)(y, train)
        return y.astype(result_type(x))

    def _check(self, height, width):
        if self.levels < 3 or self.norm not in NORMS or self.skips not in SKIPS or not 0 <= self.dropout < 1:
            raise ValueError(f"UNet got levels={self.levels}, norm={self.norm!r}, skips={self.skips!r}, "
                             f"dropout={self.dropout}; wanted 3 levels or more, a norm of {', '.join(NORMS)}, skips of "
                             f"{', '.join(SKIPS)} and a dropout from 0 to below 1.")
        side = 2**self.levels
        if height % side or width % side or not height or not width:
            raise ValueError(f"UNet with levels={self.levels} got images of {height} x {width}; wanted sides that are "
                             f"multiples of {side}. Pad or crop them, or take fewer levels.")


def tuning_points(levels=7, *, skip=True):
    """Paths of the three tuning-blocks of Dynamic-Net's completion network (Shoshan et al. 2019, supplementary).

    They are: before the fifth down-sampling, at the bottleneck, before the fourth up-sampling from the end. The middle
    one needs TuningBlock(padding="zeros") where images have 2**levels pixels a side.

    Args:
      levels: of the UNet, 5 or more.
      skip: whether the first block moves what the skip carries too. Then the paths are for `after` of DynamicNet:
        ("down4", "down7", "join4") for 7 levels; otherwise for `before`: ("down5", "up1", "up4").

    Raises:
      ValueError: fewer levels.
    """
    if levels < 5:
        raise ValueError(f"tuning_points got levels={levels}; wanted 5 or more, for the first point is before the "
                         "fifth down-sampling. Name other modules of the network.")
    return ("down4", f"down{levels}", f"join{levels - 3}") if skip else ("down5", "up1", f"up{levels - 3}")
