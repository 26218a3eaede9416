"""Noise by moments and by keys, and what it refuses."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.data.degradations import add_gaussian_noise

KEYS = jax.random.split(jax.random.key(0), 4)
IMAGES = jnp.full((4, 64, 64, 3), 0.5)


def test_noise_has_the_asked_deviation_for_each_image():
    sigma = jnp.array([0.0, 0.1, 0.2, 1.0])
    noise = np.asarray(add_gaussian_noise(IMAGES, KEYS, sigma) - IMAGES)
    # 12288 samples: the standard error of the mean is sigma / 111, of the deviation sigma / 157; five of them allowed
    np.testing.assert_allclose(noise.mean(axis=(1, 2, 3)) / np.maximum(sigma, 1e-9), 0, atol=5 / 111)
    np.testing.assert_allclose(noise.std(axis=(1, 2, 3)), sigma, rtol=5 / 157)
    one = np.asarray(add_gaussian_noise(IMAGES, KEYS, 1.0) - IMAGES)
    np.testing.assert_allclose(one[2], noise[2] / 0.2, atol=1e-5)
    assert abs(np.corrcoef(one.reshape(4, -1)) - np.eye(4)).max() < 5 / 111   # each image has noise of its own


def test_noise_of_an_image_does_not_depend_on_the_batch():
    whole = jax.jit(add_gaussian_noise)(IMAGES, KEYS, 0.1)
    parts = [add_gaussian_noise(IMAGES[i:i + 1], KEYS[i:i + 1], 0.1) for i in (3, 0, 1, 2)]
    np.testing.assert_allclose(whole[jnp.array([3, 0, 1, 2])], jnp.concatenate(parts), atol=1e-6)
    raw = add_gaussian_noise(IMAGES, jax.random.key_data(KEYS), 0.1)   # keys of the old kind
    np.testing.assert_allclose(raw, whole, atol=1e-6)


def test_noise_refuses_one_key_for_all_and_wrong_sigma():
    with pytest.raises(ValueError, match=r"keys of shape \(\) for images.*one key an image"):
        add_gaussian_noise(IMAGES, KEYS[0], 0.1)
    with pytest.raises(ValueError, match=r"sigma of shape \(3,\) for 4 images"):
        add_gaussian_noise(IMAGES, KEYS, jnp.ones(3))
