"""DNI, image blending and CIN against the authors' rules, and the protocol that all controls keep."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util

import dynjax
from dynjax.control import CIN, DNI, AlphaSpace, Blend, Control, base_network
from dynjax.networks import EDSR, DnCNN, DumoulinNet

NAMES = ("fidelity", "perceptual")
TINY = EDSR(features=2, blocks=1, scale=1, upsampler="direct")


def nhwc(array):
    return jnp.asarray(array.transpose(0, 2, 3, 1))


def indices(case):
    return sorted(int(name.removeprefix("w_")) for name in case.names("in/") if name.startswith("w_"))


def dncnn(case):
    options = case.meta["config"]
    net = dynjax.pretrained.build("DnCNN", in_nc=3, out_nc=3, nc=options["nc"], nb=options["nb"], act_mode="BR")
    return net, [dynjax.pretrained.load(net, case.params(f"param/net{index}/")) for index in range(2)]


def msrresnet(case):
    options = case.meta["config"]
    net = dynjax.pretrained.build("MSRResNet", num_feat=options["nf"], num_block=options["nb"], upscale=4)
    names = lambda name: name.replace("recon_trunk", "body").replace("HRconv", "conv_hr")
    trees = [{names(name): value for name, value in case.params(f"param/net{index}/").items()} for index in range(3)]
    return net, [dynjax.pretrained.load(net, tree) for tree in trees]


@pytest.mark.parametrize("name, made", [("baseline_dni_bn", dncnn), ("baseline_dni_sr", msrresnet)])
def test_weights_and_outputs_are_mixed_as_published(parity, name, made):
    case = parity(name)
    net, trees = made(case)
    x, count = nhwc(case["in/x"]), len(trees)
    for control, entry in ((DNI(net, alpha=count), "y"), (Blend(net, alpha=count), "image_space")):
        variables, apply = control.from_base(trees), jax.jit(control.apply)
        for index in indices(case):
            wanted = case[f"out/{entry}_{index}"].transpose(0, 2, 3, 1)
            got = apply(variables, x, case[f"in/w_{index}"])
            # README-baselines: 2e-5, relative to the largest value where that is above 1.
            np.testing.assert_allclose(got, wanted, atol=2e-5 * max(1, np.abs(wanted).max()), rtol=0,
                                       err_msg=f"{entry}_{index}")


def test_conditional_instance_norm_as_published(parity):
    case = parity("baseline_cin")
    first, second, third = case.meta["config"]["ch"]
    net = CIN(DumoulinNet(widths=(first, second, third, second, first), blocks=case.meta["config"]["nres"]), alpha=4)
    places = {**{f"contract/conv{i}": (f"conv{i}", f"in{i}") for i in (1, 2, 3)},
              **{f"residual/residual{i}/conv{j}": (f"res{i}/conv{j}", f"res{i}/in{j}") for i in (1, 2) for j in (1, 2)},
              **{f"expand/conv{i}/conv": (f"deconv{i}", f"in{i + 3}") for i in (1, 2, 3)}}
    flat = {}
    for theirs, (conv, norm) in places.items():
        leaf = lambda name, theirs=theirs: case[f"param/transformer/{theirs}/{name}"]
        flat["params", "frozen", *conv.split("/"), "conv2d", "kernel"] = leaf("weights")
        flat["params", "kernels", *norm.split("/"), "scale"] = leaf("InstanceNorm/gamma")
        flat["params", "kernels", *norm.split("/"), "bias"] = leaf("InstanceNorm/beta")
    variables, x = traverse_util.unflatten_dict(flat), nhwc(case["in/x"])
    shapes = lambda tree: jax.tree.map(jnp.shape, tree)
    assert shapes(variables) == shapes(jax.eval_shape(net.init, jax.random.key(0), x, jnp.ones(4)))
    apply = jax.jit(net.apply)
    for index in indices(case):
        wanted = case[f"out/y_{index}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(apply(variables, x, case[f"in/w_{index}"]), wanted, atol=2e-4, rtol=0)


def controls():
    yield dynjax.Tunable(TINY, alpha=NAMES)
    yield dynjax.DynamicNet(TINY, before={"ResidualBlock_0": dynjax.TuningBlock(layers=1)})
    yield DNI(TINY, alpha=NAMES)
    yield Blend(TINY, alpha=NAMES)
    yield CIN(DumoulinNet(widths=(2, 2, 2, 2, 2), blocks=1), alpha=NAMES)


@pytest.fixture(scope="module")
def x():
    return jax.random.uniform(jax.random.key(0), (2, 12, 8, 3))


@pytest.fixture(scope="module", params=list(controls()), ids=lambda control: type(control).__name__)
def tuned(request, x):
    """A control and variables at which alpha shows."""
    control = request.param
    variables = jax.jit(control.init)(jax.random.key(1), x, control.space.ends[0])
    rng = np.random.default_rng(0)
    noise = lambda leaf: leaf + np.float32(0.2) * rng.standard_normal(leaf.shape, np.float32)
    return control, jax.tree.map(noise, variables)


def test_every_control_keeps_the_protocol(tuned, x, tmp_path):
    control, variables = tuned
    assert isinstance(control, Control) and isinstance(control.space, AlphaSpace)
    assert base_network(control) == control.base_network and not isinstance(control.base_network, Control)
    apply, (first, last) = jax.jit(control.apply), control.space.ends
    outputs = [apply(variables, x, alpha) for alpha in (first, last)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3, "alpha changes nothing"
    each = np.stack([first, last])
    np.testing.assert_allclose(jax.jit(control.apply)(variables, x, each),
                               np.concatenate([outputs[0][:1], outputs[1][1:]]), atol=1e-5)
    sweep = control.space.sweep(3)
    np.testing.assert_allclose(dynjax.grid(control, variables, x, sweep)[1], apply(variables, x, sweep[1]), atol=1e-5)
    net, baked = control.bake(variables, last)
    np.testing.assert_array_equal(jax.jit(net.apply)(baked, x), outputs[1])
    dynjax.save(tmp_path / "model.safetensors", control, variables)
    again, loaded = dynjax.load(tmp_path / "model.safetensors")
    assert again == control
    jax.tree.map(np.testing.assert_array_equal, loaded, variables)


def test_a_control_around_trained_weights_is_the_base_network(x):
    for control in controls():
        base = control.base_network.init(jax.random.key(2), x)
        variables = control.from_base(base, jax.random.key(3), x)
        at_base = control.space.ends[0]   # DynamicNet: 0; else the first corner, where all candidates are equal
        np.testing.assert_array_equal(jax.jit(control.apply)(variables, x, at_base),
                                      jax.jit(control.base_network.apply)(base, x))


def test_ends_are_the_networks_bit_for_bit_even_beside_an_infinity(x):
    trees = [TINY.init(jax.random.key(key), x) for key in (0, 1)]
    spoilt = [jax.tree.map(lambda leaf: leaf * jnp.inf, trees[0]), trees[1]]
    for control in (DNI(TINY, alpha=NAMES), Blend(TINY, alpha=NAMES)):
        got = jax.jit(control.apply)(control.from_base(spoilt), x, [0.0, 1.0])
        np.testing.assert_array_equal(got, jax.jit(TINY.apply)(trees[1], x))


def test_running_statistics_follow_the_network_that_is_trained(x):
    net = DnCNN(features=2, layers=3, channels=3)
    control = DNI(net, alpha=NAMES)
    variables = control.init(jax.random.key(0), x, [1.0, 0.0])
    _, changed = control.apply(variables, x, [0.0, 1.0], train=True, mutable="batch_stats")
    alone = {name: tree["perceptual"] for name, tree in variables.items()}
    _, wanted = net.apply(alone, x, train=True, mutable="batch_stats")
    jax.tree.map(np.testing.assert_array_equal, changed["batch_stats"]["fidelity"],
                 variables["batch_stats"]["fidelity"])
    jax.tree.map(lambda got, wish: np.testing.assert_allclose(got, wish, rtol=1e-6),
                 changed["batch_stats"]["perceptual"], wanted["batch_stats"])


def test_a_negative_running_variance_is_mended_and_told(x):
    net = DnCNN(features=2, layers=3, channels=3)
    trees = [net.init(jax.random.key(0), x) for _ in range(2)]
    trees[1] = {**trees[1], "batch_stats": jax.tree.map(lambda leaf: 10 * leaf, trees[1]["batch_stats"])}
    control = DNI(net, alpha=NAMES)
    with pytest.warns(UserWarning, match=r"alpha \[2.0, -1.0\] 1 running variances were negative"):
        _, baked = control.bake(control.from_base(trees), [2.0, -1.0])   # 2 * 1 - 1 * 10
    assert np.all(np.asarray(baked["batch_stats"]["norm_1"]["var"]) > 0)


@pytest.mark.parametrize("given, said", [
    (lambda tree: [tree] * 3, "got 3 networks; wanted one each for fidelity, perceptual"),
    (lambda tree: {"fidelity": tree, "other": tree}, "named fidelity, other; wanted fidelity, perceptual"),
    (lambda tree: [tree, EDSR(features=3, blocks=1, scale=1).init(jax.random.key(0), jnp.ones((1, 8, 8, 3)))],
     "of candidates 0 and 1 differ")])
def test_networks_that_do_not_go_together_are_told(x, given, said):
    with pytest.raises(ValueError, match=said):
        DNI(TINY, alpha=NAMES).from_base(given(TINY.init(jax.random.key(0), x)))


def test_a_mixture_of_outputs_is_no_network(x):
    control = Blend(TINY, alpha=NAMES)
    variables = control.init(jax.random.key(0), x, [0.5, 0.5])
    with pytest.raises(ValueError, match="a blend of 2 outputs is no single network"):
        control.bake(variables, [0.5, 0.5])
    with pytest.raises(ValueError, match="without perceptual"):
        control.apply({"params": {"fidelity": variables["params"]["fidelity"]}}, x, [1.0, 0.0])


@pytest.mark.parametrize("make", [DNI, Blend])
def test_the_derivative_by_alpha_is_that_of_the_mixture_at_a_corner_too(make, x):
    control, rng = make(TINY, alpha=NAMES), np.random.default_rng(0)
    moved = lambda leaf: leaf + np.float32(0.2) * rng.standard_normal(leaf.shape, np.float32)   # its last layer is zero
    variables = control.from_base([jax.tree.map(moved, TINY.init(jax.random.key(key), x)) for key in (0, 1)])
    energy = jax.jit(lambda alpha: jnp.sum(control.apply(variables, x, alpha)**2))
    corner, step = jnp.array([1.0, 0.0]), 1e-2
    difference = [(energy(corner + step * way) - energy(corner - step * way)) / (2 * step) for way in jnp.eye(2)]
    np.testing.assert_allclose(jax.grad(energy)(corner), difference, rtol=2e-2)


def test_integers_are_those_of_the_network_of_the_largest_weight(x):
    trees = [{**TINY.init(jax.random.key(0), x), "count": {"steps": jnp.array(steps)}} for steps in (3, 5)]
    control = DNI(TINY, alpha=NAMES)
    for alpha, steps in (([1.0, 0.0], 3), ([0.0, 1.0], 5)):
        _, mixed = control.bake(control.from_base(trees), alpha)
        assert mixed["count"]["steps"] == steps


def test_networks_with_statistics_are_baked_inside_jit(x):
    control = DNI(DnCNN(features=2, layers=3, channels=3), alpha=NAMES)
    variables = control.init(jax.random.key(0), x, [1.0, 0.0])
    bake = lambda variables, alpha: control.bake(variables, alpha)[1]
    jax.tree.map(np.testing.assert_array_equal, jax.jit(bake)(variables, jnp.array([0.5, 0.5])),
                 bake(variables, jnp.array([0.5, 0.5])))


@pytest.mark.parametrize("make", [dynjax.Tunable, DNI, Blend, CIN])
@pytest.mark.parametrize("alpha", [0, -1, (), 2.0, True, (1, 2)])
def test_a_field_alpha_that_names_nothing_is_told(make, alpha, x):
    with pytest.raises(ValueError, match="wanted the names of its numbers"):
        make(TINY, alpha=alpha).init(jax.random.key(0), x, [1.0, 0.0])


@pytest.mark.parametrize("control", list(controls()), ids=lambda control: type(control).__name__)
@pytest.mark.parametrize("wrong", [None, [None, None], "path", {"Conv_0": {}}])
def test_what_is_no_variables_is_told(control, wrong, x):
    with pytest.raises(ValueError, match="from_base got"):
        control.from_base(wrong, jax.random.key(0), x)


def test_a_tree_of_separate_networks_is_not_put_side_by_side_again(x):
    control = DNI(TINY, alpha=NAMES)
    with pytest.raises(ValueError, match="got the tree of a DNI"):
        control.from_base(control.init(jax.random.key(0), x, [1.0, 0.0]))
    nested = DNI(Blend(TINY, alpha=NAMES), alpha=NAMES)
    assert set(nested.from_base(nested.net.init(jax.random.key(0), x, [1.0, 0.0]))["params"]) == set(NAMES)


def test_a_control_is_known_though_its_space_is_not():
    assert isinstance(dynjax.Tunable(TINY, alpha=None), Control)
    assert isinstance(dynjax.DynamicNet(TINY), Control)
    assert not isinstance(dynjax.TunableConv(2, (3, 3)), Control)
    assert not isinstance(TINY, Control)
    with pytest.raises(ValueError, match="a DynamicNet without blocks has no alpha"):
        _ = dynjax.DynamicNet(TINY).space


@pytest.mark.parametrize("norms", ["in1", ("in1",)])
def test_the_norms_that_are_tuned_can_be_named(norms, x):
    net = DumoulinNet(widths=(2, 2, 2, 2, 2), blocks=1)
    params = CIN(net, alpha=NAMES, norms=norms).init(jax.random.key(0), x, [1.0, 0.0])["params"]
    assert set(params["kernels"]) == {"in1"}
    with pytest.raises(ValueError, match="the pattern 'bn1' in norms matches no parameter"):
        CIN(net, alpha=NAMES, norms=("bn1",)).init(jax.random.key(0), x, [1.0, 0.0])


def test_a_network_that_is_a_norm_is_tuned_as_a_whole(x):
    control = CIN(nn.GroupNorm(1), alpha=NAMES)
    assert jax.tree.leaves(control.init(jax.random.key(0), x, [1.0, 0.0])["params"]["kernels"])[0].shape == (2, 3)


class Named(nn.Module):
    """A network of images that come by name."""

    @nn.compact
    def __call__(self, images):
        return nn.Conv(3, (3, 3))(images["image"])


@pytest.mark.parametrize("control", [dynjax.Tunable(Named(), alpha=NAMES), DNI(Named(), alpha=NAMES),
                                     Blend(Named(), alpha=NAMES),
                                     dynjax.DynamicNet(Named(), before={"Conv_0": dynjax.TuningBlock(layers=1)})])
def test_images_in_a_dict_are_split_with_alpha(control, x):
    alphas = np.array([control.space.ends[0], control.space.ends[1]])
    variables = control.init(jax.random.key(0), {"image": x}, alphas[0])
    each = [control.apply(variables, {"image": x[index:index + 1]}, alphas[index])[0] for index in (0, 1)]
    np.testing.assert_allclose(control.apply(variables, {"image": x}, alphas), each, atol=1e-6)


def test_controls_around_controls_restore(x):
    image = np.asarray(x[0])
    dynamic = lambda net: dynjax.DynamicNet(net, before={"ResidualBlock_0": dynjax.TuningBlock(layers=1)})
    for control, alpha, inner in ((dynjax.Tunable(dynamic(TINY), alpha=NAMES), [0.5, 0.5], [0.5]),
                                  (dynamic(dynjax.Tunable(TINY, alpha=NAMES)), [0.5], [0.3, 0.7]),
                                  (CIN(dynjax.Tunable(nn.GroupNorm(1), alpha=NAMES), alpha=2), [1, 0], [0.3, 0.7])):
        variables = control.init(jax.random.key(0), x, alpha, inner)
        restored = dynjax.inference.restore(control, variables, image, alpha, further=(inner,))
        np.testing.assert_allclose(restored, control.apply(variables, image[None], alpha, inner)[0], atol=1e-6)
    twice = dynjax.Tunable(dynjax.Tunable(TINY, alpha=NAMES), alpha=NAMES)
    base = twice.net.init(jax.random.key(0), x, [1.0, 0.0])
    np.testing.assert_allclose(twice.apply(twice.from_base(base), x, [0.3, 0.7], [0.5, 0.5]),
                               twice.net.apply(base, x, [0.5, 0.5]), atol=1e-6)


@pytest.mark.parametrize("alphas", [[{"fidelity": 1, "perceptual": 0}], {"fidelity": [1]}, [[1, 0], [0]], "x", None])
def test_points_that_are_no_array_are_told_by_grid(alphas, x):
    control = DNI(TINY, alpha=NAMES)
    with pytest.raises(ValueError, match=r"wanted \(A, P\), a list of points"):
        dynjax.grid(control, control.init(jax.random.key(0), x, [1.0, 0.0]), x, alphas)


def test_styles_that_are_trained_in_a_box_are_looked_at_in_it():
    control = CIN.from_config(nn.GroupNorm(1), names=NAMES, domain="box")
    assert control.space.contains([1.0, 1.0]) and not CIN(nn.GroupNorm(1), alpha=NAMES).space.contains([1.0, 1.0])
