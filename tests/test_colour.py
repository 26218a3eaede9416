"""Luma and chroma against the published formulas and the program's own Y channel."""
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.image import chroma, luma, ycbcr


@pytest.mark.parametrize("name", ["chelsea_noise25", "coffee_jpeg30", "astronaut_updown3"])
def test_luma_of_the_program(parity, name):
    case = parity("torch_metrics")
    image, wanted = case[f"in/ref_{name}"] / 255, case[f"out/y_channel_of_ref_{name}"]
    np.testing.assert_allclose(luma(image)[..., 0] * 255, wanted, atol=3e-5)      # the program computes in float32
    np.testing.assert_allclose(luma(jnp.asarray(image, jnp.float32))[..., 0] * 255, wanted, atol=5e-5)


def test_studio_range_by_hand():
    black, white, blue = np.zeros(3), np.ones(3), np.array([0.0, 0.0, 1.0])
    np.testing.assert_allclose(ycbcr(black) * 255, [16, 128, 128])
    np.testing.assert_allclose(ycbcr(white) * 255, [235, 128, 128])
    np.testing.assert_allclose(ycbcr(blue) * 255, [40.966, 240, 109.786])


def test_chroma_by_hand():
    red, grey = np.array([1.0, 0, 0]), np.full(3, 0.3)
    np.testing.assert_allclose(chroma(red), [0.492 * -0.299, 0.877 * 0.701])
    np.testing.assert_allclose(chroma(grey), [0, 0], atol=1e-16)


@pytest.mark.parametrize("function, channels", [(luma, 1), (chroma, 2), (ycbcr, 3)])
def test_kind_type_and_shape(function, channels):
    image = np.random.default_rng(0).random((2, 3, 4, 3))
    for given in (image, image.astype(np.float32), jnp.asarray(image, jnp.float32)):
        result = function(given)
        assert isinstance(result, type(given))
        assert result.dtype == given.dtype
        assert result.shape == (2, 3, 4, channels)
    with pytest.raises(ValueError, match=rf"{function.__name__} got shape \(2, 3, 4, 1\); wanted RGB"):
        function(image[..., :1])
    with pytest.raises(ValueError, match="type uint8; wanted floats"):
        function(image.astype(np.uint8))
