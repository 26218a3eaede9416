"""Tunable around networks that were never meant for it."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable, TunableConv, aggregate, grid
from dynjax.networks import EDSR

NAMES = ("first", "second")


class Stranger(nn.Module):
    """A stranger's network: nested modules, batch statistics, dropout, bare parameters, a second input."""

    @nn.compact
    def __call__(self, x, shift=None, *, train=False):
        gain = self.param("gain", nn.initializers.normal(1.0), (1, 1, 1, 3))
        x = Inner(name="inner")(x * gain, train=train)
        x = nn.Dropout(0.5, deterministic=not train)(x)
        x = nn.Conv(3, (3, 3), name="out")(x)
        return x if shift is None else x + shift


class Inner(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = nn.Conv(4, (3, 3), strides=2, use_bias=False)(x)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.5)(x)
        return nn.relu(nn.ConvTranspose(4, (2, 2), strides=(2, 2))(x))


@pytest.fixture(scope="module")
def image():
    return jax.random.uniform(jax.random.key(0), (3, 10, 8, 3))


@pytest.fixture(scope="module")
def tunable():
    return Tunable(Stranger(), alpha=NAMES)


@pytest.fixture(scope="module")
def variables(tunable, image):
    variables = tunable.init(jax.random.key(1), image, jnp.array([0.5, 0.5]))
    # phi away from its start, so that a mistake in it shows.
    rng = np.random.default_rng(0)
    noise = lambda leaf: leaf + np.float32(0.3) * rng.standard_normal(leaf.shape, np.float32)
    variables["params"]["phi"] = jax.tree.map(noise, variables["params"]["phi"])
    return variables


def plain_by_hand(variables, alpha):
    """The plain tree by plain numpy: weights = alpha @ kernel + bias, then the weighted sum, layer by layer."""
    kernels, phi = variables["params"]["kernels"], variables["params"]["phi"]
    mix = lambda leaf, at: np.tensordot(np.asarray(alpha) @ np.asarray(at["kernel"]) + np.asarray(at["bias"]),
                                        np.asarray(leaf, np.float64), 1)
    layer = lambda leaves, at: {name: mix(leaf, at) for name, leaf in leaves.items()}
    inner, inner_phi = kernels["inner"], phi["inner"]
    params = {
        "gain": mix(kernels["gain"], phi["gain"]),
        "out": layer(kernels["out"], phi["out"]),
        "inner": {
            "Conv_0": layer(inner["Conv_0"], inner_phi["Conv_0"]),
            "ConvTranspose_0": layer(inner["ConvTranspose_0"], inner_phi["ConvTranspose_0"]),
            "BatchNorm_0": {name: mix(leaf, inner_phi["BatchNorm_0"][name])
                            for name, leaf in inner["BatchNorm_0"].items() if name == "scale"}}}
    # BatchNorm has a scale beside its bias, so each is a layer of its own.
    params["inner"]["BatchNorm_0"]["bias"] = mix(inner["BatchNorm_0"]["bias"], inner_phi["BatchNorm_0"]["bias"])
    return {"params": jax.tree.map(jnp.float32, params), "batch_stats": variables["batch_stats"]}


def test_equals_the_network_with_kernels_mixed_by_hand(tunable, variables, image):
    alpha = [0.3, 0.9]
    expected = Stranger().apply(plain_by_hand(variables, alpha), image)
    np.testing.assert_allclose(tunable.apply(variables, image, alpha), expected, atol=1e-5)


def test_alpha_changes_the_output(tunable, variables, image):
    ends = [tunable.apply(variables, image, alpha) for alpha in ([1, 0], [0, 1])]
    assert np.abs(ends[0] - ends[1]).max() > 0.05


