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


# Values that are not finite.

@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_result_that_is_not_finite_is_refused_by_its_name_and_alpha(dtype, value):
    net, variables = made((0.5, value, 0.5))
    tunable = dynjax.Tunable(net, alpha=("a", "b"))
    with pytest.raises(ValueError, match=r"20 of 60 values that are not finite .* for cat\.png at alpha "
                                         r"\[0\.25, 0\.75\]; .* parameters are not finite .*factor"):
        restore(tunable, tunable.from_base(variables), np.ones((4, 5, 3), dtype), [0.25, 0.75], name="cat.png")


class Fragile(nn.Module):
    """Divides by zero where a pixel is white, with weights that are fine."""

    @nn.compact
    def __call__(self, x):
        return x * self.param("one", nn.initializers.ones, ()) / jnp.where(x >= 1, 0.0, 1.0)


@pytest.mark.parametrize("tile", [None, 8])
def test_one_value_of_one_tile_that_is_not_finite_is_refused(tile):
    picture = np.zeros((30, 30, 1), np.uint8)
    picture[20, 25] = 255
    with pytest.raises(ValueError, match=r"gave 1 of 900 values .* for the picture; .* diverged"):
        restore(Fragile(), {"params": {"one": jnp.ones(())}}, picture, tile=tile)


def test_a_result_beyond_the_picture_s_type_is_refused():
    with pytest.raises(ValueError, match=r"gave 12 of 12 values that are not finite"):
        restore(*made((1e6,) * 3), np.ones((2, 2, 3), np.float16))


@pytest.mark.parametrize(("value", "channels"), [(np.nan, 3), (np.inf, 1), (1e300, 3), (np.nan, 4)])
def test_a_picture_that_is_not_finite_itself_is_told_apart(value, channels):
    picture = np.full((4, 5, channels), 0.5)
    picture[1, 2, -1] = value
    with pytest.raises(ValueError, match=r"got 1 of \d+ values that are not finite .* in b\.tif itself"):
        restore(*made((1.0,) * min(channels, 3)), picture, name="b.tif")


def test_a_file_of_a_result_that_is_not_finite_is_not_written(tmp_path):
    write_deep_picture(tmp_path / "in.png", np.full((4, 4, 3), 7, np.uint8))
    with pytest.raises(ValueError, match=r"not finite .* for .*in\.png; wanted"):
        restore_file(*made((np.nan,) * 3), tmp_path / "in.png", tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()


# Transparency.

class Mean(nn.Module):
    """Each pixel the mean of the 3 x 3 around it, enlarged by repeating: what is beside a pixel shows in it."""
    channels: int = 3
    scale: int = 1

    @nn.compact
    def __call__(self, x):
        if x.shape[-1] != self.channels:
            raise ValueError(f"wanted {self.channels} channels")
        x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        rows = x[:, :-2] + x[:, 1:-1] + x[:, 2:]
        y = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9
        return y.repeat(self.scale, 1).repeat(self.scale, 2)


def disc(hidden, dtype=np.uint8, channels=4):
    top = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    y, x = np.mgrid[:24, :24]
    seen = (y - 11.5) ** 2 + (x - 11.5) ** 2 < 64
    colour = np.array([1, 0.6, 0.2][:channels - 1])
    picture = np.where(seen[..., None], np.append(colour, 1), np.append(np.full(channels - 1, hidden), 0)) * top
    return picture.astype(dtype), seen, picture[12, 12, :-1].astype(dtype)


@pytest.mark.parametrize("tile", [None, 8])
@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize(("dtype", "channels", "takes"), [
    (np.uint8, 4, 3), (np.uint16, 4, 1), (np.uint8, 2, 3), (np.float32, 2, 1)])
@pytest.mark.parametrize("hidden", [0, 1, 0.3])
def test_what_is_hidden_does_not_show_in_the_edge(dtype, channels, takes, scale, hidden, tile):
    picture, seen, colour = disc(hidden, dtype, channels)
    result = restore(Mean(takes, scale), {}, picture, tile=tile)
    visible = result[..., -1] > 0
    assert visible.sum() >= seen.sum() * scale**2
    wanted = np.broadcast_to(colour, (visible.sum(), channels - 1))
    np.testing.assert_allclose(result[visible][:, :-1].astype(float), wanted, rtol=1e-5)


def test_soft_edges_keep_their_colours():
    """Below transparency of 1 of 255 the colour counts as any other."""
    picture = np.zeros((1, 5, 2), np.float32)
    picture[0, :, 0], picture[0, :, 1] = [0.9, 0.3, 0.6, 0, 0], [1, 1, 1 / 255, 0, 0]
    result = restore(Mean(1), {}, picture)
    # By hand: the colours seen are .9 .3 .6 and .6 is carried on; edges repeat.
    np.testing.assert_allclose(result[0, :3, 0], [(0.9 + 0.9 + 0.3) / 3, 0.6, 0.5], rtol=1e-6)
    np.testing.assert_array_equal(result[..., 1], picture[..., 1])


def test_an_image_that_is_hidden_is_restored_and_stays_hidden():
    picture = RNG.integers(1, 255, (9, 9, 4)).astype(np.uint8)
    picture[2:5, 3:7, 3] = 0
    result, whole = restore(Mean(), {}, picture), restore(Mean(), {}, picture[..., :3])
    np.testing.assert_array_equal(result[2:5, 3:7, :3], whole[2:5, 3:7])
    np.testing.assert_array_equal(result[..., 3], picture[..., 3])


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("size", [(1, 1), (7, 6)])
def test_one_transparency_everywhere_is_as_without(level, size):
    colours = RNG.integers(0, 256, (*size, 3)).astype(np.uint8)
    picture = np.concatenate([colours, np.full((*size, 1), level, np.uint8)], -1)
    result = restore(Mean(scale=2), {}, picture)
    np.testing.assert_array_equal(result[..., :3], restore(Mean(scale=2), {}, colours))
    np.testing.assert_array_equal(result[..., 3], level)


# Programs.

COMPILED = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, *_, **__: COMPILED.append(event) if event.endswith("backend_compile_duration") else None)


