"""The overlap of tiles that is chosen: small, safe on every image, never more than the exact one."""
import warnings

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax import image
from dynjax.inference import overlap, restore
from dynjax.networks import EDSR, NAFNet, RRDBNet, SwinIR

RNG = np.random.default_rng(0)
pytestmark = pytest.mark.filterwarnings("ignore:tiles of")


class Fading(nn.Module):
    """40 zero-padded 3 x 3 convolutions of the input kept by a half: a cut is felt less with every pixel, up to 40."""
    layers: int = 40

    @nn.compact
    def __call__(self, x):
        share = self.param("share", nn.initializers.constant(0.5), ())
        kernel = jnp.full((3, 3, 1, 1), 1 / 9)
        y = x[..., :1]
        for _ in range(self.layers):
            blurred = jax.lax.conv_general_dilated(y, kernel, (1, 1), "SAME",
                                                   dimension_numbers=("NHWC", "HWIO", "NHWC"))
            y = (1 - share) * x[..., :1] + share * blurred
        return jnp.repeat(y, x.shape[-1], -1)


@pytest.fixture
def used(monkeypatch):
    """The overlaps that tiles are run with; nothing is remembered from before."""
    overlap._found.cache_clear()
    overlaps, joined = [], overlap.join_tiles
    monkeypatch.setattr(overlap, "join_tiles", lambda *args, **options: (overlaps.append(options["overlap"]),
                                                                         joined(*args, **options))[1])
    return overlaps


SHARE = {"params": {"share": jnp.float32(0.5)}}


def natural(height, width):
    """Blobs of all sizes and a hard edge."""
    y, x = np.mgrid[:height, :width] / 16
    waves = sum(np.sin(RNG.normal(0, k) * x + RNG.normal(0, k) * y + k)[..., None] * RNG.random(3) / k
                for k in (1, 2, 4))
    return np.clip(0.5 + 0.3 * waves + 0.4 * (x + y > 8)[..., None], 0, 1).astype(np.float32)


@pytest.mark.parametrize(("bits", "dtype", "most"), [(8, np.uint8, 20), (16, np.float32, 30)])
def test_less_than_exact_and_within_half_a_level(used, bits, dtype, most):
    picture = natural(150, 130)
    given = (picture * 255).astype(np.uint8) if dtype == np.uint8 else picture
    whole, tiles = restore(Fading(), SHARE, given), restore(Fading(), SHARE, given, tile=32)
    assert 4 < used[-1] <= most    # exact: 40
    if dtype == np.uint8:
        assert np.abs(tiles.astype(int) - whole).max() <= 1 and (tiles != whole).mean() < 0.01
    else:
        assert np.abs(tiles - whole).max() < 0.5 / 65535


def test_the_exact_overlap_can_be_had(used):
    picture = natural(150, 130)
    tiles = restore(Fading(), SHARE, picture, tile=32, overlap="exact")
    assert used == [40] == [image.receptive_field_radius(lambda x: Fading().apply(SHARE, x))]
    np.testing.assert_allclose(tiles, restore(Fading(), SHARE, picture), atol=1e-6)


def test_a_picture_that_needs_more_than_the_last_is_run_again_with_more(used):
    """A cut is not felt in a black picture; what that taught does not hold for a bright one."""
    restore(Fading(), SHARE, np.zeros((150, 130, 3), np.uint8), tile=32)
    assert used == [4]
    picture = natural(150, 130)
    tiles = restore(Fading(), SHARE, (picture * 255).astype(np.uint8), tile=32)
    whole = restore(Fading(), SHARE, (picture * 255).astype(np.uint8))
    assert used[1] == 4 < used[-1] <= 40 and sorted(used) == used
    assert np.abs(tiles.astype(int) - whole).max() <= 1
    count = len(used)
    restore(Fading(), SHARE, (picture * 255).astype(np.uint8), tile=32)
    assert used[count:] == [used[count - 1]]      # and that is kept


def test_other_weights_are_measured_anew(used):
    picture = natural(150, 130)
    for share, bounds in ((0.2, (4, 12)), (0.8, (13, 40))):
        restore(Fading(), {"params": {"share": jnp.float32(share)}}, picture, tile=32)
        assert bounds[0] < used[-1] <= bounds[1]


def random_weights(net, spread):
    shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, spread, leaf.shape), jnp.float32), shapes)


@pytest.mark.parametrize(("net", "spread"), [
    (EDSR(features=4, blocks=10, scale=2), 0.1),
    (RRDBNet(features=4, blocks=2, growth=2, scale=2), 0.2),
    pytest.param(SwinIR(features=4, depths=(4,), heads=(1,), window=4), 0.2, marks=pytest.mark.slow),
    pytest.param(NAFNet(features=2, encoder_blocks=(1, 1), middle_blocks=1, decoder_blocks=(1, 1), pool="local",
                        train_size=(16, 16)), 0.2, marks=pytest.mark.slow)])
def test_networks_of_random_weights_on_every_kind_of_picture(used, net, spread):
    variables = random_weights(net, spread)
    for picture in (natural(101, 90), RNG.random((101, 90, 3)).astype(np.float32)):
        whole = restore(net, variables, picture)
        tiles = restore(net, variables, picture, tile=32)
        np.testing.assert_allclose(tiles, whole, atol=max(0.5 / 65535, 1e-5 * np.abs(whole).max()))


class Pooled(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x + x.mean((1, 2), keepdims=True)


def test_a_network_that_sees_all_has_no_default_and_no_exact_overlap():
    picture = np.zeros((40, 40, 3), np.uint8)
    for options in ({}, {"overlap": "exact"}):
        with pytest.raises(ValueError, match="the network sees all of an image"):
            restore(Pooled(), {}, picture, tile=16, **options)
    assert restore(Pooled(), {}, picture, tile=16, overlap=4).shape == (40, 40, 3)
    assert restore(Pooled(), {}, picture, tile=40).shape == (40, 40, 3)       # one tile is the whole


@pytest.mark.filterwarnings("default:tiles of")
def test_tiles_that_are_mostly_overlap_are_warned_of():
    picture = natural(90, 80)
    with pytest.warns(UserWarning, match=r"tiles of 10 pixels overlap by 6 .*: 3\.\d times .* Wanted tiles of 12"):
        restore(Fading(6), SHARE, picture, tile=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        restore(Fading(6), SHARE, picture, tile=12)
        restore(Fading(6), SHARE, picture[:9, :9], tile=10)      # not cut


def test_a_map_of_alpha_is_not_cut_into_tiles():
    class Mapped(nn.Module):
        def __call__(self, x, alpha):
            return x * alpha

    picture, alpha = np.ones((40, 40, 3), np.float32), np.full((1, 40, 40, 1), 0.5)
    np.testing.assert_array_equal(restore(Mapped(), {}, picture, alpha), 0.5)
    with pytest.raises(ValueError, match="an alpha that is a map; wanted one point of alpha"):
        restore(Mapped(), {}, picture, alpha, tile=16)


@pytest.mark.parametrize("value", ["exac", "", -1, 2.0, True])
def test_no_such_overlap_is_told(value):
    with pytest.raises(ValueError, match=r"restore got overlap=.*, or 'exact'"):
        restore(Pooled(), {}, np.zeros((4, 4, 3), np.uint8), overlap=value)
