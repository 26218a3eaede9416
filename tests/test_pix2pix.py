"""The U-Net of pix2pix against its PyTorch port, and the places of tuning-blocks in it.

The copy of the parity file in tests/data is cut: the levels inside up4's input are zero (and of down4's channels all
but sixteen), and of the outputs that of the first image is left, every seventh row and column.
"""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import DynamicNet, TuningBlock
from dynjax.models import pretrained
from dynjax.networks import UNet, tuning_points

KEY = jax.random.key(0)
ATOL = 2e-5   # README-dynnet: float32 U-Net


def near(got, wanted):
    """Within the family's tolerance; `wanted` [B, C, H, W] may hold the first images and channels, every n-th pixel."""
    wanted = np.moveaxis(wanted, 1, -1)
    step = -(-got.shape[1] // wanted.shape[1])
    np.testing.assert_allclose(got[:len(wanted), ::step, ::step, :wanted.shape[-1]], wanted, atol=ATOL, rtol=0)


def watched(apply, *paths, replace=None):
    """(result, {path: first argument of the module there}) of a call; `replace` {path: result in its place}."""
    seen, replace = {}, replace or {}

    def watch(call, args, kwargs, context):
        path = "/".join(context.module.path)
        if path in paths:
            seen[path] = args[0]
        return replace[path] if path in replace else call(*args, **kwargs)

    with nn.intercept_methods(watch):
        return apply(), seen


@pytest.fixture
def published(parity):
    case = parity("pix2pix_unet128")
    net = UNet(features=8)
    x = jnp.asarray(case["in/masked_u8"] / np.float32(127.5) - 1)
    return case, net, pretrained.load(net, case.params()), x


def test_outer_levels(published):
    case, net, variables, x = published
    joined = jnp.moveaxis(jnp.asarray(case["out/eval/inter/up4/in"]), 1, -1)   # after the ReLU, which leaves it alone

    @jax.jit
    def run(variables, x):
        return watched(lambda: net.apply(variables, x), "down5/conv", replace={"join4": joined})

    y, seen = run(variables, x[:1])
    near(seen["down5/conv"], case["out/eval/inter/down5/in"])
    near(y, case["out/eval"][:1])


def test_the_whole_network(published):
    case, net, variables, x = published
    if "cut" in case.meta:
        pytest.skip("the copy in tests/data has no inner levels; set DYNJAX_SHARED to the folder that has all")
    inner = [name.removesuffix("/in") for name in case.names("out/eval/inter/")]
    assert sorted(inner) == ["down5", "down7", "up1", "up4"]

    @jax.jit
    def run(variables, x):
        y = watched(lambda: net.apply(variables, x), *(f"{name}/conv" for name in inner))
        return *y, *net.apply(variables, x, train=True, mutable=["batch_stats"])

    y, seen, y_train, changed = run(variables, x)
    near(y, case["out/eval"])
    near(y_train, case["out/train"])
    for name in inner:
        near(seen[f"{name}/conv"], case[f"out/eval/inter/{name}/in"])
    after = {name: case["out/train/after/" + name] for name in case.names("out/train/after/")}
    places = {"1.model.2": "down2", "1.model.3.model.2": "down3", "1.model.3.model.3.model.6": "up4",
              "1.model.3.model.6": "up5", "1.model.6": "up6"}
    for name, wanted in after.items():
        layer, leaf = name.removeprefix("model.model.").rsplit(".", 1)
        got = changed["batch_stats"][places[layer]]["norm"][leaf.removeprefix("running_")]
        np.testing.assert_allclose(got, wanted, atol=ATOL, err_msg=name)
    assert len(after) == 2 * len(places)


def test_sizes_of_the_published_networks():
    for levels, millions in ((7, 41.83), (8, 54.41)):
        side = 2**levels
        shapes = jax.eval_shape(UNet(levels=levels).init, KEY, jnp.zeros((1, side, side, 3)))
        assert sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) / 1e6 == pytest.approx(millions, abs=5e-3)


