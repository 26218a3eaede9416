"""MSRResNet, RRDBNet and SRVGGNetCompact: the official programs' outputs, published sizes, odd sides."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable
from dynjax.models import pretrained
from dynjax.networks import MSRResNet, RRDBNet, SRVGGNetCompact
from dynjax.networks.layers import pixel_shuffle, pixel_unshuffle

TINY = [MSRResNet(4, 1, scale=2), RRDBNet(4, 1, 2, scale=2), SRVGGNetCompact(4, 1, scale=3)]


def nhwc(array):
    return jnp.asarray(np.moveaxis(array, 1, -1))


@pytest.mark.parametrize(("file", "name"), [
    ("torch_rrdbnet", "RRDBNet"), ("torch_rrdbnet_x2", "RRDBNet"), ("torch_srvgg", "SRVGGNetCompact"),
    ("torch_msrresnet", "MSRResNet")])
def test_the_authors_networks(parity, file, name):
    case = parity(file)
    net = pretrained.build(name, **case.meta["config"])
    variables = pretrained.load(net, {"params_ema": case.params()})
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == case.meta["n_params"]
    y, official = jax.jit(net.apply)(variables, nhwc(case["in/x"])), np.moveaxis(case["out/y"], 1, -1)
    assert y.shape == official.shape   # README of the family: 1e-5 of the largest value
    assert np.max(np.abs(y - official)) <= 1e-5 * max(1.0, np.max(np.abs(official)))


def test_published_sizes():
    def count(net):
        x = jnp.zeros((1, 16, 16, net.channels))
        return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0), x)))

    assert count(pretrained.build("RRDBNet", num_in_ch=3, num_out_ch=3)) == 16_697_987
    assert count(MSRResNet()) == 1_517_571
    # 17 convolutions between 64 channels but for the first's 3, 17 activations of 64 slopes, a last to 48 channels.
    body = (9 * 3 * 64 + 64) + 16 * (9 * 64 * 64 + 64) + 17 * 64
    assert count(SRVGGNetCompact()) == body + 9 * 64 * 48 + 48
    assert count(SRVGGNetCompact(activation="relu")) == body - 17 * 64 + 9 * 64 * 48 + 48


@pytest.mark.parametrize("net", TINY, ids=lambda net: type(net).__name__)
def test_tunable_reaches_every_layer(net):
    x, tuned = jnp.zeros((1, 8, 8, 3)), Tunable(net, alpha=("a", "b"))
    params = jax.eval_shape(tuned.init, jax.random.key(0), x, jnp.ones(2))["params"]
    modules = {path[:-1] for path in paths(params["kernels"])}
    slopes = {(*path, "negative_slope") for path in modules if path[-1].startswith("prelu")}
    convolutions = {path for path in modules if not path[-1].startswith("prelu")}
    assert {path[:-1] for path in paths(params["phi"])} == convolutions | slopes


@pytest.mark.parametrize("net", TINY, ids=lambda net: type(net).__name__)
def test_gradients_are_finite_on_odd_sides(net):
    x = jax.random.uniform(jax.random.key(0), (1, 37, 53, 3))
    leaves, tree = jax.tree.flatten(jax.eval_shape(net.init, jax.random.key(0), x))
    rng = np.random.RandomState(0)
    variables = tree.unflatten([jnp.asarray(rng.normal(0, 0.2, leaf.shape), jnp.float32) for leaf in leaves])

    def loss(variables):
        y = net.apply(variables, x)
        return jnp.square(y).mean(), y

    gradient, y = jax.jit(jax.grad(loss, has_aux=True))(variables)
    assert y.shape == (1, 37 * net.scale, 53 * net.scale, 3)
    assert all(np.isfinite(leaf).all() and np.any(leaf) for leaf in jax.tree.leaves(gradient))


def paths(tree):
    """Those of the leaves, tuples of names."""
    return [tuple(key.key for key in path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


@pytest.mark.parametrize(("scale", "pads"), [(2, (1, 1)), (1, (1, 3))])
def test_odd_sides_are_reflected_and_cropped(scale, pads):
    net = RRDBNet(4, 0, scale=scale)
    x = jax.random.uniform(jax.random.key(0), (1, 7, 9, 3))
    variables = jax.jit(net.init)(jax.random.key(1), x)
    assert variables["params"]["head"]["kernel"].shape == (3, 3, 3 * (4 // scale) ** 2, 4)
    reflected = jnp.pad(x, ((0, 0), (0, pads[0]), (0, pads[1]), (0, 0)), mode="reflect")
    apply = jax.jit(net.apply)
    y = apply(variables, x)
    assert y.shape == (1, 7 * scale, 9 * scale, 3)
    np.testing.assert_allclose(y, apply(variables, reflected)[:, :7 * scale, :9 * scale], atol=1e-6)


def test_fresh_networks_add_to_the_enlarged_input():
    x = jax.random.uniform(jax.random.key(0), (1, 5, 6, 3))
    repeated = jnp.repeat(jnp.repeat(x, 3, axis=1), 3, axis=2)
    for net, wanted in [(TINY[2], repeated), (TINY[0], jax.image.resize(x, (1, 10, 12, 3), "bilinear"))]:
        nothing = jax.tree.map(jnp.zeros_like, jax.eval_shape(net.init, jax.random.key(0), x))
        np.testing.assert_allclose(jax.jit(net.apply)(nothing, x), wanted, atol=1e-6)


def test_slopes_and_leaky_activations_by_hand():
    x = -jnp.ones((1, 3, 3, 1))
    wanted = {"prelu": -0.25, "relu": 0.0, "leaky_relu": -0.1}   # of -1; slopes start at 0.25
    for activation, value in wanted.items():
        net = SRVGGNetCompact(1, 0, scale=1, channels=1, activation=activation)
        params = jax.eval_shape(net.init, jax.random.key(0), x)["params"]
        params = jax.tree.map(jnp.zeros_like, params)
        params["conv_0"]["kernel"] = params["conv_1"]["kernel"] = jnp.zeros((3, 3, 1, 1)).at[1, 1].set(1)
        if activation == "prelu":
            params["prelu_0"]["negative_slope"] = jnp.asarray([0.25])
        np.testing.assert_allclose(net.apply({"params": params}, x), x + value)


def test_pixel_unshuffle_is_the_inverse_in_pytorchs_order():
    x = jnp.arange(2 * 4 * 6 * 3.0).reshape(2, 4, 6, 3)
    small = pixel_unshuffle(x, 2)
    np.testing.assert_array_equal(pixel_shuffle(small, 2), x)
    # Channel c * 4 + dy * 2 + dx of pixel (1, 2) is channel c of pixel (2 + dy, 4 + dx).
    assert small[1, 1, 2, 2 * 4 + 1 * 2 + 0] == x[1, 3, 4, 2]


def test_sentences():
    key = jax.random.key(0)
    for net in TINY:
        with pytest.raises(ValueError, match=rf"{type(net).__name__} got .* \(1, 8, 8, 1\); wanted images"):
            jax.eval_shape(net.init, key, jnp.zeros((1, 8, 8, 1)))
    for net, sentence in [(RRDBNet(scale=3), "RRDBNet got scale=3; wanted 1, 2 or 4"),
                          (SRVGGNetCompact(activation="elu"), "wanted one of prelu, relu, leaky_relu"),
                          (MSRResNet(scale=6), "wanted 1, 3 or a power of two")]:
        with pytest.raises(ValueError, match=sentence):
            jax.eval_shape(net.init, key, jnp.zeros((1, 8, 8, 3)))
    for name, arguments, sentence in [("MSRResNet", {"upscale": 8}, "wanted 2, 3 or 4"),
                                      ("SRVGGNetCompact", {"num_in_ch": 1}, "wanted the same number"),
                                      ("SRVGGNetCompact", {"act_type": "elu"}, "prelu, relu, leakyrelu")]:
        with pytest.raises(ValueError, match=sentence):
            pretrained.build(name, **arguments)
