"""Pictures of every kind through networks whose answers are known."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax
from dynjax.files import read_deep_picture, write_deep_picture
from dynjax.inference import restore, restore_file

RNG = np.random.default_rng(0)


class Scaled(nn.Module):
    """channel -> factor * channel, enlarged by repeating; with a convolution's reach of one."""
    channels: int = 3
    scale: int = 1

    @nn.compact
    def __call__(self, x):
        if x.shape[-1] != self.channels:
            raise ValueError(f"wanted {self.channels} channels")
        factor = self.param("factor", nn.initializers.ones, (self.channels,))
        neighbours = (jnp.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))[:, 2:] - x) * 0.0
        return ((x + neighbours) * factor[None, None, None]).repeat(self.scale, 1).repeat(self.scale, 2)


def made(factors=(0.5, 0.5, 0.5), scale=1):
    return Scaled(len(factors), scale), {"params": {"factor": jnp.array(factors)}}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_depth_and_transparency_come_back(dtype):
    top = np.iinfo(dtype).max
    picture = (RNG.integers(0, top // 2, (6, 5, 4)) * 2).astype(dtype)
    result = restore(*made(), picture)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result[..., :3], picture[..., :3] // 2)      # even numbers: exactly half
    np.testing.assert_array_equal(result[..., 3], picture[..., 3])             # bit for bit


def test_grey_through_a_colour_network_and_the_other_way():
    grey = RNG.random((6, 5, 1)).astype(np.float32)
    np.testing.assert_allclose(restore(*made((0.2, 0.5, 0.8)), grey), grey * 0.5, rtol=1e-6)
    colour = RNG.random((6, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(restore(*made((0.25,)), colour), colour * 0.25, rtol=1e-6)
    assert restore(*made((0.25,)), (colour * 255).astype(np.uint8)).shape == (6, 5, 3)


def test_enlarging_enlarges_transparency_too():
    picture = np.concatenate([RNG.random((4, 5, 1)), np.full((4, 5, 1), 0.25)], -1).astype(np.float32)
    result = restore(*made(scale=2), picture)
    assert result.shape == (8, 10, 2)
    np.testing.assert_allclose(result[..., 1], 0.25, rtol=1e-5)


@pytest.mark.parametrize("factors", [(0.2, 0.5, 0.8), (0.25,)])
def test_tiles_change_nothing(factors):
    picture = RNG.integers(0, 65536, (41, 67, 3)).astype(np.uint16)
    whole = restore(*made(factors, 2), picture)
    np.testing.assert_array_equal(restore(*made(factors, 2), picture, tile=16), whole)


def started(net, *inputs):
    """Weights of which none is at its start, where some blocks are the identity."""
    shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)), *inputs)
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(0, 0.2, leaf.shape), jnp.float32), shapes)


@pytest.mark.parametrize(("net", "alpha", "tile"), [
    (dynjax.networks.SwinIR(features=4, depths=(2,), heads=(1,), window=2), None, 9),
    (dynjax.networks.NAFNet(features=2, encoder_blocks=(1,), middle_blocks=0, decoder_blocks=(1,), pool="local",
                            train_size=(4, 4)), None, 9),
    (dynjax.networks.FFDNet(features=4, layers=3, channels=3), 0.1, 9),
    (dynjax.Tunable(dynjax.networks.RRDBNet(features=2, blocks=1, growth=2, scale=2), alpha=("a", "b")), [0.3, 0.7],
     9)])
def test_tiles_begin_where_the_network_s_blocks_do(net, alpha, tile):
    variables = started(net) if alpha is None else started(net, jnp.asarray(alpha))
    picture = RNG.random((51, 70, 3)).astype(np.float32)
    whole = restore(net, variables, picture, alpha)
    np.testing.assert_allclose(restore(net, variables, picture, alpha, tile=tile), whole, atol=1e-4 * abs(whole).max())


def test_colour_through_a_grey_network_that_is_tuned():
    net, variables = made((0.5,))
    tunable = dynjax.Tunable(net, alpha=("a", "b"))
    picture = RNG.random((5, 4, 3)).astype(np.float32)
    result = restore(tunable, tunable.from_base(variables), picture, [[0.5, 0.5]])
    np.testing.assert_allclose(result, picture / 2, rtol=1e-6)


def test_a_tuned_network_needs_its_alpha_and_others_none():
    net, variables = made()
    tunable = dynjax.Tunable(net, alpha=("a", "b"))
    stacked = tunable.from_base(variables)
    picture = np.full((4, 4, 3), 200, np.uint8)
    np.testing.assert_array_equal(restore(tunable, stacked, picture, {"a": 0.5, "b": 0.5}), 100)
    with pytest.raises(ValueError, match=r"a Tunable and no alpha was given; wanted one, such as alpha={'a': 0.5, "):
        restore(tunable, stacked, picture)
    with pytest.raises(ValueError, match="an alpha was given, but the network is a Scaled, which has none"):
        restore(net, variables, picture, 0.5)