def shapes_of(net, shape=(2, 32, 64, 3), **options):
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.eval_shape(lambda x: net.init_with_output(KEY, x, **options), x)


@pytest.mark.slow
def test_other_levels_norms_and_types():
    y, variables = shapes_of(UNet(features=2, levels=3, channels=1, dtype=jnp.bfloat16), (2, 8, 24, 4))
    assert y.shape == (2, 8, 24, 1) and y.dtype == jnp.float32
    params = variables["params"]
    assert set(params) == {"down1", "down2", "down3", "up1", "up2", "up3"}
    assert [name for name in params if "norm" in params[name]] == ["down2", "up1", "up2"]
    assert [name for name in params if "bias" in params[name]["conv"]] == ["up3"]
    _, variables = shapes_of(UNet(features=2, levels=5, norm="instance"))
    assert set(variables) == {"params"}
    assert all(set(layer) == {"conv"} and "bias" in layer["conv"] for layer in variables["params"].values())
    fresh = UNet(features=32, levels=3).init(KEY, jnp.zeros((1, 8, 8, 3)))["params"]["down2"]
    np.testing.assert_allclose([fresh["conv"]["kernel"].std(), fresh["norm"]["scale"].std()], 0.02, rtol=0.25)
    np.testing.assert_allclose(fresh["norm"]["scale"].mean(), 1, atol=0.02)


@pytest.mark.parametrize(("levels", "places"), [(5, []), (6, ["up2"]), (8, ["up2", "up3", "up4"])])
def test_dropout_is_where_the_port_has_it(levels, places):
    net, side = UNet(features=1, levels=levels, dropout=0.5), 2**levels
    seen = []

    def watch(call, args, kwargs, context):
        if isinstance(context.module, nn.Dropout) and not context.module.deterministic:
            seen.append(context.module.path[0])
        return call(*args, **kwargs)

    with nn.intercept_methods(watch):
        rngs = {"params": KEY, "dropout": KEY}
        jax.eval_shape(lambda x: net.init(rngs, x, train=True), jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32))
    assert seen == places


@pytest.fixture(scope="module")
def small():
    """A network whose output follows its inner levels: kernels as drawn hardly let anything through."""
    net, x = UNet(features=2, levels=5), jax.random.normal(KEY, (1, 32, 32, 3))
    variables = jax.jit(net.init)(KEY, x)
    larger = jax.tree.map(lambda leaf: leaf * 5 if leaf.ndim == 4 else leaf, variables["params"])
    return net, {**variables, "params": larger}, x


def raised(small, skips="leaky", **places):
    """(the result, what reaches modules) with a block that adds 3, alpha being 1."""
    net, variables, x = small
    (path,) = {**places}.values()
    block = TuningBlock(layers=1, padding="zeros")
    dynamic = DynamicNet(net.clone(skips=skips), **{place: {path: block} for place, path in places.items()})
    tree = dynamic.from_base(variables, KEY, x)
    conv = tree["params"]["blocks"][path]["conv0"]
    tree["params"]["blocks"][path]["conv0"] = {"kernel": conv["kernel"] * 0, "bias": conv["bias"] * 0 + 3}

    @jax.jit
    def run(tree, x):
        seen = {}

        def watch(call, args, kwargs, context):
            result = call(*args, **kwargs)
            path = "/".join(context.module.path)
            if path in ("down4/norm", "down5/conv", "join2", "up1/conv", "up2/conv"):
                seen[path] = result if path in ("down4/norm", "join2") else args[0]
            return result

        with nn.intercept_methods(watch):
            # Statistics are collected, so that the main network is not run beside it for an exact zero.
            return dynamic.apply(tree, x, 1.0, mutable=["batch_stats"])[0], seen

    return run(tree, x)


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def test_the_first_point_with_and_without_its_skip(small):
    after, before, join = tuning_points(5)[0], tuning_points(5, skip=False)[0], "join2"
    cases = (({"after": after}, 3, 3), ({"before": before}, 3, 0), ({"before": join}, 0, 3))
    for places, moves_down, moves_skip in cases:
        _, seen = raised(small, **places)
        e4 = seen["down4/norm"]
        np.testing.assert_allclose(seen["down5/conv"], leaky(e4 + moves_down), atol=1e-6)
        np.testing.assert_allclose(seen["join2"][..., :16], leaky(e4 + moves_skip), atol=1e-6)