def compiled(function):
    COMPILED.clear()
    function()
    return len(COMPILED)


class Unhashable(nn.Module):
    """With a field that has no hash, and a convolution of known reach."""
    sizes: list
    gain: object = None

    @nn.compact
    def __call__(self, x, alpha):
        for size in self.sizes:
            x = nn.Conv(3, (size, size))(x)
        return x * alpha


def tuned(net):
    net = dynjax.Tunable(net, alpha=("a", "b"))
    return net, [jax.jit(net.init)(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)), jnp.ones(2)) for seed in (0, 1)]


def unhashable(net):
    variables = net.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)), 1.0)
    return net, [variables, jax.tree.map(np.asarray, variables)]


@pytest.mark.parametrize("tile", [None, 16])
@pytest.mark.parametrize(("make", "alphas"), [
    (lambda: (Scaled(), [made((0.5,) * 3)[1], made((0.25,) * 3)[1]]), [None]),
    (lambda: tuned(nn.Sequential([nn.Conv(3, (3, 3)), nn.relu, nn.Conv(3, (3, 3))])), [[0.5, 0.5], [1, 0]]),
    (lambda: tuned(nn.Conv(3, (3, 3))), [{"a": 0.5, "b": 2}, {"b": np.float64(0.1), "a": 1}]),
    (lambda: unhashable(Unhashable([3], np.ones(2))), [0.5, 2, np.float64(0.25)])])
def test_another_alpha_weights_and_picture_compile_nothing(make, alphas, tile):
    net, (first, second) = make()
    picture = RNG.integers(0, 256, (40, 37, 3)).astype(np.uint8)
    run = lambda net, variables, alpha: restore(net, variables, picture, alpha, tile=tile, overlap=tile and 2)
    run(net, first, alphas[0])
    assert compiled(lambda: run(net, first, alphas[0])) == 0
    for alpha in alphas[1:]:
        assert compiled(lambda alpha=alpha: run(net, first, alpha)) == 0
    assert compiled(lambda: run(net, second, alphas[0])) == 0
    another = make()[0]                                          # an equal network that was made anew
    assert compiled(lambda: run(another, first, alphas[0])) == 0
    picture = picture.astype(np.uint16)[::-1]
    assert compiled(lambda: run(net, first, alphas[0])) == 0
    np.testing.assert_array_equal(run(net, first, alphas[-1]), run(another, first, alphas[-1]))


def test_a_network_that_changed_is_compiled_again():
    net = Unhashable([1])
    picture = RNG.random((6, 5, 3)).astype(np.float32)
    variables = {"params": {"Conv_0": {"kernel": jnp.eye(3)[None, None], "bias": jnp.zeros(3)}}}
    np.testing.assert_allclose(restore(net, variables, picture, 2.0), 2 * picture, rtol=1e-6)
    net.sizes.clear()
    np.testing.assert_allclose(restore(net, {}, picture, 3.0), 3 * picture, rtol=1e-6)


def test_tiles_of_all_pictures_are_one_program():
    pictures = [RNG.random((*size, 3)).astype(np.float32) for size in ((40, 37), (55, 61), (33, 90))]
    restore(*made(), pictures[0], tile=16, overlap=2)
    assert compiled(lambda: [restore(*made(), picture, tile=16, overlap=2) for picture in pictures[1:]]) == 0