def test_kernels_are_drawn_apart_and_phi_starts_as_the_identity(tunable, image):
    params = tunable.init(jax.random.key(1), image, [1.0, 0.0])["params"]
    kernel = params["kernels"]["out"]["kernel"]
    assert kernel.shape == (2, 3, 3, 4, 3) and np.abs(kernel[0] - kernel[1]).max() > 0.1
    np.testing.assert_array_equal(params["phi"]["out"]["kernel"], np.eye(2))
    np.testing.assert_array_equal(params["phi"]["out"]["bias"], np.zeros(2))


def test_each_kernel_has_the_spread_of_a_plain_layer(image):
    net = nn.Conv(64, (3, 3))
    kernel = Tunable(net, alpha=NAMES).init(jax.random.key(0), image, [1.0, 0.0])["params"]["kernels"]["kernel"]
    np.testing.assert_allclose(kernel.std(axis=(1, 2, 3, 4)), 27 ** -0.5, rtol=0.05)   # LeCun: 1 / sqrt(fan in)


def test_alpha_by_name_array_list_and_integers_agree(tunable, variables, image):
    expected = tunable.apply(variables, image, jnp.array([1.0, 0.25]))
    for alpha in ([1, 0.25], {"second": 0.25, "first": 1}, np.array([1, 0.25]), np.tile([[1.0, 0.25]], (3, 1)),
                  {"first": np.ones(3), "second": 0.25}):
        np.testing.assert_allclose(tunable.apply(variables, image, alpha), expected, atol=1e-5)


def test_one_alpha_an_image_equals_the_loop(tunable, variables, image):
    alphas = jnp.array([[1.0, 0.0], [0.2, 0.7], [-0.5, 1.5]])
    loop = [tunable.apply(variables, image[i:i + 1], alphas[i]) for i in range(3)]
    np.testing.assert_allclose(tunable.apply(variables, image, alphas), np.concatenate(loop), atol=1e-5)


def test_one_alpha_an_image_in_a_batch_too_large_to_unroll(image):
    layer = TunableConv(2, 3)
    x = jax.random.normal(jax.random.key(3), (20, 5, 5, 2))
    alphas = jax.random.uniform(jax.random.key(4), (20, 2))
    variables = layer.init(jax.random.key(5), x, alphas)
    loop = [layer.apply(variables, x[i:i + 1], alphas[i]) for i in range(20)]
    np.testing.assert_allclose(layer.apply(variables, x, alphas), np.concatenate(loop), atol=1e-5)


@pytest.mark.parametrize(("net", "looped"), [(EDSR(features=2, blocks=0, scale=1), True), (nn.Conv(3, (3, 3)), False)])
def test_gradients_by_one_alpha_an_image_equal_the_loop(net, looped):
    tunable = Tunable(net, alpha=2)
    x, alphas = jax.random.uniform(jax.random.key(3), (9, 6, 5, 3)), jax.random.normal(jax.random.key(4), (9, 2))
    variables = tunable.init(jax.random.key(5), x, alphas[0])
    whole = jax.jit(jax.grad(lambda variables: jnp.sum(tunable.apply(variables, x, alphas) ** 2)))
    single = jax.jit(jax.grad(lambda variables, x, alpha: jnp.sum(tunable.apply(variables, x, alpha) ** 2)))
    loop = [single(variables, x[i:i + 1], alphas[i]) for i in range(9)]
    jax.tree.map(lambda found, *wanted: np.testing.assert_allclose(found, sum(wanted), rtol=1e-4, atol=1e-4),
                 whole(variables), *loop)
    # More than eight: compiled once for all images where the convolutions bear it on a CPU, else once for each.
    assert ("while" in whole.lower(variables).as_text()) == looped


def test_a_second_input_is_split_with_the_images(tunable, variables, image):
    shift = jnp.arange(3.0).reshape(3, 1, 1, 1)
    alphas = jnp.array([[1.0, 0.0], [0.2, 0.7], [0.0, 1.0]])
    shifted = tunable.apply(variables, image, alphas, jnp.broadcast_to(shift, image.shape))
    np.testing.assert_allclose(shifted - tunable.apply(variables, image, alphas), np.broadcast_to(shift, image.shape),
                               atol=1e-5)