def test_what_a_network_wants_is_told_by_the_argument_it_is_given_as():
    net = dynjax.networks.FFDNet(features=4, layers=3)
    with pytest.raises(ValueError, match=r"a FFDNet and no sigma was given; wanted one, such as alpha=25 / 255\."):
        restore(net, {}, np.zeros((4, 4, 3), np.uint8))


def test_a_picture_too_small_for_a_network_is_told_once():
    net = dynjax.networks.SwinIR(features=4, depths=(2,), heads=(2,), window=8)
    with pytest.raises(ValueError, match=r"^the network cannot take this picture: an image of 3 x 3 is too small"):
        restore(net, net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3))), np.zeros((3, 3, 3), np.uint8))


def test_a_wrong_alpha_is_told_by_itself():
    tunable = dynjax.Tunable(made()[0], alpha=("a", "b"))
    with pytest.raises(ValueError, match=r"cannot take this picture: alpha by name .*missing: b"):
        restore(tunable, tunable.from_base(made()[1]), np.full((4, 4, 3), 200, np.uint8), {"a": 0.5})


def test_a_tuned_network_is_given_what_it_needs_besides_alpha():
    net = dynjax.Tunable(dynjax.networks.FFDNet(features=4, layers=3, channels=3), alpha=("a", "b"))
    variables, picture = started(net, jnp.zeros(2), jnp.zeros(())), RNG.random((7, 8, 3)).astype(np.float32)
    weak, strong = (restore(net, variables, picture, [0.3, 0.7], further=(sigma,)) for sigma in (0.01, 0.3))
    assert weak.shape == picture.shape and np.abs(weak - strong).max() > 1e-3
    with pytest.raises(ValueError, match=r"takes sigma besides, and restore got further=\(\); wanted 1"):
        restore(net, variables, picture, [0.3, 0.7])


def test_a_network_of_learned_positions_takes_pictures_of_its_size():
    net = dynjax.networks.SwinIR(features=4, depths=(2,), heads=(1,), window=2, positions=(16, 16))
    picture = RNG.random((16, 16, 3)).astype(np.float32)
    assert restore(net, started(net), picture).shape == (16, 16, 3)


@pytest.mark.parametrize("options", [{"tile": 2.5}, {"tile": 0}, {"overlap": "a"}, {"multiple": 0}])
def test_tiles_of_no_such_size_are_told(options):
    (name, given), = options.items()
    with pytest.raises(ValueError, match=f"restore got {name}={given!r}; wanted a whole number of pixels"):
        restore(*made(), np.zeros((4, 4, 3), np.uint8), **options)


def test_files_keep_their_bits(tmp_path):
    picture = (RNG.integers(0, 32768, (12, 9, 3)) * 2).astype(np.uint16)
    write_deep_picture(tmp_path / "in.png", picture)
    restore_file(*made(), tmp_path / "in.png", tmp_path / "out.tif")
    np.testing.assert_array_equal(read_deep_picture(tmp_path / "out.tif"), picture // 2)


@pytest.mark.parametrize("name", ["out.xyz", "out.jpg", "out.ppm"])
def test_targets_that_cannot_hold_the_picture_are_told_before_the_work(tmp_path, name):
    class Untouched(nn.Module):
        def __call__(self, x):
            raise AssertionError("the network ran")

    write_deep_picture(tmp_path / "in.png", np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(ValueError, match=r"cannot write|wanted grey or RGB"):
        restore_file(Untouched(), {}, tmp_path / "in.png", tmp_path / name)


def test_a_folder_in_place_of_a_picture_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"read_deep_picture got the folder .*; wanted one picture"):
        restore_file(*made(), tmp_path, tmp_path / "out.png")


@pytest.mark.parametrize(("net", "picture", "sentence"), [
    (made(), np.zeros((4, 4), np.uint8), r"uint8 of shape \(4, 4\); wanted uint8, uint16 or floats"),
    (made(), np.zeros((4, 4, 3), np.int32), "int32 of shape"), (made(), np.zeros((4, 4, 3), np.uint32), "uint32 of"),
    (made((1.0, 1.0)), np.zeros((4, 4, 3), np.uint8), "cannot take this picture: wanted 2 channels")])
def test_what_cannot_be_restored_is_told(net, picture, sentence):
    with pytest.raises(ValueError, match=sentence):
        restore(*net, picture)
