"""NAFNet: the official programs' outputs, plain, local and tunable; its depthwise convolution and local means alone."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable
from dynjax.image import local_mean, local_mean_fast
from dynjax.models import pretrained
from dynjax.networks import NAFNet
from dynjax.networks.depthwise_conv import depthwise_conv
from dynjax.networks.layers import pixel_shuffle
from dynjax.networks.nafnet import NAFBlock

SMALL = {"features": 4, "encoder_blocks": (1, 1), "middle_blocks": 1, "decoder_blocks": (1, 1)}


def nhwc(array):
    return jnp.asarray(np.moveaxis(array, 1, -1))


def close(ours, official, factor):
    """Within factor * max(1, max|official|), the form that the parity families ask for."""
    official = np.moveaxis(official, 1, -1)
    assert ours.shape == official.shape
    assert np.max(np.abs(ours - official)) <= factor * max(1.0, np.max(np.abs(official)))


def random_variables(net, seed, *inputs, spread=0.3):
    """Variables of the network's shapes with nothing at its start, so that all parts take part."""
    leaves, tree = jax.tree.flatten(jax.eval_shape(net.init, jax.random.key(0), *inputs))
    rng = np.random.RandomState(seed)
    return tree.unflatten([jnp.asarray(rng.normal(0, spread, leaf.shape), jnp.float32) for leaf in leaves])


@pytest.fixture(scope="module")
def small():
    """A small network and variables without a zero."""
    net = NAFNet(**SMALL)
    return net, random_variables(net, 0, jnp.zeros((1, 8, 8, 3)))


OURS = {"encoders.0.0.norm1": ("encoder_0_0", "norm1"), "encoders.0.0": ("encoder_0_0",), "downs.0": ("down_0",),
        "intro": ("intro",), "ups.0": ("up_0",)}


@pytest.mark.parametrize(("name", "middle"), [
    ("torch_nafnet", "middle_0"), pytest.param("torch_nafnet_sidd_tiny", "middle_11", marks=pytest.mark.slow)])
def test_the_authors_network(parity, name, middle):
    case = parity(name)
    net = pretrained.build("NAFNet", **case.meta["config"])
    variables = pretrained.load(net, {"params": case.params()})
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == case.meta["n_params"]
    run = jax.jit(lambda v, x: net.apply(v, x, capture_intermediates=True))
    for suffix in [name.removeprefix("x") for name in case.names("in/") if name.startswith("x")]:
        y, inner = run(variables, nhwc(case[f"in/x{suffix}"]))
        close(y, case[f"out/y{suffix}"], 1e-5)   # README of the family
        for feature in case.names("out/feat_") if suffix in ("", "0") else ():
            ours = inner["intermediates"]
            for part in {"middle_blks": (middle,), **OURS}[feature]:
                ours = ours[part]
            ours = ours["__call__"][0]
            close(pixel_shuffle(ours, 2) if feature == "ups.0" else ours, case[f"out/feat_{feature}"], 1e-5)


def test_the_authors_gradients(parity):
    case = parity("torch_nafnet")
    net = pretrained.build("NAFNet", **case.meta["config"])
    variables, cotangent = pretrained.load(net, case.params()), nhwc(case["in/cotangent"])
    loss = lambda v, x: jnp.sum(net.apply(v, x) * cotangent)
    by_variables, by_image = jax.jit(jax.grad(loss, argnums=(0, 1)))(variables, nhwc(case["in/x0"]))
    params = by_variables["params"]
    ours = {"intro.weight": params["intro"]["kernel"], "encoders.0.0.beta": params["encoder_0_0"]["beta"],
            "encoders.0.0.norm1.weight": params["encoder_0_0"]["norm1"]["scale"],
            "encoders.2.1.sca.1.weight": params["encoder_2_1"]["sca"]["kernel"],
            "ups.0.0.weight": params["up_0"]["kernel"], "downs.1.weight": params["down_1"]["kernel"]}
    assert set(ours) == set(case.names("out/grad/"))
    pairs = [(by_image, np.moveaxis(case["out/grad_x"], 1, -1))]
    for name, gradient in ours.items():
        official = case[f"out/grad/{name}"]
        pairs.append((gradient, official.transpose(2, 3, 1, 0) if gradient.ndim == 4 else official.reshape(-1)))
    for gradient, official in pairs:   # 1e-4 of the largest entry of the tensor
        assert gradient.shape == official.shape
        assert np.max(np.abs(gradient - official)) <= 1e-4 * np.max(np.abs(official))


@pytest.mark.slow
def test_the_local_form(parity):
    case = parity("torch_nafnet_local")
    config = {**case.meta["config"], "train_size": case.meta["train_size"]}
    forms = {"": pretrained.build("NAFNetLocal", **config),
             "_fast_imp": pretrained.build("NAFNetLocal", fast_imp=True, **config),
             "_global": pretrained.build("NAFNet", **case.meta["config"])}
    for suffix, net in forms.items():
        variables = pretrained.load(net, case.params())
        apply = jax.jit(net.apply)
        # The window covers the third input at every level, so that all forms are one program there.
        for index in (1, 2) if suffix == "_global" else (0, 1, 2):
            close(apply(variables, nhwc(case[f"in/x{index}"])), case[f"out/y{index}{suffix}"], 5e-5)