def test_statistics_and_dropout_are_the_plain_networks(tunable, variables, image):
    alpha, rngs = jnp.array([0.3, 0.7]), {"dropout": jax.random.key(9)}
    net, plain = tunable.bake(variables, alpha)
    y, changed = tunable.apply(variables, image, alpha, train=True, rngs=rngs, mutable=["batch_stats"])
    expected, expected_changed = net.apply(plain, image, train=True, rngs=rngs, mutable=["batch_stats"])
    np.testing.assert_allclose(y, expected, atol=1e-6)
    jax.tree.map(np.testing.assert_array_equal, changed, expected_changed)
    before = variables["batch_stats"]["inner"]["BatchNorm_0"]["mean"]
    assert np.abs(changed["batch_stats"]["inner"]["BatchNorm_0"]["mean"] - before).max() > 1e-3


def test_statistics_of_one_alpha_an_image_are_averaged(tunable, variables, image):
    alphas = jnp.array([[1.0, 0.0], [0.2, 0.7], [0.0, 1.0]])
    apply = lambda x, alpha: tunable.apply(variables, x, alpha, train=True, mutable=["batch_stats"],
                                           rngs={"dropout": jax.random.key(0)})[1]
    loop = [apply(image[i:i + 1], alphas[i]) for i in range(3)]
    mean = jax.tree.map(lambda *leaves: np.mean(leaves, axis=0), *loop)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), apply(image, alphas), mean)


@pytest.mark.parametrize("alpha", [[0.3, 0.7], [1.0, 0.0], [-0.4, 1.9]])
def test_baked_is_bit_equal_when_both_are_jitted(tunable, variables, image, alpha):
    alpha = jnp.array(alpha)
    net, plain = tunable.bake(variables, alpha)
    assert isinstance(net, Stranger)
    tuned = jax.jit(lambda v, x, a: tunable.apply(v, x, a))(variables, image, alpha)
    np.testing.assert_array_equal(tuned, jax.jit(net.apply)(plain, image))
    closed_over = jax.jit(lambda x: tunable.apply(variables, x, alpha))(image)
    np.testing.assert_array_equal(closed_over, jax.jit(net.apply)(plain, image))


def test_vmap_over_alpha_and_grid_equal_the_loop(tunable, variables, image):
    alphas = jnp.array([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]])
    loop = np.stack([tunable.apply(variables, image, alpha) for alpha in alphas])
    mapped = jax.vmap(lambda alpha: tunable.apply(variables, image, alpha))(alphas)
    np.testing.assert_allclose(mapped, loop, atol=1e-5)
    for chunk in (None, 2, 3):
        np.testing.assert_allclose(grid(tunable, variables, image, alphas, chunk=chunk), loop, atol=1e-5)


def test_copies_is_the_plain_network_where_the_weights_sum_to_one(tunable, image):
    plain = Stranger().init(jax.random.key(2), image)
    variables = tunable.from_base(plain)
    expected = Stranger().apply(plain, image)
    np.testing.assert_allclose(tunable.apply(variables, image, [0.25, 0.75]), expected, atol=1e-5)
    assert np.abs(tunable.apply(variables, image, [1.0, 1.0]) - expected).max() > 0.05
    assert set(variables) == {"params", "batch_stats"}


@pytest.mark.parametrize("hidden", [(), (5,)])
def test_base_is_the_plain_network_at_every_alpha(hidden, image):
    plain = Stranger().init(jax.random.key(2), image)
    tunable = Tunable(Stranger(), alpha=NAMES, kernels=3, hidden=hidden)
    variables = tunable.from_base(plain, kernel_init="base")
    for alpha in ([0.0, 0.0], [1.0, 1.0], [-3.0, 0.2]):
        np.testing.assert_array_equal(tunable.apply(variables, image, alpha), Stranger().apply(plain, image))


