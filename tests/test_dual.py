"""DualTuningBlock: one set of layers on each side of alpha zero, each trained alone."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax
from configs.style_level_dynamic import get_config
from dynjax.control import DualTuningBlock, DynamicNet, TuningBlock
from dynjax.experiment import build
from dynjax.models import pretrained
from dynjax.training import initial_state, make_step, replicate, shard, unreplicate

KEY = jax.random.key(0)
BLOCK = DualTuningBlock(layers=2)


class Main(nn.Module):
    """Two layers that see no neighbours, with batch norm between them."""

    @nn.compact
    def __call__(self, x, train=False):
        y = nn.BatchNorm(use_running_average=not train, name="norm")(nn.Conv(4, (1, 1), name="first")(x))
        return nn.Conv(3, (1, 1), name="last")(nn.relu(y))


@pytest.fixture(scope="module")
def dual():
    """(network with two dual blocks, its tree, pictures)."""
    net = DynamicNet(Main(), before={"last": BLOCK}, after={"first": BLOCK})
    x = jax.random.normal(KEY, (2, 6, 8, 3))
    return net, jax.jit(net.init)(KEY, x, 0.0), x


def single(net, tree, side):
    """The same network with one side's layers as ordinary blocks."""
    plain = lambda blocks: dict.fromkeys(blocks, TuningBlock(layers=2))
    blocks = {path: sides[side] for path, sides in tree["params"]["blocks"].items()}
    return (DynamicNet(net.main, before=plain(net.before), after=plain(net.after)),
            {**tree, "params": {**tree["params"], "blocks": blocks}})


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_by_hand():
    # Layers of 1 x 1: higher(z) = 3 z + 1, lower(z) = 2 z - 5; at z = 2 they are 7 and -1.
    block = DualTuningBlock(layers=1, kernel_size=1)
    layer = lambda kernel, bias: {"conv0": {"kernel": jnp.full((1, 1, 1, 1), kernel), "bias": jnp.full(1, bias)}}
    variables = {"params": {"higher": layer(3.0, 1.0), "lower": layer(2.0, -5.0)}}
    z = jnp.full((1, 1, 1, 1), 2.0)
    for alpha, added in ((1.0, 7.0), (0.5, 3.5), (2.0, 14.0), (0.0, 0.0), (-1.0, -1.0), (-1.5, -1.5)):
        for given in (jnp.asarray(alpha), jnp.full((1, 1, 1, 1), alpha)):
            np.testing.assert_allclose(block.apply(variables, z, given), np.full((1, 1, 1, 1), added))


def test_parity_with_the_authors_blocks_on_both_sides(parity):
    """With psi as higher and -psi as lower the dual network is the normal one at every alpha."""
    case = parity("dynnet_style")
    arrays = {}
    for name, array in case.params().items():
        part, _, below = name.partition(".")
        if part == "main":
            arrays[name] = array
        else:
            arrays[f"tuning_blocks_higher.{below}"] = array
            arrays[f"tuning_blocks_lower.{below}"] = -array if ".conv2." in below else array
    net = pretrained.build("DynamicStyleTransferDual", widths=case.meta["widths"])
    variables = pretrained.load(net, arrays)
    x, apply = jnp.asarray(np.moveaxis(case["in/x_odd"], 1, -1)), jax.jit(net.apply)
    for index, row in enumerate(case["in/alphas"]):
        alpha = np.full(3, row[0], np.float32) if np.isnan(row[1:]).any() else row
        # README-dynnet: float32 style network.
        np.testing.assert_allclose(apply(variables, x, alpha), np.moveaxis(case[f"out/x_odd/{index:02}"], 1, -1),
                                   rtol=1e-4, atol=2e-4, err_msg=f"row {index}")


