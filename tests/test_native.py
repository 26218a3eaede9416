"""numpy arrays of every byte order and layout where images, variables and alpha are taken."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax
from dynjax import image
from dynjax.image.native import native

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (2, 12, 9, 3)).astype(np.float32) / 256     # exact in float16


@pytest.mark.parametrize("dtype", [">f4", ">f2", "<f4", "f2", ">f8"])
@pytest.mark.parametrize("function", [
    lambda x: image.resize_bicubic(x, 2),
    lambda x: image.tiled(lambda part: part * 2, x, tile=4, overlap=1),
    lambda x: image.gaussian_blur(x, 1.5),
    lambda x: image.swinir_test(lambda part: part * 2, x, tile=8, overlap=2),
    lambda x: dynjax.grid(Product(), {}, x, np.array([[0.5], [2]], ">f4"))])
def test_every_byte_order_and_layout(function, dtype):
    wanted = np.asarray(function(IMAGES.astype(dtype).astype(np.dtype(dtype).newbyteorder("="))))
    apart = np.zeros((2, 24, 9, 3), dtype)[:, ::2]
    apart[...] = IMAGES
    for images in (IMAGES.astype(dtype), np.asfortranarray(IMAGES.astype(dtype)), apart):
        result = np.asarray(function(images))
        assert result.dtype == wanted.dtype and result.dtype.isnative
        np.testing.assert_array_equal(result, wanted)


class Product:
    """A wrapper as `grid` takes it, with a field that has no hash."""
    __hash__ = None

    def apply(self, variables, x, alpha):
        return x * alpha[0].astype(x.dtype)


def test_float32_of_the_other_byte_order_stays_float32():
    assert image.resize_bicubic(IMAGES.astype(">f4"), 2).dtype == np.float32


def test_what_is_native_stays_the_object_it_is():
    tree = {"a": IMAGES, "b": jnp.ones(2), "c": 3}
    assert all(native(tree)[name] is value for name, value in tree.items()) and native(tree) is tree
    assert native(np.array(1.5, ">f4")) == np.float32(1.5) and native(np.array([1], ">i2")).dtype == np.int16


def swapped(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf).astype(np.asarray(leaf).dtype.newbyteorder(">")), tree)


def assert_same(one, other):
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert np.asarray(left).dtype.isnative
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("control", [
    lambda net: dynjax.Tunable(net, ("p", "q")), lambda net: dynjax.Tunable(net, ("p", "q"), frozen=("*/bias",)),
    lambda net: dynjax.control.CIN(net, ("p", "q"), norms=("Dense_0",)),
    lambda net: dynjax.control.DNI(net, ("p", "q")),
    lambda net: dynjax.control.Blend(net, ("p", "q")),
    lambda net: dynjax.DynamicNet(net, after={"Dense_0": dynjax.TuningBlock(kernel_size=1, layers=1)})])
def test_controls_take_variables_and_alpha_of_every_byte_order(control):
    net = control(OneDense())
    base = OneDense().init(jax.random.key(0), IMAGES)
    variables = net.from_base(base, jax.random.key(1), IMAGES)
    assert_same(net.from_base(swapped(base), jax.random.key(1), IMAGES), variables)
    alpha = [1.0, 0.0][:len(net.space.names)]
    assert_same(net.bake(swapped(variables), np.array(alpha, ">f4"))[1], net.bake(variables, alpha)[1])
    for order in (">f4", ">f8", ">i4"):
        assert_same(net.apply(variables, IMAGES, np.array(alpha, order)), net.apply(variables, IMAGES, alpha))
    named = {name: np.array(value, ">f4") for name, value in zip(net.space.names, alpha, strict=True)}
    assert_same(net.apply(variables, IMAGES, named), net.apply(variables, IMAGES, alpha))


class OneDense(nn.Module):
    """A network with a layer to be tuned."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(3)(x)


def test_a_model_file_of_the_other_byte_order_is_whole(tmp_path):
    net = dynjax.networks.EDSR(features=2, blocks=1, scale=2)
    variables = net.init(jax.random.key(0), IMAGES)
    for half in (False, True):
        dynjax.save(tmp_path / "a.safetensors", net, swapped(variables), half=half)
        dynjax.save(tmp_path / "b.safetensors", net, variables, half=half)
        assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    dynjax.load(tmp_path / "a.safetensors")
