"""L1 and the Laplacian's energy by hand and against scipy."""
import numpy as np
import pytest
from scipy.ndimage import laplace

from dynjax.metrics import l1, laplacian_energy

RNG = np.random.default_rng(0)


def test_l1_is_the_mean_absolute_difference_on_0_to_1():
    a, b = np.zeros((2, 4, 4, 3), np.float32), np.zeros((2, 4, 4, 3), np.float32)
    b[1, 0, 0] = 0.2                                                      # 51 of 255 levels in one pixel of 16
    np.testing.assert_allclose(l1(a, b), [0, 0.2 / 16], rtol=1e-12)
    np.testing.assert_allclose(l1(a, b, border=1), [0, 0])
    assert l1(a, b + np.float32(1e-4)).max() == l1(a, b).max()            # rounded to 8 bits
    assert l1(a, b + np.float32(1e-4), quantize=False)[0] == pytest.approx(1e-4, rel=1e-3)


def test_the_laplacian_s_energy_by_hand_and_by_scipy():
    point = np.zeros((1, 3, 3, 1), np.float32)
    point[0, 1, 1] = 1
    assert laplacian_energy(point)[0] == pytest.approx(16)                # -4, squared, at the only inner pixel
    pictures = RNG.random((2, 9, 7, 3))
    wanted = [np.mean([laplace(picture[..., c])[1:-1, 1:-1] ** 2 for c in range(3)]) for picture in pictures]
    np.testing.assert_allclose(laplacian_energy(pictures, quantize=False), wanted, rtol=1e-12)
    ramp = np.tile(np.arange(8, dtype=np.float32)[None, :, None, None] / 255, (1, 1, 8, 3))
    assert laplacian_energy(ramp)[0] == 0                                 # straight slopes have no detail


def test_what_has_no_laplacian_is_told():
    with pytest.raises(ValueError, match="laplacian_energy got pictures of 2 x 9 after border=0; wanted 3 x 3"):
        laplacian_energy(np.zeros((1, 2, 9, 3), np.float32))
    with pytest.raises(ValueError, match="l1 got pictures of shapes"):
        l1(np.zeros((1, 4, 4, 3), np.float32), np.zeros((1, 4, 5, 3), np.float32))
