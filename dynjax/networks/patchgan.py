"""PatchGAN, the critic of pix2pix (Isola et al. 2017), in the form of its PyTorch port: one logit a patch."""
from typing import Any

import flax.linen as nn

from dynjax.networks.initialisers import gan_kernel
from dynjax.networks.layers import check_images, leaky_relu, result_type
from dynjax.networks.pix2pix import NORMS, normalise


class PatchCritic(nn.Module):
    """How real every patch of an image looks: [B, H, W, C] in [-1, 1] to a map of logits [B, h, w, 1].

    Convolutions 4x4 with leaky ReLU, `layers` of stride 2, then two of stride 1; norm on all but the first and the
    last. With the default 3 layers a logit sees 70 x 70 pixels, and h = H // 8 - 2: 256 pixels give 30, 128 give 14,
    72 give 7, 70 give 6. Any number of channels; a condition goes beside the image as further ones.
    Submodules: conv0, conv1, norm1, conv2, norm2, ..., conv<layers + 1>.

    Attributes:
      features: channels of the first convolution; they double up to eight times that.
      layers: halvings of the size.
      norm: "batch", or "instance" without scale and bias; with the latter every convolution has a bias, with the former
        only the first and the last.
      sigmoid: give probabilities, not logits.
      axis_name: name of the devices' axis in pmap, to take batch statistics over the global batch.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: what is no batch of float images, sides below 3 * 2**layers, or a field with no such value.
    """
    features: int = 64
    layers: int = 3
    norm: str = "batch"
    sigmoid: bool = False
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        """train: normalise by the batch's statistics, which is also when the running ones may move."""
        x = check_images(x, "PatchCritic", signed=True)
        self._check(*x.shape[1:3])
        y = leaky_relu(self._conv(x, self.features, 0))
        for index in range(1, self.layers + 1):
            y = self._conv(y, self.features * min(2**index, 8), index)
            y = leaky_relu(normalise(y, self.norm, train, name=f"norm{index}", axis_name=self.axis_name,
                                     dtype=self.dtype))
        y = self._conv(y, 1, self.layers + 1).astype(result_type(x))
        return nn.sigmoid(y) if self.sigmoid else y

    def _conv(self, x, features, index):
        outer = index in (0, self.layers + 1)
        return nn.Conv(features, (4, 4), strides=2 if index < self.layers else 1, padding=1,
                       use_bias=outer or self.norm == "instance", kernel_init=gan_kernel, dtype=self.dtype,
                       name=f"conv{index}")(x)

    def _check(self, height, width):
        if self.layers < 1 or self.norm not in NORMS:
            raise ValueError(f"PatchCritic got layers={self.layers} and norm={self.norm!r}; wanted 1 layer or more and "
                             f"a norm of {', '.join(NORMS)}.")
        smallest = 3 * 2**self.layers
        if min(height, width) < smallest:
            raise ValueError(f"PatchCritic with layers={self.layers} got images of {height} x {width}, of which no "
                             f"patch is left; wanted sides of {smallest} or more, or fewer layers.")