@pytest.mark.parametrize("options", [dict(kernels=4), dict(kernels=3), dict(hidden=(4, 3)), dict(phi="identity")])
def test_copies_holds_for_every_phi(options, image):
    tunable = Tunable(Stranger(), alpha=NAMES, **options)
    plain = Stranger().init(jax.random.key(2), image)
    variables = tunable.from_base(plain)
    assert ("phi" in variables["params"]) == (options != dict(phi="identity"))
    np.testing.assert_allclose(tunable.apply(variables, image, [0.25, 0.75]), Stranger().apply(plain, image), atol=1e-5)
    fresh = tunable.init(jax.random.key(0), image, [0.5, 0.5])
    assert jax.tree.structure(fresh) == jax.tree.structure(variables)
    assert np.abs(tunable.apply(fresh, image, [1, 0]) - tunable.apply(fresh, image, [0, 1])).max() > 0.05


def test_frozen_parameters_stay_single(image):
    tunable = Tunable(Stranger(), alpha=NAMES, frozen=("**/BatchNorm_*", "gain"))
    variables = tunable.init(jax.random.key(0), image, [0.5, 0.5])
    params = variables["params"]
    assert set(params["frozen"]) == {"gain", "inner"}
    assert params["frozen"]["inner"]["BatchNorm_0"]["scale"].shape == (4,)
    assert "BatchNorm_0" not in params["kernels"]["inner"] and "gain" not in params["phi"]
    net, plain = tunable.bake(variables, [1.0, 0.0])
    np.testing.assert_array_equal(plain["params"]["gain"], params["frozen"]["gain"])
    np.testing.assert_allclose(net.apply(plain, image), tunable.apply(variables, image, [1.0, 0.0]), atol=1e-6)
    assert net.apply(plain, image).shape == image.shape


def test_tunable_inside_another_module(image):
    class Outer(nn.Module):
        @nn.compact
        def __call__(self, x, alpha):
            x = TunableConv(4, 3, name="head")(x, alpha)
            return Tunable(Stranger(), alpha=NAMES, name="rest")(x[..., :3], alpha)

    variables = Outer().init(jax.random.key(0), image, [0.5, 0.5])
    assert set(variables["params"]) == {"head", "rest"}
    assert set(variables["params"]["head"]) == {"kernels", "phi"}
    assert set(variables["batch_stats"]["rest"]) == {"inner"}
    ends = [Outer().apply(variables, image, alpha) for alpha in ([1.0, 0.0], [0.0, 1.0])]
    assert np.abs(ends[0] - ends[1]).max() > 0.05