def test_the_bottleneck_and_the_concatenation(small):
    net, variables, x = small
    _, plain = jax.jit(lambda variables: watched(lambda: net.apply(variables, x), "up1", "up2"))(variables)
    assert plain["up1"].shape == (1, 1, 1, 16) and plain["up2"].shape == (1, 2, 2, 32)
    for skip, place in ((True, "after"), (False, "before")):
        _, bottleneck, joined = tuning_points(5, skip=skip)
        _, seen = raised(small, **{place: bottleneck})
        np.testing.assert_allclose(seen["up1/conv"], nn.relu(plain["up1"] + 3), atol=1e-6)
        _, seen = raised(small, **{place: joined})
        np.testing.assert_allclose(seen["up2/conv"], nn.relu(plain["up2"] + 3), atol=1e-6)


def test_skips_differ_only_for_what_reads_the_join(small):
    net, variables, x = small
    same = [jax.jit(net.clone(skips=skips).apply)(variables, x) for skips in ("leaky", "plain")]
    np.testing.assert_allclose(*same, atol=1e-6)
    (leaky_y, leaky_seen), (plain_y, plain_seen) = (raised(small, skips, after="join2") for skips in ("leaky", "plain"))
    np.testing.assert_allclose(leaky_seen["join2"][..., :16] - 3, leaky(plain_seen["join2"][..., :16] - 3), atol=1e-6)
    assert np.abs(leaky_y - plain_y).max() > 1e-4


def test_alpha_zero_is_the_base_network(small):
    net, variables, x = small
    blocks = dict.fromkeys(tuning_points(5), TuningBlock(padding="zeros"))
    dynamic = DynamicNet(net, after=blocks)
    tree = dynamic.from_base(variables, KEY, x)
    apply = jax.jit(dynamic.apply)
    np.testing.assert_array_equal(apply(tree, x, 0.0), jax.jit(net.apply)(variables, x))
    assert list(tree["params"]["blocks"]) == ["down4", "down5", "join2"]
    assert np.abs(apply(tree, x, 1.0) - apply(tree, x, 0.0)).max() > 1e-4


def test_points_of_the_paper():
    assert tuning_points(7) == ("down4", "down7", "join4") and tuning_points(8) == ("down4", "down8", "join5")
    assert tuning_points(7, skip=False) == ("down5", "up1", "up4")
    with pytest.raises(ValueError, match="levels=4; wanted 5 or more"):
        tuning_points(4)


@pytest.mark.parametrize(("net", "shape", "sentence"), [
    (UNet(), (1, 128, 100, 3), "levels=7 got images of 128 x 100; wanted sides that are multiples of 128"),
    (UNet(levels=5), (1, 16, 32, 3), "16 x 32; wanted sides that are multiples of 32. Pad or crop"),
    (UNet(levels=2), (1, 4, 4, 3), "levels=2, .*wanted 3 levels or more"),
    (UNet(norm="layer"), (1, 128, 128, 3), "norm='layer', .*a norm of batch, instance"),
    (UNet(skips="relu"), (1, 128, 128, 3), "skips='relu', .*skips of leaky, plain"),
    (UNet(dropout=1.0), (1, 128, 128, 3), "dropout=1.0; .*from 0 to below 1"),
    (UNet(), (128, 128, 3), r"UNet got an array of shape \(128, 128, 3\)"),
])
def test_what_is_refused(net, shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        net.init(KEY, jnp.zeros(shape))