def test_windows_of_the_local_form(parity):
    case = parity("torch_nafnet_local")
    net = pretrained.build("NAFNetLocal", **case.meta["config"], train_size=case.meta["train_size"])
    wanted = case.meta["kernel_sizes"]
    for level in range(4):
        window = wanted[f"encoders.{level}.0.sca.0"]
        assert list(net._window(level)[0]) == window == wanted[f"decoders.{3 - level}.0.sca.0"]
    assert list(net._window(4)[0]) == wanted["middle_blks.0.sca.0"]
    # Published: 384, 192, 96, 48, 24 for images of 256 pixels.
    assert [NAFNet(pool="local")._window(level)[0] for level in range(5)] == [(384 >> i,) * 2 for i in range(5)]


def test_local_means_of_the_authors(parity):
    case = parity("torch_nafnet_local")
    x = nhwc(case["in/pool_x"])
    for name in case.names("out/pool_k"):
        window = tuple(int(side) for side in name.split("x"))
        close(jax.jit(local_mean, static_argnums=1)(x, window), case[f"out/pool_k{name}"], 1e-5)


def test_local_means_by_hand():
    x = jnp.asarray([1.0, 2.0, 4.0, 8.0, 16.0]).reshape(1, 1, 5, 1)
    # Means of two: 1.5, 3, 6, 12; of the one that is too few, a copy at the right.
    np.testing.assert_allclose(local_mean(x, (1, 2)).ravel(), [1.5, 3, 6, 12, 12])
    np.testing.assert_allclose(local_mean(x, (9, 5)), np.full((1, 1, 1, 1), 6.2), rtol=1e-6)
    # Every second of six columns, 1, 4, 16; running sums 1, 5, 21; windows of two, the first left out: (21 - 1) / 2.
    six = jnp.asarray([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).reshape(1, 1, 6, 1)
    np.testing.assert_allclose(local_mean_fast(six, (1, 4), largest_step=(5, 2)).ravel(), [10] * 6)
    half = local_mean(x.astype(jnp.bfloat16), (1, 2))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_array_equal(half.ravel().astype(jnp.float32), [1.5, 3, 6, 12, 12])
    for one in ((1, 5), (5, 1), (7, 1)):   # sides of which sub-sampling would leave one pixel
        assert np.isfinite(local_mean_fast(jnp.ones((1, *one, 2)), (3, 3))).all()
    with pytest.raises(ValueError, match=r"shape \(5,\) and the window \(1, 0\); wanted images"):
        local_mean(jnp.ones(5), (1, 0))


@pytest.mark.parametrize("name", [pytest.param("ms_tunable_nafnet", marks=pytest.mark.slow),
                                  "ms_tunable_nafnet_linear"])
def test_the_tunable_network_of_mindediting(parity, name):
    case = parity(name)
    config = dict(case.meta["config"])
    net = pretrained.build(config.pop("net"), **config)
    variables = pretrained.load(net, case.params())
    apply = jax.jit(net.apply)
    for run in case.meta["runs"]:
        x, alpha = case[f"in/{run['input']}"], case[f"in/px{run['out'][1:]}"]
        close(apply(variables, nhwc(x), jnp.asarray(alpha)), case[f"out/{run['out']}"], 1e-4)   # README: networks


def count(net, *inputs):
    """Parameters; by shapes, nothing is computed."""
    return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0), *inputs)))


@pytest.mark.slow
def test_published_sizes():
    x = jnp.zeros((1, 16, 16, 3))
    gopro = {"enc_blk_nums": [1, 1, 1, 28], "middle_blk_num": 1, "dec_blk_nums": [1, 1, 1, 1]}
    assert count(pretrained.build("NAFNetLocal", width=32, **gopro), x) == 17_111_907
    assert count(pretrained.build("NAFNet", width=64, **gopro), x) == 67_888_835
    assert count(NAFNet(), x) == 29_159_715
    assert count(NAFNet(features=64), x) == 115_982_915
    assert count(pretrained.build("TunableNAFNet", num_params=2), x, jnp.ones(2)) == 58_281_794