def test_gradients_reach_kernels_and_phi(tunable, variables, image):
    loss = lambda params: jnp.mean(tunable.apply({**variables, "params": params}, image, jnp.array([0.4, 0.6])) ** 2)
    gradients = jax.grad(loss)(variables["params"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
    assert np.abs(gradients["phi"]["out"]["kernel"]).min() > 0 and np.abs(gradients["kernels"]["gain"]).max() > 0


def test_aggregate_by_hand():
    mixed = aggregate({"a": jnp.array([[1.0], [10.0]])}, jnp.array([0.25, 2.0]))
    np.testing.assert_allclose(mixed["a"], [20.25])   # 0.25 * 1 + 2 * 10


@pytest.mark.parametrize(("alpha", "said"), [
    ([0.5], r"shape \(1,\); wanted \(2,\)"), (0.5, r"shape \(\)"), (np.zeros((2, 2)), "2 rows for a batch of 3"),
    (None, "alpha is None; wanted numbers"), (["a", "b"], r"alpha is \['a', 'b'\]; wanted numbers"),
    ({"first": np.ones(3), "second": np.ones(2)}, r"shapes first \(3,\), second \(2,\); wanted numbers or arrays"),
    ({"first": 1, "secnd": 0}, "unknown: secnd; missing: second"), (np.zeros((1, 1, 2)), r"shape \(1, 1, 2\)")])
def test_wrong_alpha_is_told(tunable, variables, image, alpha, said):
    with pytest.raises(ValueError, match=said):
        tunable.apply(variables, image, alpha)


@pytest.mark.parametrize(("options", "said"), [
    (dict(phi="linear"), "'linear'; wanted one of affine, identity"), (dict(kernels=1), "kernels is 1"),
    (dict(kernels=3, phi="identity"), "exactly 2"), (dict(frozen=("nothing",)), "matches no parameter"),
    (dict(hidden=(1,)), "hidden is")])
def test_wrong_options_are_told(image, options, said):
    with pytest.raises(ValueError, match=said):
        Tunable(Stranger(), alpha=NAMES, **options).init(jax.random.key(0), image, [0.5, 0.5])


def test_other_mistakes_are_told(tunable, variables, image):
    with pytest.raises(ValueError, match="without 'kernels'"):
        tunable.apply({"params": {"inner": {}}}, image, [0.5, 0.5])
    with pytest.raises(ValueError, match='kernel_init="base" needs'):
        Tunable(Stranger(), alpha=NAMES, phi="identity").from_base({"params": {}}, kernel_init="base")
    with pytest.raises(ValueError, match="wanted one of replicate, base"):
        tunable.from_base({"params": {}}, kernel_init="zeros")
    with pytest.raises(ValueError, match="one point an image"):
        tunable.bake(variables, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"wanted \(A, P\)"):
        grid(tunable, variables, image, [0.5, 0.5])
    with pytest.raises(ValueError, match="3 weights for the leaf"):
        aggregate({"a": jnp.zeros((2, 4))}, jnp.ones(3))


def test_modules_with_lists_as_fields_run_in_a_grid(image):
    tunable = Tunable(nn.Sequential([nn.Conv(2, (1, 1)), nn.relu, nn.Conv(3, (1, 1))]), alpha=["first", "second"])
    variables = tunable.init(jax.random.key(0), image, [0.5, 0.5])
    outputs = grid(tunable, variables, image, np.eye(2))
    np.testing.assert_allclose(outputs[1], tunable.apply(variables, image, [0, 1]), atol=1e-5)


def test_names_with_slashes_and_deep_maps_beside_submodules(image):
    class Normed(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.WeightNorm(nn.Conv(3, (3, 3)))(x)
            return x + self.param("bias", nn.initializers.ones, (3,))[None, None, None, :]

    for hidden in ((), (4,)):
        tunable = Tunable(Normed(), alpha=2, hidden=hidden)
        variables = tunable.init(jax.random.key(0), image, [0.5, 0.5])
        net, plain = tunable.bake(variables, [0.3, 0.7])
        np.testing.assert_allclose(net.apply(plain, image), tunable.apply(variables, image, [0.3, 0.7]), atol=1e-5)


def test_the_number_of_objectives_is_checked_where_there_are_no_names(image):
    layer = TunableConv(4, 3)
    variables = layer.init(jax.random.key(0), image, [1.0, 0.0])
    for alpha in ([0.5], [0.5, 0.1, 0.2]):
        with pytest.raises(ValueError, match="wanted a last axis of 2"):
            layer.apply(variables, image, alpha)
    tunable = Tunable(nn.Conv(3, (1, 1)), alpha=2, phi="identity")
    with pytest.raises(ValueError, match="wanted a last axis of 2"):
        tunable.bake(tunable.init(jax.random.key(0), image, [1.0, 0.0]), [0.5])
    with pytest.raises(ValueError, match="stacked already"):
        tunable.from_base(tunable.init(jax.random.key(0), image, [1.0, 0.0]))
    with pytest.raises(ValueError, match="a name of its own"):
        Tunable(nn.Conv(3, (1, 1)), alpha=("a", "a")).init(jax.random.key(0), image, [1.0, 0.0])