def test_each_side_is_its_own_network(dual):
    net, tree, x = dual
    apply = jax.jit(net.apply)
    for side, sign in (("higher", 1), ("lower", -1)):
        other, other_tree = single(net, tree, side)
        other_apply = jax.jit(other.apply)
        for size in (0.5, 1.0, 1.5):
            close(apply(tree, x, sign * size), other_apply(other_tree, x, size))
    main = {name: part["main"] for name, part in tree.items()}
    np.testing.assert_array_equal(apply(tree, x, 0.0), jax.jit(net.main.apply)(main, x))


def test_every_form_of_alpha(dual):
    net, tree, x = dual
    apply = jax.jit(net.apply)
    rows = jnp.array([[0.7, -0.4], [-1.2, 0.3]])
    wanted = jnp.concatenate([apply(tree, x[:1], rows[0]), apply(tree, x[1:], rows[1])])
    assert np.abs(wanted - apply(tree, x, jnp.abs(rows[0]))).max() > 1e-2
    close(apply(tree, x, rows), wanted)
    close(apply(tree, x, {"last": rows[:, 0], "first": rows[:, 1]}), wanted)
    close(apply(tree, x[:1], {"last": 0.7, "first": -0.4}), wanted[:1])
    close(apply(tree, x, jnp.broadcast_to(rows[:, None, None], (2, 6, 8, 2))), wanted)
    close(dynjax.grid(net, tree, x, rows), [apply(tree, x, row) for row in rows])


def test_a_map_of_mixed_signs_takes_each_side_where_its_sign_is(dual):
    _, tree, x = dual
    net = DynamicNet(Main(), before={"last": BLOCK})
    tree = {**tree, "params": {**tree["params"], "blocks": {"last": tree["params"]["blocks"]["last"]}}}
    apply = jax.jit(net.apply)
    alpha = jnp.where(jnp.arange(8) < 4, 0.8, -0.6)
    got = apply(tree, x, jnp.broadcast_to(alpha[None, None, :, None], (2, 6, 8, 1)))
    # What follows the block sees no neighbours.
    close(got[:, :, :4], apply(tree, x, 0.8)[:, :, :4])
    close(got[:, :, 4:], apply(tree, x, -0.6)[:, :, 4:])


def convolutions(jaxpr, inside=False):
    """(how many outside of branches, how many inside)."""
    found = np.zeros(2, int)
    for equation in jaxpr.eqns:
        found[int(inside)] += equation.primitive.name in ("conv_general_dilated", "conv_with_fast_gradient")
        branch = inside or equation.primitive.name == "cond"
        for value in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda v: hasattr(v, "eqns")):
            value = getattr(value, "jaxpr", value)
            if hasattr(value, "eqns"):
                found += convolutions(value, branch)
    return found


def test_one_alpha_costs_one_side_and_gradients_have_no_branch(dual):
    net, tree, x = dual
    # Collections are mutable as in training, so that the main network is not run beside it for an exact zero.
    run = lambda tree, alpha: net.apply(tree, x, alpha, mutable=["batch_stats"])[0]
    np.testing.assert_array_equal(convolutions(jax.make_jaxpr(run)(tree, 0.5).jaxpr), [2, 2 * 2 * 2])
    # In the program, for this kind of device: how a gradient is found depends on that, which is no branch of it.
    program = jax.jit(jax.grad(lambda tree, alpha: run(tree, alpha).sum())).lower(tree, 0.5)
    # Six layers forward, six kernel gradients, five by the activations; the first layer's input is not differentiated.
    # Equal ones may be one function, called twice.
    assert 6 + 6 < program.as_text().count("stablehlo.convolution") <= 6 + 6 + 5
    assert " conditional(" not in program.compile().as_text()


@pytest.mark.parametrize(("alpha", "trained", "other"), [(0.8, "higher", "lower"), (-0.8, "lower", "higher")])
def test_gradients_reach_the_side_that_is_used_and_no_other(dual, alpha, trained, other):
    net, tree, x = dual
    loss = lambda net, alpha: lambda params: jnp.square(net.apply({**tree, "params": params}, x, alpha)).sum()
    got = jax.jit(jax.grad(loss(net, alpha)))(tree["params"])
    plain, plain_tree = single(net, tree, trained)
    wanted = jax.jit(jax.grad(loss(plain, abs(alpha))))(plain_tree["params"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), got["main"], wanted["main"])
    for path, sides in got["blocks"].items():
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), sides[trained],
                     wanted["blocks"][path])
        assert not any(leaf.any() for leaf in jax.tree.leaves(sides[other]))


