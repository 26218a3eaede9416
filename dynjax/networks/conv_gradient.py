"""A convolution whose gradients are fast on CPUs: the same sums in another order.

XLA takes the kernel gradient of all pixels at once, and where these are more than its caches hold a CPU takes three to
six times as long for it as for the convolution itself; a few hundred kilobytes at a time about as long as that.

Inside compiled loops (jax.lax.map, jax.lax.scan) XLA does not reorder the axes of a convolution, and one whose axes do
not lie as its fast routine needs them is computed number by number, fifty times slower or more. Both gradients are
written with their axes in that order here.
"""
import functools
import math

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

SMALL = 1.5e6       # bytes of a result; below these nothing is gained by blocks
BLOCK = 0.25e6      # bytes of a block of it
MOST_BLOCKS = 32    # of one layer: each is a convolution more to compile
LAYOUT = ("NHWC", "HWIO", "NHWC")


def conv_with_fast_gradient(x, kernel, strides, padding, **options):
    """jax.lax.conv_general_dilated of images for strides of 1, no dilation and no groups; its gradients to rounding.

    Meant for `flax.linen.Conv(conv_general_dilated=conv_with_fast_gradient)`. Forward and reverse mode, of any order,
    and vmap work as for the library call; under vmap and on accelerators it is that call.

    Args:
      x: [N, H, W, C]. kernel: [K, K', C, F].
      strides: (1, 1). padding: "SAME", "VALID" or ((top, bottom), (left, right)).
      options: others of the library call; precision is heeded.

    Returns:
      [N, H', W', F].
    """
    if isinstance(padding, str):
        padding = jax.lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], strides, padding)
    return _primitive.bind(x, kernel, padding=tuple(map(tuple, padding)), precision=options.get("precision"))


def _conv(x, kernel, *, padding, precision):
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=LAYOUT, precision=precision)


def _by_input(cotangent, x, kernel, *, padding, precision):
    def turned(cotangent, kernel):
        pads = [(side - 1 - low, side - 1 - high) for side, (low, high) in zip(kernel.shape, padding, strict=False)]
        gradient = _conv(cotangent, kernel[::-1, ::-1].swapaxes(2, 3), padding=pads, precision=precision)
        return _of_type(x.aval, gradient)

    def library(cotangent, kernel):
        transpose = jax.linear_transpose(lambda x: _conv(x, kernel, padding=padding, precision=precision), x.aval)
        return transpose(cotangent)[0]

    return jax.lax.platform_dependent(cotangent, kernel, cpu=turned, default=library)


def _by_kernel(cotangent, x, kernel, *, padding, precision):
    def whole(x, cotangent, padding=padding):
        # The images take the place of the channels that are summed over, the gradient's rows that of the kernel's.
        gradient = _conv(x.transpose(3, 1, 2, 0), cotangent.transpose(1, 2, 0, 3), padding=padding, precision=precision)
        return _of_type(kernel.aval, gradient.transpose(1, 2, 0, 3))

    def in_blocks(x, cotangent):
        x, more = jnp.pad(x, ((0, 0), *padding, (0, 0))), kernel.aval.shape[0] - 1
        return sum(whole(x[images, rows.start:rows.stop + more], cotangent[images, rows], padding="VALID")
                   for images, rows in _blocks(cotangent.shape, cotangent.dtype.itemsize))

    def library(x, cotangent):
        transpose = jax.linear_transpose(
            lambda kernel: _conv(x, kernel, padding=padding, precision=precision), kernel.aval)
        return transpose(cotangent)[0]

    small = cotangent.size * cotangent.dtype.itemsize < SMALL
    return jax.lax.platform_dependent(x, cotangent, cpu=whole if small else in_blocks, default=library)


def _of_type(aval, gradient):
    """The gradient of what `aval` describes: inside a shard_map summed over the devices that share that array."""
    spread = lambda array: array + jnp.zeros_like(gradient)
    return jax.linear_transpose(spread, aval)(gradient)[0]


def _blocks(shape, itemsize):
    """(images, rows) as slices; together everything, at most MOST_BLOCKS where there are no more images."""
    count, height = shape[:2]
    wanted = max(1, min(MOST_BLOCKS, math.ceil(math.prod(shape) * itemsize / BLOCK)))
    images = max(1, -(-count // wanted))
    rows = -(-height // max(1, wanted // -(-count // images)))
    return [(slice(first, min(first + images, count)), slice(top, min(top + rows, height)))
            for first in range(0, count, images) for top in range(0, height, rows)]


def _result(x, kernel, **options):
    """The type of the result, with all that the library call says of it, such as over which devices it varies."""
    return jax.make_jaxpr(functools.partial(_conv, **options))(x, kernel).out_avals[0]


def _vmapped(arguments, axes, **options):
    return jax.vmap(functools.partial(_conv, **options), axes)(*arguments), 0


_primitive = Primitive("conv_with_fast_gradient")
_primitive.def_impl(jax.jit(_conv, static_argnames=("padding", "precision")))
_primitive.def_abstract_eval(_result)
mlir.register_lowering(_primitive, mlir.lower_fun(_conv, multiple_results=False))
ad.defbilinear(_primitive, _by_input, _by_kernel)
batching.primitive_batchers[_primitive] = _vmapped
