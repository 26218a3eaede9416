"""Convolutions in the form that this library gives them, against the usual one.

    python3 -m benchmarks.convolutions

Transposed ones, as dynjax.ConvTranspose has them, against an input with zeros between its rows, for the layers of DCGAN
and of pix2pix's U-Net; the 9 x 9 layers of the style network by blocks of pixels; its layers of doubled images; the
depthwise layers of NAFNet as sums of shifted images; the layers of EDSR with the kernel gradient in blocks. Prints the
milliseconds of a call and of its gradient (by input and kernel) in both forms, and their ratio. The two take turns and
the best of several calls counts, so that the ratio holds on a busy machine too.
"""
import time

import jax
import jax.numpy as jnp

from benchmarks.timing import table
from dynjax.networks import ConvTranspose
from dynjax.networks.conv_gradient import conv_with_fast_gradient
from dynjax.networks.depthwise_conv import depthwise_conv
from dynjax.networks.space_to_depth_conv import space_to_depth_conv
from dynjax.networks.upsample2x_conv import upsample2x_conv

# Name, batch, side, channels in, channels out, strides, padding; kernels are 4x4.
LAYERS = (
    ("DCGAN layer0", 16, 1, 100, 1024, 1, 0), ("DCGAN layer1", 16, 4, 512, 256, 2, 1),
    ("DCGAN layer3", 16, 16, 128, 64, 2, 1), ("DCGAN layer4", 16, 32, 64, 3, 2, 1),
    ("U-Net up1", 4, 1, 512, 512, 2, 1), ("U-Net up4", 4, 8, 512, 128, 2, 1), ("U-Net up6", 4, 32, 128, 32, 2, 1),
    ("U-Net up7", 4, 64, 64, 3, 2, 1))
# Name, batch, side, channels in, channels out; kernels are 9x9, the padding is done.
WIDE = (("style conv1", 1, 264, 3, 32), ("style deconv3", 1, 264, 32, 3), ("style conv1", 4, 72, 3, 16),
        ("style deconv3", 4, 72, 16, 3))
# Name, batch, side, channels in, channels out; kernels are 3x3.
DOUBLED = (("style deconv1", 1, 64, 128, 64), ("style deconv2", 1, 128, 64, 32), ("style deconv2", 4, 32, 32, 16))
# Name, batch, side, channels; kernels are 3x3.
DEPTHWISE = (("NAF level 0", 1, 128, 64), ("NAF level 0", 4, 64, 64), ("NAF level 2", 1, 32, 256),
             ("NAF level 4", 1, 16, 1024))
# Name, batch, side, channels in and out; kernels are 3x3.
BODY = (("EDSR 32", 8, 64, 32), ("EDSR 64", 4, 48, 64), ("EDSR 64", 8, 64, 64), ("SwinIR 60", 4, 48, 60))
CALLS = 7


def with_zeros(x, kernel, strides, padding):
    """The usual form: an ordinary convolution of the input with zeros between its rows and columns."""
    pads = [(side - 1 - padding,) * 2 for side in kernel.shape[:2]]
    return jax.lax.conv_general_dilated(x, kernel[::-1, ::-1], (1, 1), pads, lhs_dilation=(strides, strides),
                                        dimension_numbers=("NHWC", "HWIO", "NHWC"))


def usual(x, kernel):
    """An ordinary convolution, the padding done."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def of_doubled(x, kernel):
    """The usual form: the image is made large and padded first."""
    large = jnp.pad(jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    return usual(large, kernel)


def grouped(x, kernel):
    """The usual form: a convolution with a group for every channel."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"),
                                        feature_group_count=x.shape[-1])


def energy(form):
    """A scalar of a form's result, to differentiate."""
    return lambda x, kernel: jnp.square(form(x, kernel)).sum()


def fastest(functions, *inputs):
    """Milliseconds of each function, the best of several calls in turn."""
    for function in functions:
        jax.block_until_ready(function(*inputs))
    times = [float("inf")] * len(functions)
    for _ in range(CALLS):
        for index, function in enumerate(functions):
            start = time.perf_counter()
            jax.block_until_ready(function(*inputs))
            times[index] = min(times[index], 1e3 * (time.perf_counter() - start))
    return times


def compare(name, forms, x, kernel):
    """One row: both forms' milliseconds, and how many times as long the second takes."""
    calls = fastest([jax.jit(form) for form in forms], x, kernel)
    gradients = fastest([jax.jit(jax.grad(energy(form), argnums=(0, 1))) for form in forms], x, kernel)
    return [name, *(figure for ours, other in (calls, gradients)
                    for figure in (f"{ours:.1f}", f"{other:.1f}", f"{other / ours:.1f}"))]


def main():
    rows = []
    normal = lambda key, *shape: jax.random.normal(jax.random.key(key), shape)
    for name, batch, side, channels, features, strides, padding in LAYERS:
        layer = ConvTranspose(features, 4, strides=strides, padding=padding, use_bias=False)
        forms = (lambda x, kernel, layer=layer: layer.apply({"params": {"kernel": kernel}}, x),
                 lambda x, kernel, s=strides, p=padding: with_zeros(x, kernel, s, p))
        rows.append(compare(name, forms, normal(0, batch, side, side, channels), normal(1, 4, 4, channels, features)))
    for name, batch, side, channels, features in WIDE:
        forms = (lambda x, kernel: space_to_depth_conv(x, kernel, (1, 1), "VALID"), usual)
        rows.append(compare(name, forms, normal(0, batch, side, side, channels), normal(1, 9, 9, channels, features)))
    edge = lambda x: jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    for name, batch, side, channels, features in DOUBLED:
        forms = (lambda x, kernel: upsample2x_conv(edge(x), kernel), of_doubled)
        rows.append(compare(name, forms, normal(0, batch, side, side, channels), normal(1, 3, 3, channels, features)))
    for name, batch, side, channels in DEPTHWISE:
        forms = (lambda x, kernel: depthwise_conv(x, kernel, (1, 1), "SAME"), grouped)
        rows.append(compare(name, forms, normal(0, batch, side, side, channels), normal(1, 3, 3, 1, channels)))
    for name, batch, side, channels in BODY:
        forms = (lambda x, kernel: conv_with_fast_gradient(x, kernel, (1, 1), "VALID"), usual)
        rows.append(compare(name, forms, normal(0, batch, side, side, channels), normal(1, 3, 3, channels, channels)))
    table(["layer", "call, ms", "usual", "ratio", "gradient, ms", "usual", "ratio"], rows)


if __name__ == "__main__":
    main()
