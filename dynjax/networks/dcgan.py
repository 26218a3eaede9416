"""DCGAN (Radford et al. 2016) with the widths of Dynamic-Net's faces: a generator and its discriminator."""
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from dynjax.networks.batch_norm import BatchNorm
from dynjax.networks.conv_transpose import ConvTranspose
from dynjax.networks.initialisers import gan_kernel
from dynjax.networks.layers import check_images, leaky_relu, result_type


class TransposedLayer(nn.Module):
    """Transposed convolution without bias, batch norm, ReLU; the last layer ends in tanh and has no norm.

    [B, H, W, C] -> [B, 2 H, 2 W, features]; the first layer takes [B, 1, 1, C] to [B, 4, 4, features].
    Submodules: conv, norm.
    """
    features: int
    first: bool = False
    last: bool = False
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        strides, padding = (1, 0) if self.first else (2, 1)
        y = ConvTranspose(self.features, 4, strides=strides, padding=padding, use_bias=False, kernel_init=gan_kernel,
                          dtype=self.dtype, name="conv")(x)
        if self.last:
            return jnp.tanh(y)
        return nn.relu(BatchNorm(axis_name=self.axis_name, name="norm")(y, train))


class DCGANGenerator(nn.Module):
    """Images from noise: z [B, latent] or [B, 1, 1, latent], drawn from N(0, 1), to [B, size, size, channels].

    Images are in [-1, 1]. Submodules: layer0, layer1, ...; Dynamic-Net's tuning-block goes after "layer2".

    The authors always normalise by the batch's own statistics, so that an image depends on the others of its batch:
    `apply(variables, z, train=True)` does that and, nothing being mutable, leaves the running ones alone.

    Attributes:
      features: channels of the last map but one; each layer before it has twice as many.
      channels: of the images. size: of the images, a power of two from 8 on; 64 has five layers. latent: numbers in z.
      axis_name: name of the devices' axis in pmap, to take batch statistics over the global batch.
      dtype: type the layers compute in; images are float32 all the same.

    Raises:
      ValueError: noise of another form, or a size that is no such power.
    """
    features: int = 128
    channels: int = 3
    size: int = 64
    latent: int = 100
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z, train=False):
        """train: normalise by the batch's statistics, which is also when the running ones may move."""
        z = self._check(jnp.asarray(z))
        y, layers = z.reshape(z.shape[0], 1, 1, self.latent), _halvings(self.size, "DCGANGenerator") - 1
        for index in range(layers):
            last = index == layers - 1
            features = self.channels if last else self.features * 2**(layers - 2 - index)
            y = TransposedLayer(features, first=index == 0, last=last, axis_name=self.axis_name, dtype=self.dtype,
                                name=f"layer{index}")(y, train)
        return y.astype(result_type(z))

    def _check(self, z):
        if z.shape[1:] not in ((self.latent,), (1, 1, self.latent)) or not jnp.issubdtype(z.dtype, jnp.floating):
            raise ValueError(f"DCGANGenerator got noise of shape {z.shape} and type {z.dtype}; wanted floats "
                             f"(B, {self.latent}) or (B, 1, 1, {self.latent}). Draw it with jax.random.normal, or set "
                             "latent.")
        return z


class DCGANDiscriminator(nn.Module):
    """How real images in [-1, 1] look: [B, size, size, C] to logits [B, 1].

    Convolutions 4x4 of stride 2 with leaky ReLU, batch norm on all but the first, until a map of 4x4 is left; no
    convolution has a bias. Submodules: conv0, conv1, norm1, conv2, norm2, ...

    Attributes:
      features: channels of the first convolution; they double each time.
      size: side of the images, a power of two from 8 on; 64 has four convolutions before the last.
      sigmoid: give probabilities as the published network does, not logits.
      axis_name: name of the devices' axis in pmap, to take batch statistics over the global batch.
      dtype: type the layers compute in; the result is float32 all the same.

    Raises:
      ValueError: what is no batch of float images of this size, or a size that is no such power.
    """
    features: int = 128
    size: int = 64
    sigmoid: bool = False
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x, train=False):
        """train: normalise by the batch's statistics, which is also when the running ones may move."""
        x = check_images(x, "DCGANDiscriminator", signed=True)
        layers = _halvings(self.size, "DCGANDiscriminator") - 2
        if x.shape[1:3] != (self.size, self.size):
            raise ValueError(f"DCGANDiscriminator with size={self.size} got images of {x.shape[1]} x {x.shape[2]}; "
                             f"wanted {self.size} x {self.size}. Set size, or resize them.")
        y = x
        for index in range(layers):
            y = self._conv(y, self.features * 2**index, index, strides=2, padding=1)
            if index:
                y = BatchNorm(axis_name=self.axis_name, name=f"norm{index}")(y, train)
            y = leaky_relu(y)
        y = self._conv(y, 1, layers, strides=1, padding=0).reshape(-1, 1).astype(result_type(x))
        return nn.sigmoid(y) if self.sigmoid else y

    def _conv(self, x, features, index, *, strides, padding):
        return nn.Conv(features, (4, 4), strides=strides, padding=padding, use_bias=False, kernel_init=gan_kernel,
                       dtype=self.dtype, name=f"conv{index}")(x)


def _halvings(size, network):
    """log2 of the size."""
    if size < 8 or size & (size - 1):
        raise ValueError(f"{network} got size={size}; wanted 8, 16, 32, 64 or another power of two.")
    return size.bit_length() - 1
