"""Critics: networks that say how real a picture looks, trained against the one that restores it."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from dynjax.networks.batch_norm import BatchNorm
from dynjax.networks.initialisers import torch_bias, torch_kernel
from dynjax.networks.layers import check_images, leaky_relu


class VGGCritic(nn.Module):
    """The VGG-style critic of ESRGAN (Wang et al. 2018), [B, H, W, C] in [0, 1] to logits [B, 1].

    Each stage is a 3x3 convolution and a 4x4 one of stride 2, with batch norm and leaky ReLU; then two dense layers.
    Submodules by the authors' names: conv0_0, conv0_1, bn0_1, conv1_0, bn1_0, ..., linear1, linear2.

    The published networks for 128 and 256 pixels have stages 5 and 6 and pool=None; with the default pool the same
    parameters give the same logits there, and any other size works too.

    Attributes:
      features: channels of the first stage; they double up to eight times that.
      stages: halvings of the size.
      pool: side of the map that the dense layers see, an average over adaptive windows of the last one (windows of
        torch.nn.AdaptiveAvgPool2d); None leaves the map alone and takes squares of 4 * 2**stages pixels only.
      hidden: width of the first dense layer.
      axis_name: name of the devices' axis in pmap, to take batch statistics over the global batch.
      dtype: type the layers compute in; logits are float32 all the same.

    Raises:
      ValueError: what is no batch of float images, or images smaller than 2**stages (with pool=None: of another size).
    """
    features: int = 64
    stages: int = 5
    pool: int | None = 4
    hidden: int = 100
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        """train: normalise by the batch's statistics, which is also when the running ones may move."""
        check_images(x, "VGGCritic")
        self._check_size(*x.shape[1:3])
        norm = lambda y, name: BatchNorm(axis_name=self.axis_name, name=name)(y, train)
        y = leaky_relu(self._conv(x, self.features, 3, name="conv0_0", bias=True))
        y = leaky_relu(norm(self._conv(y, self.features, 4, name="conv0_1"), "bn0_1"))
        for stage in range(1, self.stages):
            features = self.features * min(2**stage, 8)
            for half, size in enumerate((3, 4)):
                y = self._conv(y, features, size, name=f"conv{stage}_{half}")
                y = leaky_relu(norm(y, f"bn{stage}_{half}"))
        y = y if self.pool is None else _adaptive_average(y, self.pool)
        # PyTorch's order, channels first, so that the published dense weights fit.
        y = y.transpose(0, 3, 1, 2).reshape(y.shape[0], -1)
        y = leaky_relu(self._dense(y, self.hidden, "linear1"))
        return self._dense(y, 1, "linear2").astype(jnp.promote_types(x.dtype, jnp.float32))

    def _conv(self, x, features, size, *, name, bias=False):
        """3x3 at stride 1 or 4x4 at stride 2."""
        return nn.Conv(features, (size, size), strides=size // 2, padding=1, use_bias=bias, kernel_init=torch_kernel,
                       bias_init=torch_bias(size**2 * x.shape[-1]), dtype=self.dtype, name=name)(x)

    def _dense(self, x, features, name):
        return nn.Dense(features, kernel_init=torch_kernel, bias_init=torch_bias(x.shape[-1]), dtype=self.dtype,
                        name=name)(x)

    def _check_size(self, height, width):
        if self.stages < 1 or (self.pool is not None and self.pool < 1):
            raise ValueError(f"VGGCritic got stages={self.stages}, pool={self.pool}; wanted 1 or more of each.")
        side = 2**self.stages
        if self.pool is None and (height, width) != (4 * side, 4 * side):
            raise ValueError(f"VGGCritic with stages={self.stages} and pool=None got images of {height} x {width}; "
                             f"wanted {4 * side} x {4 * side}. Set pool=4 for any other size.")
        if min(height, width) < side:
            raise ValueError(f"VGGCritic got images of {height} x {width}, of which {self.stages} halvings leave "
                             f"nothing; wanted sides of {side} or more, or fewer stages.")


def _adaptive_average(x, size):
    """[B, H, W, C] to [B, size, size, C]: means over windows floor(i H / size) .. ceil((i + 1) H / size)."""
    if x.shape[1:3] == (size, size):
        return x
    rows, columns = (jnp.asarray(_windows(side, size), x.dtype) for side in x.shape[1:3])
    return jnp.einsum("ih,jw,bhwc->bijc", rows, columns, x)


def _windows(side, size):
    """The matrix [size, side] that takes these means."""
    means = np.zeros((size, side))
    for row in range(size):
        start, end = row * side // size, -(-(row + 1) * side // size)
        means[row, start:end] = 1 / (end - start)
    return means