def test_sizes_are_forgotten_in_the_end():
    from dynjax.inference.programs import PROGRAMS, program
    assert program.cache_info().maxsize == PROGRAMS == 32


class Looks(nn.Module):
    """Asks for alpha's value."""

    def __call__(self, x, alpha):
        return x * 2 if alpha > 0.5 else x / 2


def test_a_network_that_looks_at_alpha_is_compiled_for_each():
    picture = np.full((2, 2, 3), 0.25, np.float32)
    assert [float(restore(Looks(), {}, picture, alpha)[0, 0, 0]) for alpha in (0.75, 0.25, 1)] == [0.5, 0.125, 0.5]


# Arrays of every kind.

@pytest.mark.parametrize("dtype", [">u2", ">f4", ">f8", "f2", "f8", "<u2"])
@pytest.mark.parametrize("tile", [None, 8])
def test_pictures_of_every_byte_order_and_precision(dtype, tile):
    dtype = np.dtype(dtype)
    values = RNG.integers(0, 256, (20, 19, 4)) * 128
    picture = (values if dtype.kind == "u" else values / 65536).astype(dtype)
    result = restore(*made(), picture, tile=tile)
    assert result.dtype == dtype
    wanted = values[..., :3] // 2 if dtype.kind == "u" else picture[..., :3].astype(np.float64) / 2
    np.testing.assert_allclose(result[..., :3].astype(np.float64), wanted, rtol=1e-3 if dtype == np.float16 else 1e-6)
    np.testing.assert_array_equal(result[..., 3], picture[..., 3])
    backwards = restore(*made(), picture[::-1, ::-1], tile=tile)
    np.testing.assert_array_equal(backwards, result[::-1, ::-1])


def test_weights_of_the_other_byte_order():
    picture = RNG.random((4, 4, 3)).astype(np.float32)
    result = restore(Scaled(), {"params": {"factor": np.array([0.5, 0.5, 0.5], ">f4")}}, picture)
    np.testing.assert_allclose(result, picture / 2, rtol=1e-6)


@pytest.mark.parametrize("setting", [{"debug_nans": True}, {"debug_infs": True}, {"disable_jit": True},
                                     {"enable_x64": True}, {"numpy_dtype_promotion": "strict"}])
@pytest.mark.parametrize("tile", [None, 16])
def test_jax_s_settings_change_nothing(setting, tile):
    (name, value), = setting.items()
    net, variables = dynjax.networks.EDSR(features=2, blocks=1, scale=2), None
    variables = started(net)
    picture = RNG.random((40, 20, 4)).astype(np.float32)
    wanted = restore(net, variables, picture)
    before = getattr(jax.config, f"jax_{name}")
    jax.config.update(f"jax_{name}", value)
    try:
        result = restore(net, variables, picture, tile=tile)
    finally:
        jax.config.update(f"jax_{name}", before)
    np.testing.assert_allclose(result, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(("net", "size", "sentence"), [
    (dynjax.networks.SwinIR(features=4, depths=(2,), heads=(2,), window=8), (3, 20),
     "an image of 3 x 20 is too small for a SwinIR; wanted a height of 5 pixels or more instead of 3. Extend"),
    (dynjax.networks.SwinIR(features=4, depths=(2,), heads=(2,), window=8), (2, 4),
     "wanted a height of 5 pixels or more instead of 2 and a width of 5 pixels or more instead of 4"),
    (dynjax.networks.RRDBNet(features=2, blocks=1, growth=2, scale=1), (9, 1), "wanted a width of 3 pixels or more")])
def test_which_side_is_too_small_is_told_and_what_is_wanted(net, size, sentence):
    with pytest.raises(ValueError, match=sentence):
        restore(net, started(net), np.zeros((*size, 3), np.uint8))


def test_a_picture_without_pixels_is_told():
    with pytest.raises(ValueError, match=r"shape \(0, 4, 3\); wanted .* a pixel or more"):
        restore(*made(), np.zeros((0, 4, 3), np.uint8))


@pytest.mark.parametrize("convert", [lambda x: 255 * x, lambda x: 2 * x - 1], ids=["0..255", "-1..1"])
def test_floats_on_another_range_are_refused(convert):
    """They would be clipped to a white picture, or lose all that is dark, without a word."""
    net, variables = made()
    picture = np.random.default_rng(0).uniform(0, 1, (16, 16, 3)).astype(np.float32)
    with pytest.raises(ValueError, match=r"restore \(cat\.png\) got values from .* wanted floats in \[0, 1\]"):
        restore(net, variables, convert(picture), name="cat.png")
    assert restore(net, variables, picture + np.float32(0.2)).shape == (16, 16, 3)   # noise and overshoot are taken
