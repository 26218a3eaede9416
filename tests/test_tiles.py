"""Tiles give what the whole image gives, and a network's reach is found without knowing it."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax import image
from dynjax.image import tiles
from dynjax.networks import EDSR, NAFNet

RNG = np.random.default_rng(0)


class Convs(nn.Module):
    """Plain convolutions of a known reach."""
    sizes: tuple = (3, 5)
    dilation: int = 1

    @nn.compact
    def __call__(self, x):
        for size in self.sizes:
            x = nn.relu(nn.Conv(4, (size, size), kernel_dilation=self.dilation)(x))
        return nn.Conv(3, (1, 1))(x)


class Pooled(nn.Module):
    """Looks at the whole image."""

    @nn.compact
    def __call__(self, x):
        return x + nn.Conv(3, (1, 1))(x.mean((1, 2), keepdims=True))


class Halved(nn.Module):
    """Down by two and up again."""

    @nn.compact
    def __call__(self, x):
        y = nn.Conv(4, (2, 2), strides=2, padding="VALID")(x)
        y = nn.Conv(4, (3, 3))(y)
        return x + nn.ConvTranspose(3, (2, 2), strides=(2, 2), padding="VALID")(y)


def applied(net):
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    noise = lambda leaf: leaf + 0.1 * RNG.standard_normal(leaf.shape).astype(np.float32)
    variables = jax.tree.map(noise, variables)   # some layers start at zero
    return lambda x: net.apply(variables, x)


@pytest.mark.parametrize(("net", "options", "wanted"), [
    (Convs(), {}, 3), (Convs((3,), dilation=7), {}, 7), (EDSR(features=4, blocks=2, scale=1), {}, 1 + 4 + 1 + 1),
    (Halved(), {"multiple": 2}, 2), (Convs((3,) * 50), {}, 50),
    (EDSR(features=4, blocks=1, scale=2), {"scale": 2}, None)])
def test_the_reach_of_a_network(net, options, wanted):
    found = image.receptive_field_radius(applied(net), **options)
    # x2: the convolutions before the shuffle reach 1 + 2 + 1 + 1, the last one half a pixel of the input more.
    assert found == (6 if wanted is None else wanted)


def test_a_network_that_sees_everything_has_no_reach():
    with pytest.raises(ValueError, match="sees all of an image of 256 x 256, or does not"):
        image.receptive_field_radius(applied(Pooled()), largest=128)


@pytest.mark.parametrize(("net", "options", "size"), [
    (Convs(), {}, (37, 53)), (EDSR(features=4, blocks=2, scale=1), {}, (40, 61)),
    (EDSR(features=4, blocks=1, scale=2), {"scale": 2}, (33, 47)), (Halved(), {"multiple": 2}, (46, 70))])
def test_tiles_equal_the_whole(net, options, size):
    run = applied(net)
    x = jnp.asarray(RNG.uniform(0, 1, (2, *size, 3)).astype(np.float32))
    shapes = []

    def noting(x):
        shapes.append(x.shape)
        return run(x)

    tiles = image.tiled(noting, x, tile=16, overlap=image.receptive_field_radius(run, **options), **options)
    np.testing.assert_allclose(tiles, run(x), atol=1e-5)
    assert len(shapes) == 1 and shapes[0][1] < size[0]     # one program, of less than the whole


def local(pool):
    net = NAFNet(features=4, encoder_blocks=(1,), decoder_blocks=(1,), middle_blocks=1, pool=pool, train_size=(24, 24))
    shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    rng = np.random.default_rng(1)
    variables = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.5, leaf.shape), jnp.float32), shapes)
    return lambda x: net.apply(variables, x)


def test_tiles_of_local_means_equal_the_whole():
    """A tile's edge cuts away everything beyond it: more than a few pixels changed far away."""
    run, x = local("local"), jnp.asarray(RNG.uniform(0, 1, (1, 161, 143, 3)).astype(np.float32))
    whole = np.asarray(jax.jit(run)(x))
    tiles = image.tiled(run, x, tile=16, overlap=image.receptive_field_radius(run, multiple=2), multiple=2)
    np.testing.assert_allclose(tiles, whole, atol=2e-5 * np.abs(whole).max())


def test_local_means_that_depend_on_the_size_have_no_reach():
    with pytest.raises(ValueError, match="does not treat parts of an image as it treats the whole"):
        image.receptive_field_radius(local("local_fast"), multiple=2, largest=64)


