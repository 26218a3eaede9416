"""numpy arrays of every byte order and layout where images are taken."""
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
    assert all(native(tree)[name] is value for name, value in tree.items())
    assert native(np.array(1.5, ">f4")) == np.float32(1.5) and native(np.array([1], ">i2")).dtype == np.int16
