"""The few pieces that several networks are built from; images [N, H, W, C]."""
import flax.linen as nn
import jax.numpy as jnp

from dynjax.networks.conv_gradient import conv_with_fast_gradient
from dynjax.networks.depthwise_conv import depthwise_conv
from dynjax.networks.initialisers import torch_bias, torch_kernel
from dynjax.networks.space_to_depth_conv import space_to_depth_conv
from dynjax.networks.upsample2x_conv import upsample2x_conv


def conv(x, features, size, *, name, strides=1, padding="SAME", groups=1, use_bias=True, kernel_init=torch_kernel,
         bias_init=None, zero=False, dtype=None, form=None):
    """A square convolution, started as PyTorch starts its own; for use inside a compact method.

    Args:
      x: [N, H, W, C]. features: output channels. size: side of the kernel.
      padding: as for flax.linen.Conv; a number is that many zeros on every side.
      groups: of channels; as many as there are make it depthwise, in the form that is fast then.
      bias_init: PyTorch's by default.
      zero: start with kernel and bias at zero.
      form: a function in the place of jax.lax.conv_general_dilated.
    """
    sides = [(padding, padding)] * 2 if isinstance(padding, int) else padding
    starts = {"kernel_init": nn.initializers.zeros_init(), "bias_init": nn.initializers.zeros_init()} if zero else {
        "kernel_init": kernel_init, "bias_init": bias_init or torch_bias(size * size * x.shape[-1] // groups)}
    if form is None and size >= 7 and strides == groups == 1:
        form = space_to_depth_conv   # a network's first and last layers, which have few channels on one side
    if form is None and strides == 1 and groups == features == x.shape[-1] > 1:
        form = depthwise_conv
    if form is None and strides == groups == 1:
        form = conv_with_fast_gradient
    return nn.Conv(features, (size, size), strides=(strides, strides), padding=sides, feature_group_count=groups,
                   use_bias=use_bias, dtype=dtype, name=name, conv_general_dilated=form, **starts)(x)


def instance_norm(x, *, name, dtype=None):
    """Each channel of each image to mean 0 and biased variance 1 (eps 1e-5), then scale and bias; compact methods."""
    return nn.InstanceNorm(epsilon=1e-5, use_fast_variance=False, dtype=dtype, name=name)(x)


def pixel_shuffle(x, scale):
    """[N, H, W, C * s**2] -> [N, H * s, W * s, C], s the scale.

    Output channel c at row dy and column dx of its s x s patch is input channel c * s**2 + dy * s + dx, as in PyTorch.
    """
    n, h, w, channels = x.shape
    x = x.reshape(n, h, w, channels // scale**2, scale, scale)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * scale, w * scale, channels // scale**2)


def pixel_unshuffle(x, scale):
    """[N, H * s, W * s, C] -> [N, H, W, C * s**2], s the scale: the inverse of `pixel_shuffle`, in the same order."""
    n, height, width, channels = x.shape
    x = x.reshape(n, height // scale, scale, width // scale, scale, channels)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, height // scale, width // scale, channels * scale**2)


def doubled(x, features, *, name, edge, use_bias=True, dtype=None):
    """Nearest upsampling by 2, then a 3 x 3 convolution as `conv` has it, padded outside.

    Args:
      x: [N, H, W, C], to [N, 2 H, 2 W, features]. edge: "reflect" or "zeros".
    """
    mode = {"reflect": "edge", "zeros": "constant"}[edge]   # a doubled pixel's reflection is the pixel
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode=mode)
    return conv(x, features, 3, padding="VALID", form=upsample2x_conv, use_bias=use_bias, dtype=dtype, name=name)


class TooSmallError(ValueError):
    """An image that a network cannot take because of its size; the message says what is wanted."""


def reflect(x, top, bottom, left, right):
    """Pads height and width by reflection, the edge itself not repeated.

    Raises:
      TooSmallError: a pad is as large as the side it mirrors.
    """
    height, width = x.shape[1:3]
    if max(top, bottom) >= height or max(left, right) >= width:
        raise TooSmallError(f"an image of {height} x {width} is too small to be padded by reflection with "
                            f"{max(top, bottom)} rows and {max(left, right)} columns; wanted sides above these.")
    return jnp.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), mode="reflect")


def leaky_relu(x, slope=0.2):
    """That slope below zero and at zero itself, as in PyTorch (jax.nn.leaky_relu has slope 1 there)."""
    return jnp.where(x > 0, x, slope * x)


def check_images(x, network, *, channels=None, signed=False):
    """The images as a JAX array; refuses what is not a batch of float images.

    Args:
      signed: whether the network takes [-1, 1]; only the message differs.

    Raises:
      ValueError: not four axes, not floats, or another number of channels.
    """
    x = jnp.asarray(x)
    if x.ndim != 4 or (channels is not None and x.shape[-1] != channels):
        raise ValueError(f"{network} got an array of shape {x.shape}; wanted images "
                         f"(N, H, W, {channels or 'channels'}). Add an axis to a single image with x[None].")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        wanted = ("[-1, 1]. Divide 8-bit images by 127.5 and subtract 1." if signed else
                  "[0, 1]. Divide 8-bit images by 255.")
        raise ValueError(f"{network} got images of type {x.dtype}; wanted floats in {wanted}")
    return x


def result_type(x):
    """The type results have: float32 whatever a network computes in, float64 for float64 images."""
    return jnp.promote_types(x.dtype, jnp.float32)
