"""Gaussian blur and noise against the published program's (parity/ms_degradations) and by hand."""
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.image import gaussian_blur, gaussian_kernel


def test_blur_and_its_kernel_are_the_published_program_s(parity):
    case = parity("ms_degradations")
    image = jnp.asarray(case["in/image_u8_hwc"][None] / np.float32(255))
    for sigma in case.meta["blurs"]:
        line = np.asarray(gaussian_kernel(sigma), np.float64)
        np.testing.assert_allclose(np.outer(line, line), case[f"out/kernel_{sigma}"], atol=1e-7)
        np.testing.assert_allclose(gaussian_blur(image, sigma)[0], case[f"out/blur_{sigma}"], atol=1e-5)


def test_each_image_has_its_own_blur_and_none_leaves_it_alone():
    images = jnp.asarray(np.random.default_rng(0).random((3, 12, 9, 3), np.float32))
    blurred = gaussian_blur(images, jnp.asarray([0.0, 1.0, 2.5]))
    np.testing.assert_array_equal(blurred[0], images[0])
    np.testing.assert_allclose(blurred[1], gaussian_blur(images[1:2], 1.0)[0], atol=1e-6)
    assert np.var(blurred[2]) < np.var(blurred[1]) < np.var(images[1])


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match="support=4; wanted an odd number"):
        gaussian_kernel(1.0, 4)
    with pytest.raises(ValueError, match=r"sigma of shape \(3,\) for 2 images"):
        gaussian_blur(jnp.zeros((2, 4, 4, 3)), jnp.ones(3))