def test_small_images_run_whole():
    run = applied(Convs())
    x = jnp.asarray(RNG.uniform(0, 1, (1, 9, 11, 3)).astype(np.float32))
    np.testing.assert_allclose(image.tiled(run, x, tile=64, overlap=3), run(x), atol=1e-6)


def test_windows_stay_where_they_are():
    """Every tile begins at a multiple, so that a network of windows cuts it as it cuts the whole image."""
    def windows(x):   # each 8 x 8 window becomes its mean
        n, h, w, c = x.shape
        means = x.reshape(n, h // 8, 8, w // 8, 8, c).mean((2, 4), keepdims=True)
        return jnp.broadcast_to(means, (n, h // 8, 8, w // 8, 8, c)).reshape(x.shape)

    x = jnp.asarray(RNG.uniform(0, 1, (1, 80, 72, 3)).astype(np.float32))
    np.testing.assert_allclose(image.tiled(windows, x, tile=24, overlap=4, multiple=8), windows(x), atol=1e-6)


@pytest.mark.parametrize(("options", "sentence"), [
    (dict(tile=0), "tile=0 .* wanted 1 or more"), (dict(tile=20, multiple=8), "tile=20 .* a multiple of 8"),
    (dict(overlap=-1), "overlap=-1"), (dict(scale=3), r"gave \(1, 22, 22, 3\) for a tile of \(1, 22, 22, 3\)")])
def test_what_does_not_fit_is_told(options, sentence):
    x = jnp.zeros((1, 60, 60, 3))
    with pytest.raises(ValueError, match=sentence):
        image.tiled(lambda x: x, x, **{"tile": 16, "overlap": 3, **options})


@pytest.mark.parametrize("setting", ["jax_debug_nans", "jax_debug_infs"])
@pytest.mark.parametrize(("net", "options", "wanted"), [
    (Convs(), {}, 3), (EDSR(features=4, blocks=1, scale=2), {"scale": 2}, 6)])
def test_the_reach_while_jax_looks_for_nans(setting, net, options, wanted):
    run = applied(net)
    jax.config.update(setting, True)
    try:
        assert image.receptive_field_radius(run, **options) == wanted
        assert getattr(jax.config, setting)
    finally:
        jax.config.update(setting, False)


def test_a_faint_influence_through_a_resize_is_found():
    """Matrices spread NaNs everywhere; the tenth of a thousandth of the largest value is an influence all the same."""
    def faint(x):
        far = jnp.pad(x, ((0, 0), (20, 20), (20, 20), (0, 0)))
        far = far[:, 40:, 20:-20] + far[:, 20:-20, :-40]
        return image.resize_bicubic(x, 2) + 1e-6 * far.repeat(2, 1).repeat(2, 2)

    assert image.receptive_field_radius(faint, scale=2) == 20


@pytest.mark.parametrize(("side", "tile", "overlap", "multiple", "wanted"), [
    (100, 32, 8, 1, [(0, 48, 0, 40), (32, 48, 40, 72), (52, 48, 72, 100)]),
    (48, 32, 8, 1, [(0, 48, 0, 48)]), (20, 32, 8, 1, [(0, 20, 0, 20)]),
    (49, 32, 8, 1, [(0, 48, 0, 40), (1, 48, 40, 49)]),
    (67, 16, 8, 8, [(0, 35, 0, 24), (16, 35, 24, 40), (32, 35, 40, 67)])])
def test_tiles_reach_to_the_image_s_ends_and_are_no_more_than_that_takes(side, tile, overlap, multiple, wanted):
    """(start, length, first kept, last kept + 1), by hand."""
    assert tiles.tile_spans(side, tile, overlap, multiple) == wanted


def test_another_image_through_the_same_function_compiles_nothing():
    traced = []

    def run(x):
        traced.append(x.shape)
        return x + 1

    for size in ((40, 50), (33, 61), (90, 30)):
        image.tiled(run, np.zeros((1, *size, 3), np.float32), tile=16, overlap=2)
    assert traced == [(1, 20, 20, 3)]


def test_tiles_that_disagree_at_a_seam_are_not_joined():
    rows = lambda x: x * jnp.arange(x.shape[1]).reshape(1, -1, 1, 1)      # another value in every tile
    x = np.ones((1, 40, 8, 1), np.float32)
    assert tiles.join_tiles(rows, x, tile=16, overlap=4, limit=15.9) is None
    assert tiles.join_tiles(rows, x, tile=16, overlap=4, limit=16) is not None
    assert tiles.join_tiles(rows, x.swapaxes(1, 2), tile=16, overlap=4, limit=0) is not None