def test_tunable_reaches_every_convolution_and_the_factors(small):
    plain, variables = small
    net = Tunable(plain, alpha=("a", "b"), frozen=("**/norm*",))
    params = net.from_base(variables)["params"]
    blocks = ["encoder_0_0", "encoder_1_0", "middle_0", "decoder_0_0", "decoder_1_0"]
    tops = ["intro", "ending", "down_0", "down_1", "up_0", "up_1"]
    assert set(params["phi"]) == {*blocks, *tops}
    inside = {"conv1", "conv2", "conv3", "conv4", "conv5", "sca", "beta", "gamma"}
    assert all(set(params["phi"][block]) == inside for block in blocks)
    assert set(params["frozen"]) == set(blocks)
    # Each factor by its own weights.
    params["phi"]["middle_0"]["beta"] = {"kernel": jnp.zeros((2, 2)), "bias": jnp.zeros(2)}
    baked = net.bake({"params": params}, [0.25, 0.75])[1]["params"]
    assert not baked["middle_0"]["beta"].any()
    np.testing.assert_allclose(baked["middle_0"]["gamma"], variables["params"]["middle_0"]["gamma"], rtol=1e-6)


def test_a_plain_checkpoint_starts_a_tunable_network(parity):
    case = parity("torch_nafnet")
    plain = pretrained.build("NAFNet", **case.meta["config"])
    net = Tunable(plain, alpha=("a", "b"), frozen=("**/norm*",))
    y = jax.jit(net.apply)(pretrained.load(net, case.params()), nhwc(case["in/x0"]), jnp.asarray([0.25, 0.75]))
    close(y, case["out/y0"], 1e-5)


def test_odd_sides_are_zeros_beyond_the_edge(small):
    net, variables = small
    x = jax.random.uniform(jax.random.key(1), (2, 37, 53, 3))
    apply = jax.jit(net.apply)
    padded = jnp.pad(x, ((0, 0), (0, 3), (0, 3), (0, 0)))
    np.testing.assert_allclose(apply(variables, x), apply(variables, padded)[:, :37, :53], atol=1e-6)


@pytest.mark.parametrize("pool", ["local", "local_fast"])
def test_gradients_of_a_local_block_are_finite(pool):
    net = NAFBlock(pool, (5, 7), (2, 2))
    x = jax.random.uniform(jax.random.key(1), (1, 10, 9, 4))
    variables = random_variables(net, 0, x)
    gradients = jax.jit(jax.grad(lambda v, x: jnp.square(net.apply(v, x)).mean(), argnums=(0, 1)))(variables, x)
    assert all(np.isfinite(leaf).all() and np.any(leaf) for leaf in jax.tree.leaves(gradients))


def test_a_fresh_block_is_the_identity_and_learns():
    net, x = NAFBlock(), jax.random.uniform(jax.random.key(1), (1, 6, 5, 4))
    variables = jax.jit(net.init)(jax.random.key(0), x)
    np.testing.assert_array_equal(net.apply(variables, x), x)
    gradients = jax.jit(jax.grad(lambda v: jnp.square(net.apply(v, x)).mean()))(variables)["params"]
    assert np.any(gradients["beta"]) and np.any(gradients["gamma"])


def test_sentences(small):
    net, variables = small
    for x, sentence in [(jnp.ones((1, 8, 8, 1)), r"NAFNet got .* shape \(1, 8, 8, 1\); wanted images \(N, H, W, 3\)"),
                        (jnp.ones((1, 8, 8, 3), jnp.uint8), "Divide 8-bit images by 255")]:
        with pytest.raises(ValueError, match=sentence):
            net.apply(variables, x)
    for fields, sentence in [({"pool": "some"}, "wanted one of global, local, local_fast"),
                             ({"decoder_blocks": (1,)}, "of as many levels in both"),
                             ({"train_size": (256,)}, "of the training images")]:
        with pytest.raises(ValueError, match=sentence):
            jax.eval_shape(net.clone(**fields).init, jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match=r"kernel of shape \(3, 3, 2, 4\) and strides \(1, 1\) for 4 channels"):
        depthwise_conv(jnp.ones((1, 8, 8, 4)), jnp.ones((3, 3, 2, 4)), (1, 1), "SAME")


@pytest.mark.parametrize(("size", "padding"), [((3, 3), "SAME"), ((3, 3), ((1, 1), (1, 1))), ((5, 2), "VALID"),
                                               ((4, 3), "SAME")])
def test_depthwise_convolution_is_the_usual_one(size, padding):
    keys = jax.random.split(jax.random.key(0), 3)
    x, kernel = jax.random.normal(keys[0], (2, 9, 7, 6)), 0.2 * jax.random.normal(keys[1], (*size, 1, 6))

    def usual(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, feature_group_count=6,
                                            dimension_numbers=("NHWC", "HWIO", "NHWC"))

    ours = lambda x, kernel: depthwise_conv(x, kernel, (1, 1), padding)
    wanted = usual(x, kernel)
    np.testing.assert_allclose(ours(x, kernel), wanted, atol=1e-6)
    cotangent = jax.random.normal(keys[2], wanted.shape)
    gradient = lambda form: jax.grad(lambda x, k: jnp.sum(form(x, k) * cotangent), argnums=(0, 1))(x, kernel)
    for one, other in zip(gradient(ours), gradient(usual), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6 * max(1.0, np.abs(other).max()))
