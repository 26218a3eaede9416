"""The convolution with a fast kernel gradient is the library's, in every mode of differentiation."""
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.networks import conv_gradient
from dynjax.networks.conv_gradient import conv_with_fast_gradient

RNG = np.random.default_rng(0)
LAYOUT = ("NHWC", "HWIO", "NHWC")


def drawn(*shape):
    return jnp.asarray(RNG.standard_normal(shape), jnp.float32)


def usual(x, kernel, padding):
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=LAYOUT)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Everything is large enough, and goes through several blocks."""
    monkeypatch.setattr(conv_gradient, "SMALL", 0)
    monkeypatch.setattr(conv_gradient, "BLOCK", 400)


@pytest.mark.parametrize(("shape", "kernel", "padding"), [
    ((3, 9, 8, 2), (3, 3), "SAME"), ((1, 11, 7, 2), (3, 5), "VALID"), ((2, 6, 6, 2), (1, 1), "SAME"),
    ((2, 7, 5, 2), (2, 4), ((1, 0), (2, 2)))])
def test_gradients_are_the_library_s(shape, kernel, padding):
    x, kernel = drawn(*shape), drawn(*kernel, 2, 3)
    ours = lambda x, kernel: conv_with_fast_gradient(x, kernel, (1, 1), padding)
    theirs = lambda x, kernel: usual(x, kernel, padding)
    np.testing.assert_allclose(ours(x, kernel), theirs(x, kernel), atol=1e-6)
    cotangent = drawn(*theirs(x, kernel).shape)
    gradients = [jax.jit(lambda x, k, f=f: jax.vjp(f, x, k)[1](cotangent))(x, kernel) for f in (ours, theirs)]
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max())
    tangents = (drawn(*shape), drawn(*kernel.shape))
    for one, other in zip(*[jax.jvp(f, (x, kernel), tangents) for f in (ours, theirs)], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


@pytest.mark.parametrize("block", [400, 1e9])
def test_inside_a_loop_the_axes_lie_as_a_cpu_s_fast_routine_needs_them(monkeypatch, block):
    monkeypatch.setattr(conv_gradient, "BLOCK", block)
    xs, kernel = drawn(3, 2, 6, 5, 2), drawn(3, 3, 2, 3)

    def gradient(form):   # of all images one after the other
        loss = lambda kernel, xs: jnp.sum(jax.lax.map(lambda x: jnp.sum(form(x, kernel) ** 2), xs))
        return jax.jit(jax.grad(loss, argnums=(0, 1)))

    ours = gradient(lambda x, kernel: conv_with_fast_gradient(x, kernel, (1, 1), "SAME"))
    theirs = gradient(lambda x, kernel: usual(x, kernel, "SAME"))
    for one, other in zip(ours(kernel, xs), theirs(kernel, xs), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max())
    # Images, rows, columns, channels; of the kernel rows, columns, and channels in and out.
    places = set(re.findall(r"dim_labels=(\S+?)[,\s]", ours.lower(kernel, xs).compile().as_text()))
    assert places == {"b01f_01io->b01f"}, places
    assert places < set(re.findall(r"dim_labels=(\S+?)[,\s]", theirs.lower(kernel, xs).compile().as_text()))


def test_second_derivatives_and_vmap():
    x, kernels = drawn(2, 6, 5, 2), drawn(3, 3, 3, 2, 2)

    def curvature(form):   # of a function that is not linear in either
        square = lambda x, kernel: jnp.sum(form(x, kernel) ** 2)
        reverse = lambda x, kernel: jax.jvp(lambda k: jax.grad(square, 1)(x, k), (kernel,), (kernel,))[1]
        twice = lambda x, kernel: jax.grad(lambda x: jnp.sum(jax.grad(square, 1)(x, kernel) ** 2))(x)
        return jax.jit(jax.vmap(reverse, (None, 0)))(x, kernels), jax.jit(twice)(x, kernels[0])

    ours = curvature(lambda x, kernel: conv_with_fast_gradient(x, kernel, (1, 1), "SAME"))
    theirs = curvature(lambda x, kernel: usual(x, kernel, "SAME"))
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max())


@pytest.mark.parametrize("shape", [(1, 5, 3, 2), (8, 64, 64, 64), (40, 48, 48, 8), (3, 100, 1, 7)])
def test_blocks_hold_every_pixel_once(monkeypatch, shape):
    for block in (0.25e6, 64):
        monkeypatch.setattr(conv_gradient, "BLOCK", block)
        seen = np.zeros(shape[:2], int)
        blocks = conv_gradient._blocks(shape, 4)
        for images, rows in blocks:
            seen[images, rows] += 1
        assert (seen == 1).all() and len(blocks) <= conv_gradient.MOST_BLOCKS


@pytest.mark.parametrize("check", [True, False])
def test_inside_shard_map(check):
    mesh = jax.sharding.Mesh(np.asarray(jax.local_devices()[:2]), ("devices",))
    x, kernel = drawn(2, 6, 5, 2), drawn(3, 3, 2, 2)
    split = jax.sharding.PartitionSpec

    def gradient(form):   # of the kernel, which all devices share, by a loss over all of them
        loss = lambda kernel, x: jax.lax.psum(jnp.sum(form(x, kernel) ** 2), "devices")
        return jax.jit(jax.shard_map(jax.grad(loss), mesh=mesh, in_specs=(split(), split("devices")),
                                     out_specs=split(), check_vma=check))(kernel, x)

    ours = gradient(lambda x, kernel: conv_with_fast_gradient(x, kernel, (1, 1), "SAME"))
    theirs = gradient(lambda x, kernel: usual(x, kernel, "SAME"))
    np.testing.assert_allclose(ours, theirs, atol=2e-5 * np.abs(theirs).max())


def test_in_half_precision_and_on_several_devices():
    x, kernel = drawn(2, 6, 6, 2).astype(jnp.bfloat16), drawn(3, 3, 2, 2).astype(jnp.bfloat16)
    loss = lambda kernel, x: jnp.sum(conv_with_fast_gradient(x, kernel, (1, 1), "SAME").astype(jnp.float32) ** 2)
    wanted = jax.grad(lambda kernel, x: jnp.sum(usual(x, kernel, "SAME").astype(jnp.float32) ** 2))(kernel, x)
    found = jax.pmap(lambda kernel, x: jax.lax.psum(jax.grad(loss)(kernel, x), "devices"), axis_name="devices",
                     in_axes=(None, 0))(kernel, x[:, None])
    assert found.dtype == jnp.bfloat16
    np.testing.assert_allclose(found[0].astype(np.float32), wanted.astype(np.float32), rtol=0.1, atol=0.3)
