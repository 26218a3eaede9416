"""SwinIR: the authors' outputs are reproduced, tunable too; its windows, masks and sizes."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable
from dynjax.image import swinir_test
from dynjax.models import pretrained
from dynjax.networks import SwinIR
from dynjax.networks.window_attention import relative_positions, shift_mask, window_partition, window_reverse

PLAIN = ["classical_x3", pytest.param("classical_x4", marks=pytest.mark.slow), "lightweight_x2", "real_x4_1conv",
         "real_x4_3conv", "gray_dn", "color_dn", "jpeg_gray_w7", "jpeg_color_w7", "options", "window_ge_img"]
TUNABLE = [pytest.param("denoise", marks=pytest.mark.slow), "light_x2", "real_x4", "x4"]
FEATURES = {"conv_first": "conv_first", "patch_embed_tokens": "norm_patch", "layer0_block0_tokens": "group_0_block_0",
            "layer0_block1_tokens": "group_0_block_1", "conv_after_body": "conv_after_body"}
SMALL = SwinIR(features=8, depths=(2,), heads=(2,), window=4)


def nhwc(array):
    return jnp.asarray(np.moveaxis(array, 1, -1))


def error(ours, official):
    official = np.moveaxis(official, 1, -1) if official.ndim == 4 else official
    assert ours.shape == official.shape
    return np.max(np.abs(np.asarray(ours) - official)) / max(1.0, np.max(np.abs(official)))


@pytest.mark.parametrize("name", PLAIN)
def test_the_authors_outputs(parity, name):
    case = parity(f"torch_swinir_{name}")
    net = pretrained.build("SwinIR", **case.meta["config"])
    variables = pretrained.load(net, {"params": case.params()})
    tolerance = 3e-6 if name.startswith("jpeg") else 1e-5            # the README of the family
    apply = jax.jit(lambda v, x: net.apply(v, x, capture_intermediates=True))
    for suffix in [name.removeprefix("x") for name in case.names("in/") if name.startswith("x")]:
        y, inner = apply(variables, nhwc(case[f"in/x{suffix}"]))
        assert error(y, case[f"out/y{suffix}"]) <= tolerance
        for feature in case.names("out/feat_") if suffix in ("", "0") else ():
            place = FEATURES[feature]
            if place == "norm_patch" and not net.patch_norm:          # then the tokens are those of the first layer
                continue
            last = f"{place}_2" if place == "conv_after_body" and net.convolution == "3conv" else place
            found = inner["intermediates"][last]["__call__"][0]
            wanted = case[f"out/feat_{feature}"]
            found = found.reshape(wanted.shape) if wanted.ndim == 3 else found
            assert error(found, wanted) <= 2e-5, feature


def test_the_authors_gradients(parity):
    case = parity("torch_swinir_color_dn")
    net = pretrained.build("SwinIR", **case.meta["config"])
    variables = pretrained.load(net, case.params())
    cotangent = nhwc(case["in/cotangent"])
    by_variables, by_image = jax.jit(jax.grad(lambda v, x: jnp.sum(net.apply(v, x) * cotangent), argnums=(0, 1)))(
        variables, nhwc(case["in/x"]))
    params, block = by_variables["params"], by_variables["params"]["group_0_block_1"]
    official = lambda name: case[f"out/grad/{name}"]
    inside = "layers.0.residual_group.blocks.1."
    for ours, theirs in [
            (by_image, np.moveaxis(case["out/grad_x"], 1, -1)),
            (params["conv_first"]["kernel"], official("conv_first.weight").transpose(2, 3, 1, 0)),
            (block["attn"]["qkv"]["kernel"], official(inside + "attn.qkv.weight").T),
            (block["attn"]["relative_position_bias_table"], official(inside + "attn.relative_position_bias_table")),
            (block["norm1"]["scale"], official(inside + "norm1.weight")),
            (block["fc1"]["bias"], official(inside + "mlp.fc1.bias"))]:
        assert np.max(np.abs(ours - theirs)) <= 1e-4 * np.max(np.abs(theirs))


@pytest.mark.parametrize("name", TUNABLE)
def test_the_tunable_program_s_outputs(parity, name):
    case = parity(f"ms_tunable_swinir_{name}")
    config = dict(case.meta["config"])
    net = pretrained.build(config.pop("net"), **config)
    variables = pretrained.load(net, case.params())
    apply = jax.jit(net.apply)
    for run in case.meta["runs"]:
        suffix = run["out"][1:]
        y = apply(variables, nhwc(case[f"in/{run['input']}"]), jnp.asarray(case[f"in/px{suffix}"]))
        assert error(y, case[f"out/{run['out']}"]) <= 1e-4             # README of the family: whole networks


def test_windows_masks_and_positions(parity):
    case = parity("torch_swinir_aux")
    for name in case.names("out/attn_mask_w"):
        side, shift, size = name.replace("s", "").split("_")
        height, width = map(int, size.split("x"))
        np.testing.assert_array_equal(shift_mask(height, width, int(side), int(shift)), case[f"out/attn_mask_w{name}"])
    for side in (7, 8):
        np.testing.assert_array_equal(relative_positions(side), case[f"out/relative_position_index_w{side}"])
    x = case["in/partition_x"]
    windows = window_partition(x, 8)
    np.testing.assert_array_equal(windows[0].reshape(case["out/partition_w8"].shape), case["out/partition_w8"])
    np.testing.assert_array_equal(window_reverse(windows, 8, *x.shape[1:3]), x)


# The reference's table of published variants, section 2.1.
@pytest.mark.parametrize(("options", "parameters"), [
    (dict(upscale=2, upsampler="pixelshuffle"), 11_752_487), (dict(upscale=3, upsampler="pixelshuffle"), 11_937_127),
    (dict(upscale=8, upsampler="pixelshuffle"), 12_047_911),
    (dict(upscale=4, upsampler="pixelshuffledirect", embed_dim=60, depths=(6,) * 4, num_heads=(6,) * 4), 929_628),
    (dict(upscale=2, upsampler="nearest+conv"), 11_678_631),
    (dict(upscale=4, upsampler="nearest+conv", embed_dim=240, depths=(6,) * 9, num_heads=(8,) * 9,
          resi_connection="3conv"), 28_013_059),
    (dict(in_chans=1), 11_497_681), (dict(window_size=7, img_range=255.0), 11_492_067)])
def test_published_variants_have_their_parameters(options, parameters):
    net = pretrained.build("SwinIR", **{"embed_dim": 180, "depths": (6,) * 6, "num_heads": (6,) * 6, "window_size": 8,
                                          "mlp_ratio": 2, "upscale": 1, **options})
    shapes = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 56, 56, net.channels), jnp.float32))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == parameters


@pytest.fixture(scope="module")
def small():
    return jax.jit(SMALL.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))


def test_alpha_reaches_every_kind_of_layer(small):
    """Moving one candidate of any tuned layer moves the output, and only where alpha looks at it."""
    net = Tunable(SMALL, alpha=("a", "b"), frozen=("**/norm*",))
    stacked = net.from_base(small)
    x = jax.random.uniform(jax.random.key(1), (1, 9, 10, 3))
    apply = jax.jit(net.apply)
    start = apply(stacked, x, jnp.array([1.0, 0.0]))
    np.testing.assert_allclose(start, jax.jit(SMALL.apply)(small, x), atol=1e-5)   # starts at the plain network
    block = ("group_0_block_1", "attn")
    for path in [("conv_first", "kernel"), (*block, "qkv", "kernel"), (*block, "proj", "bias"),
                 (*block, "relative_position_bias_table"), ("group_0_block_0", "fc1", "kernel"),
                 ("conv_after_body", "kernel"), ("conv_last", "kernel")]:
        noise = lambda leaf: leaf.at[1].add(jax.random.normal(jax.random.key(2), leaf.shape[1:]))
        moved = {"params": {**stacked["params"], "kernels": changed(stacked["params"]["kernels"], path, noise)}}
        assert np.abs(apply(moved, x, jnp.array([0.0, 1.0])) - start).max() > 1e-4, path
        np.testing.assert_allclose(apply(moved, x, jnp.array([1.0, 0.0])), start, atol=1e-5)
    phi = stacked["params"]["phi"]["group_0_block_1"]["attn"]
    assert set(phi) == {"qkv", "proj", "relative_position_bias_table"}


def changed(tree, path, function):
    if not path:
        return function(tree)
    return {**tree, path[0]: changed(tree[path[0]], path[1:], function)}


def test_branches_are_left_out_in_training_alone(small):
    x = jax.random.uniform(jax.random.key(1), (2, 8, 8, 3))
    net = SMALL.clone(drop_path=0.9)
    still = net.apply(small, x)
    np.testing.assert_array_equal(still, SMALL.apply(small, x))
    draws = [net.apply(small, x, train=True, rngs={"dropout": jax.random.key(seed)}) for seed in range(4)]
    assert np.abs(draws[0] - still).max() > 0 and any(np.abs(draw - draws[0]).max() > 0 for draw in draws[1:])


def test_drop_rates_rise_to_the_last_block(parity):
    rates = parity("torch_swinir_aux")["out/drop_path_rates_6x6_rate0.1"]
    np.testing.assert_allclose(np.linspace(0, 0.1, 36), rates, atol=1e-7)        # as SwinIR gives them to its blocks


@pytest.mark.parametrize(("net", "shape", "sentence"), [
    (SMALL, (1, 8, 8, 1), r"shape \(1, 8, 8, 1\); wanted images \(N, H, W, 3\)"),
    (SMALL, (1, 1, 9, 3), "an image of 1 x 9 is too small to be padded by reflection with 3 rows"),
    (SMALL.clone(positions=(8, 8)), (1, 12, 8, 3), "learned positions for 8 x 8 pixels and got 12 x 8"),
    (SMALL.clone(heads=(3,)), (1, 8, 8, 3), r"heads=\(3,\) for 8 features; wanted one number of heads"),
    (SMALL.clone(scale=2), (1, 8, 8, 3), "scale=2 with upsampler='none'; wanted 1"),
    (SMALL.clone(upsampler="bicubic"), (1, 8, 8, 3), "upsampler='bicubic'; wanted one of none, pixelshuffle"),
    (SMALL.clone(upsampler="nearest+conv", scale=3), (1, 8, 8, 3), r"scale=3 with .*; wanted 2 or 4")])
def test_what_does_not_fit_is_told(net, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct(shape, jnp.float32))


@pytest.mark.parametrize(("name", "tiles"), [("color_dn", True), ("lightweight_x2", False)])
def test_the_published_test_program(parity, name, tiles):
    case, trained = parity(f"torch_swinir_testpad_{name}"), parity(f"torch_swinir_{name}")
    net = pretrained.build("SwinIR", **case.meta["config"])
    variables = pretrained.load(net, trained.params())
    options = {"tile": case.meta["tile"], "overlap": case.meta["tile_overlap"]} if tiles else {}
    found = swinir_test(lambda x: net.apply(variables, x), nhwc(case["in/x"]), scale=case.meta["config"]["upscale"],
                        **options)
    assert error(found, case["out/y_test_program_tiled" if tiles else "out/y_test_program"]) <= 1e-5
    if not tiles:
        rounded = np.rint(np.clip(found[0], 0, 1) * 255)
        assert (rounded != case.arrays["out/y_uint8"]).mean() < 1e-3               # a value may lie on the edge


def test_a_network_asked_for_windows_larger_than_its_images_extends_to_those():
    asked = {"upscale": 1, "embed_dim": 8, "depths": [2], "num_heads": [2]}
    net = pretrained.build("SwinIR", img_size=4, window_size=8, **asked)
    assert (net.window, net.multiple, net.shifted) == (4, 8, False)
    net = pretrained.build("SwinIR", img_size=16, window_size=8, **asked)
    assert (net.window, net.multiple, net.shifted) == (8, 8, True)
    with pytest.raises(ValueError, match="window=0 and whole=None; wanted 1 pixel or more"):
        SMALL.clone(window=0).init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))


def test_the_border_of_the_published_test_program():
    seen = []
    image = np.arange(1, 9, dtype=np.float32).reshape(1, 2, 4, 1)
    result = swinir_test(lambda x: seen.append(x) or x, image, window=4)
    np.testing.assert_array_equal(result, image)
    assert seen[0].shape == (1, 4, 8, 1)      # two rows mirrored; four columns that fit get a whole window more
    seen.clear()
    swinir_test(lambda x: seen.append(x) or x, image[:, :1], window=4)
    assert seen[0].shape == (1, 2, 8, 1)      # one row is doubled, no more
    with pytest.raises(ValueError, match=r"tile=6 and overlap=2 for window=4; wanted a multiple of 4"):
        swinir_test(lambda x: x, image, window=4, tile=6, overlap=2)