@pytest.mark.parametrize("alpha", [0.7, -1.2, {"last": -0.5, "first": 0.25}, 0.0])
def test_bake_takes_the_side_of_alpha(dual, alpha):
    net, tree, x = dual
    module, baked = net.bake(tree, alpha)
    close(jax.jit(module.apply)(baked, x), jax.jit(net.apply)(tree, x, alpha))
    assert {**module.before, **module.after} == dict.fromkeys(("last", "first"), TuningBlock(layers=2))
    assert set(baked["params"]["blocks"]["last"]) == {"conv0", "conv1"}


def test_a_saved_dual_network_comes_back(dual, tmp_path):
    net = DynamicNet(dynjax.networks.EDSR(features=4, blocks=1, scale=1), before={"tail": BLOCK})
    x = jnp.ones((1, 6, 6, 3))
    tree = jax.jit(net.init)(KEY, x, 0.0)
    dynjax.save(tmp_path / "dual.safetensors", net, tree)
    loaded, loaded_tree = dynjax.load(tmp_path / "dual.safetensors")
    assert loaded == net
    jax.tree.map(np.testing.assert_array_equal, loaded_tree, tree)


def test_a_block_of_your_own_that_sees_alpha():
    class Squared(nn.Module):
        sees_alpha = True

        @nn.compact
        def __call__(self, z, alpha):
            return alpha**2 * nn.Dense(z.shape[-1])(z)

    class Layer(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(3, name="layer")(x)

    x = jax.random.normal(KEY, (4, 3))
    net = DynamicNet(Layer(), before={"layer": Squared()})
    tree = net.init(KEY, x, 0.0)
    dense = tree["params"]["blocks"]["layer"]["Dense_0"]
    for alpha, square in ((-3.0, 9.0), (np.array([[1.0], [2], [3], [-4]]), np.array([[1.0], [4], [9], [16]]))):
        moved = x + square * nn.Dense(3).apply({"params": dense}, x)
        close(net.apply(tree, x, alpha), Layer().apply({"params": tree["params"]["main"]}, moved))
    with pytest.raises(ValueError, match=r"layer is a Squared without a method baked\(params, alpha\)"):
        net.bake(tree, 1.0)


def test_the_dual_preset_trains_each_side_alone():
    """The phases of the config, from random weights: what a phase does not train stays bit for bit."""
    config = get_config("dual")
    config.network = type(config)(dict(name="EDSR", features=4, blocks=1, scale=1))
    config.control.before, config.batch_size = ("tail",), 2
    for name in ("content", "style"):
        config.objectives[name].terms = type(config)({"l2" if name == "content" else "l1": 1.0})
    experiment = build(config)
    assert [phase.trains for phase in experiment.phases] == [
        "params/main", "params/blocks/*/lower", "params/blocks/*/higher"]
    variables, one = experiment.fresh_variables(), jax.local_devices()[:1]
    images = np.random.default_rng(0).integers(0, 256, (2, 2, 16, 16, 3), np.uint8)
    for phase in experiment.phases:
        state = replicate(initial_state(phase, variables, KEY, 16), devices=one)
        step, constants = make_step(phase, devices=one), replicate(phase.objectives.constants(), devices=one)
        for batch in images:
            state, _ = step(state, shard(batch, devices=1), constants, KEY)
        after = unreplicate(state).variables(phase)
        moved = {"main": differs(variables["params"]["main"], after["params"]["main"])}
        for side in ("lower", "higher"):
            moved[side] = differs(*(tree["params"]["blocks"]["tail"][side] for tree in (variables, after)))
        assert [name for name, changed in moved.items() if changed] == [phase.name]
        variables = after


def differs(one, other):
    return any(not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
