"""DynamicNet against the authors' style network, and on a network that knows nothing of it."""
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import DynamicNet, TuningBlock
from dynjax.networks import JohnsonNet

PLACES = ("res3", "deconv1", "deconv3")
KEY = jax.random.key(0)


class Part(nn.Module):
    """A convolution and batch norm; nested in Toy, with the names that a tuning-block uses too."""
    features: int

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(self.features, (3, 3), name="conv0")(x)
        return nn.relu(nn.BatchNorm(use_running_average=not train, name="norm")(x))


class Toy(nn.Module):
    """A stranger's network: batch norm, dropout, nested modules, a second input."""

    @nn.compact
    def __call__(self, x, shift=0.0, train=False):
        y = Part(4, name="conv0")(x, train)
        y = Part(4, name="encoder")(y, train) + shift
        y = nn.Dropout(0.5, deterministic=not train, name="dropout")(y)
        return nn.Conv(3, (3, 3), name="conv1")(y)


@pytest.fixture(scope="module")
def toy():
    x = jax.random.uniform(KEY, (2, 8, 9, 3))
    variables = Toy().init(KEY, x)
    dynamic = DynamicNet(Toy(), before={"conv1": TuningBlock(), "encoder/norm": TuningBlock()},
                         after={"conv0/conv0": TuningBlock()})
    return dynamic, variables, dynamic.from_base(variables, jax.random.key(1), x), x


def flax_style(params):
    """The authors' names to our tree."""
    names = {"tuning_blocks/tuning_block0": "blocks|res3", "tuning_blocks/tuning_block1": "blocks|deconv1",
             "tuning_blocks/tuning_block2": "blocks|deconv3"}
    tree = {}
    for name, value in params.items():
        *path, leaf = name.split(".")
        path = "/".join(path)
        for theirs, ours in names.items():
            path = path.replace(theirs, ours)
        if value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)
        leaf = {"bias": "bias", "weight": "kernel" if value.ndim == 4 else "scale"}[leaf]
        branch = tree
        for part in path.replace("|", "/").split("/"):
            branch = branch.setdefault(part, {})
        branch[leaf] = value
    return {"params": tree}


def style_net(**fields):
    return DynamicNet(JohnsonNet(space="imagenet", **fields), before=dict.fromkeys(PLACES, TuningBlock()))


def style_alpha(row):
    """The authors' arguments: a missing one (NaN) makes all three the first."""
    return jnp.full(3, row[0]) if np.isnan(row[1:]).any() else jnp.asarray(row)


@pytest.mark.parametrize("name", ["x_even", "x_odd"])
def test_style_parity(parity, name):
    case = parity("dynnet_style")
    net, variables = style_net(widths=(8, 16, 32, 16, 8)), flax_style(case.params())
    x = jnp.asarray(case[f"in/{name}"]).transpose(0, 2, 3, 1)
    apply = jax.jit(net.apply)
    main = jax.jit(net.main.apply)({"params": variables["params"]["main"]}, x)
    np.testing.assert_array_equal(apply(variables, x, jnp.zeros(3)), main)  # alpha 0: the main network bit for bit
    assert len(case["in/alphas"]) == 12
    for index, row in enumerate(case["in/alphas"]):
        wanted = case[f"out/{name}/{index:02}"].transpose(0, 2, 3, 1)
        got = apply(variables, x, style_alpha(row))
        # README-dynnet: float32 against the float64 original.
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=2e-4, err_msg=f"row {index}")


def test_style_inner_tensors(parity):
    case = parity("dynnet_style")
    net, variables = style_net(widths=(8, 16, 32, 16, 8)), flax_style(case.params())
    seen = {}

    def watch(call, args, kwargs, context):
        result = call(*args, **kwargs)
        seen["/".join(context.module.path)] = (args[0], result)
        return result

    with nn.intercept_methods(watch):
        net.apply(variables, jnp.asarray(case["in/x_odd"]).transpose(0, 2, 3, 1), case["in/alphas"][10])
    # Watching from outside sees z before the sum at res3 itself and after it one module deeper.
    inner = {"res2/in": seen["res2"][0], "res2/out": seen["res2"][1], "tuning_block0/in": seen["res3"][0],
             "res3/in": seen["res3/conv1"][0], "res3/out": seen["res3"][1], "res5/in": seen["res5"][0],
             "res5/out": seen["res5"][1], "tuning_block1/in": seen["deconv1"][0], "deconv1/out": seen["deconv1"][1],
             "tuning_block2/in": seen["deconv3"][0], "in5/in": seen["in5"][0], "in5/out": seen["in5"][1],
             "deconv3/out": seen["deconv3"][1]}
    for name, got in inner.items():
        wanted = case[f"out/inter_x_odd_10/{name}"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=2e-4, err_msg=name)


@pytest.mark.slow
def test_style_parity_at_full_width(parity):
    case = parity("dynnet_style_full")
    params = {}
    for index, name in enumerate(sorted(case.meta["shapes"])):
        shape = case.meta["shapes"][name]
        value = np.random.RandomState(4000 + index).standard_normal(shape)
        if len(shape) == 4:
            value = value * np.sqrt(2 / np.prod(shape[1:])) * (0.9 if "tuning" in name else 1)
        elif ".in" in name and name.endswith("weight"):
            value = 1 + 0.2 * value
        else:
            value = 0.1 * value
        params[name] = value.astype(np.float32)
    net, variables = style_net(), flax_style(params)
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))
    assert count(variables["params"]["main"]) == 1_679_235 and count(variables["params"]["blocks"]) == 913_248
    main = {"params": variables["params"]["main"]}
    shapes = jax.eval_shape(lambda x: net.from_base(main, KEY, x), jnp.ones((1, 8, 8, 3)))
    assert jax.tree.map(jnp.shape, shapes) == jax.tree.map(jnp.shape, variables)
    x = jnp.asarray(case["in/x_odd"]).transpose(0, 2, 3, 1)
    for index, row in enumerate(case["in/alphas"]):
        wanted = case[f"out/x_odd/{index:02}"].transpose(0, 2, 3, 1)
        got = net.apply(variables, x, style_alpha(row))
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=2e-4, err_msg=f"row {index}")


def test_a_block_by_hand():
    # One 1 x 1 layer: psi(z) = 3 z + 1, so that z + alpha psi(z) at z = 2, alpha = 0.5 is 5.5.
    class Identity(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Conv(1, (1, 1), kernel_init=nn.initializers.ones_init(), name="conv")(x)

    net = DynamicNet(Identity(), before={"conv": TuningBlock(layers=1, kernel_size=1)})
    variables = net.init(KEY, jnp.ones((1, 2, 2, 1)), 0.0)
    variables["params"]["blocks"]["conv"]["conv0"] = {"kernel": jnp.full((1, 1, 1, 1), 3.0), "bias": jnp.ones(1)}
    np.testing.assert_allclose(net.apply(variables, jnp.full((1, 2, 2, 1), 2.0), 0.5), np.full((1, 2, 2, 1), 5.5))


def test_alpha_zero_is_the_main_network_exactly(toy):
    dynamic, variables, tree, x = toy
    plain = Toy().apply(variables, x, 0.3)
    np.testing.assert_array_equal(dynamic.apply(tree, x, 0, 0.3), plain)
    assert np.abs(dynamic.apply(tree, x, 1, 0.3) - plain).max() > 1e-2
    jitted = jax.jit(Toy().apply)(variables, x, 0.3)
    np.testing.assert_array_equal(jax.jit(dynamic.apply)(tree, x, 0.0, 0.3), jitted)
    np.testing.assert_array_equal(jax.jit(lambda tree: dynamic.apply(tree, x, np.zeros((2, 3)), 0.3))(tree), jitted)


def test_alpha_zero_is_no_kink(toy):
    dynamic, _, tree, x = toy
    at = lambda alpha: dynamic.apply(tree, x, alpha).sum()
    step = 1e-2
    slope = (at(step) - at(-step)) / (2 * step)
    np.testing.assert_allclose(jax.jit(jax.grad(at))(0.0), slope, rtol=1e-2)
    assert abs(slope) > 0.1


def test_from_base_keeps_the_main_tree(toy):
    dynamic, variables, tree, x = toy
    assert tree["params"]["main"] is variables["params"]
    assert tree["batch_stats"] == {"main": variables["batch_stats"]}
    assert set(tree["params"]["blocks"]) == {"conv1", "encoder/norm", "conv0/conv0"}
    fresh = dynamic.init(KEY, x, 0.5)
    assert jax.tree.map(jnp.shape, fresh) == jax.tree.map(jnp.shape, tree)


def test_training_call_equals_the_plain_network_s(toy):
    dynamic, variables, tree, x = toy
    options = {"train": True, "rngs": {"dropout": jax.random.key(5)}, "mutable": ["batch_stats"]}
    wanted, changed = Toy().apply(variables, x, **options)
    got, updates = dynamic.apply(tree, x, 0.0, **options)
    np.testing.assert_array_equal(got, wanted)
    jax.tree.map(np.testing.assert_array_equal, updates["batch_stats"], {"main": changed["batch_stats"]})
    assert not np.allclose(changed["batch_stats"]["encoder"]["norm"]["mean"], 0)


def test_only_blocks_move_and_gradients_are_finite(toy):
    dynamic, _, tree, x = toy
    loss = lambda blocks: (dynamic.apply({**tree, "params": {**tree["params"], "blocks": blocks}}, x, 1.0) ** 2).mean()
    gradients = jax.grad(loss)(tree["params"]["blocks"])
    assert all(np.isfinite(leaf).all() and np.abs(leaf).max() > 0 for leaf in jax.tree.leaves(gradients))


def test_every_form_of_alpha(toy):
    dynamic, _, tree, x = toy
    at = lambda alpha: dynamic.apply(tree, x, alpha)
    close = partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5)
    close(at(np.full(3, 2)), at(2))
    point = jnp.array([0.2, -0.5, 1.5])
    close(at({"conv0/conv0": 1.5, "conv1": 0.2, "encoder/norm": -0.5}), at(point))
    other = jnp.array([1.0, 0.0, 0.7])
    wanted = jnp.concatenate([dynamic.apply(tree, x[:1], point), dynamic.apply(tree, x[1:], other)])
    rows = jnp.stack([point, other])
    close(at(rows), wanted)
    close(at({"conv1": rows[:, 0], "encoder/norm": rows[:, 1], "conv0/conv0": rows[:, 2]}), wanted)
    close(at(jnp.broadcast_to(rows[:, None, None], (2, 4, 5, 3))), wanted)
    close(at({"conv1": jnp.broadcast_to(rows[:, None, None, 0], (2, 4, 5)), "encoder/norm": rows[:, 1],
              "conv0/conv0": jnp.broadcast_to(rows[:, None, None, 2], (2, 8, 9))}), wanted)
    assert np.abs(at(point) - at(other)).max() > 1e-2


def test_alpha_map_acts_where_it_is_set():
    class Wide(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Conv(2, (1, 1), name="last")(nn.Conv(2, (2, 2), strides=(2, 2), name="half")(x))

    x = jax.random.uniform(KEY, (1, 12, 16, 3))
    net = DynamicNet(Wide(), after={"half": TuningBlock()})
    tree = net.init(KEY, x, 0.0)
    left = jnp.zeros((1, 12, 16, 1)).at[:, :, :8].set(1.0)
    got, none, full = (net.apply(tree, x, alpha) for alpha in (left, 0.0, 1.0))
    # At half the size the edge of the map falls between columns 3 and 4, and resizing blurs no further than one.
    np.testing.assert_array_equal(got[:, :, 5:], none[:, :, 5:])
    np.testing.assert_allclose(got[:, :, :3], full[:, :, :3], atol=1e-6)
    assert np.abs(full - none).min(axis=(0, 1)).max() > 1e-4


def test_vmap_over_alpha_is_a_loop_and_computes_the_start_once(toy):
    _, _, tree, x = toy
    net = DynamicNet(Toy(), before={"conv1": TuningBlock()})
    tree = {**tree, "params": {**tree["params"], "blocks": {"conv1": tree["params"]["blocks"]["conv1"]}}}
    alphas = jnp.array([0.0, 0.5, 1.5])
    sweep = jax.vmap(lambda alpha: net.apply(tree, x, alpha))
    np.testing.assert_allclose(sweep(alphas), [net.apply(tree, x, alpha) for alpha in alphas], atol=1e-5)
    batches = [eqn.outvars[0].aval.shape for eqn in jax.make_jaxpr(sweep)(alphas).eqns
               if eqn.primitive.name in ("conv_general_dilated", "conv_with_fast_gradient")]
    # Two of the main network and three of the block at batch 2, one of the main network for three alphas.
    assert [int(np.prod(shape)) // (8 * 9) for shape in batches] == [2 * 4] * 5 + [3 * 2 * 3]


def test_alpha_zero_is_exact_under_vmap_over_images_too(toy):
    dynamic, variables, tree, x = toy
    run = lambda apply: jax.jit(jax.vmap(apply, in_axes=(None, 0, None)))
    got = run(lambda tree, x, alpha: dynamic.apply(tree, x[None], alpha))(tree, x, 0.0)
    np.testing.assert_array_equal(got, run(lambda tree, x, _: Toy().apply(tree, x[None]))(variables, x, 0.0))


def test_bake_folds_alpha_in(toy):
    dynamic, _, tree, x = toy
    for alpha in (0.4, [0.4, -1.0, 2.0], {"conv1": 0.4, "encoder/norm": 1, "conv0/conv0": -1}):
        module, baked = dynamic.bake(tree, alpha)
        np.testing.assert_allclose(module.apply(baked, x), dynamic.apply(tree, x, alpha), rtol=1e-5, atol=1e-5)
        assert jax.tree.structure(baked) == jax.tree.structure(tree)


def test_blocks_of_your_own_with_state_and_randomness():
    class Noisy(nn.Module):
        @nn.compact
        def __call__(self, z):
            calls = self.variable("counts", "calls", lambda: jnp.zeros(()))
            if not self.is_initializing() and self.is_mutable_collection("counts"):
                calls.value += 1
            return nn.Dropout(0.5, deterministic=False)(nn.Dense(z.shape[-1])(z))

    class Twice(nn.Module):
        @nn.compact
        def __call__(self, x):
            layer = nn.Dense(3, name="layer")
            return layer(layer(x))

    x = jax.random.normal(KEY, (4, 3))
    net = DynamicNet(Twice(), before={"layer": Noisy()})
    tree = net.init({"params": KEY, "dropout": KEY}, x, 1.0)
    assert tree["counts"]["blocks"]["layer"]["calls"] == 0
    _, updates = net.apply(tree, x, 1.0, rngs={"dropout": KEY}, mutable=["counts"])
    assert updates["counts"]["blocks"]["layer"]["calls"] == 2
    with pytest.raises(ValueError, match=r"layer is a Noisy without a method scaled"):
        net.bake(tree, 1.0)


def test_rematerialised_modules_have_blocks_too():
    class Main(nn.Module):
        part: type = nn.Conv

        @nn.compact
        def __call__(self, x):
            return self.part(3, (3, 3), name="last")(nn.Conv(3, (3, 3), name="first")(x))

    x = jax.random.uniform(KEY, (1, 6, 6, 3))
    plain = DynamicNet(Main(), before={"last": TuningBlock()})
    remat = DynamicNet(Main(part=nn.remat(nn.Conv)), before={"last": TuningBlock()})
    tree = plain.init(KEY, x, 1.0)
    loss = lambda net: jax.jit(jax.value_and_grad(lambda tree, alpha: net.apply(tree, x, alpha).sum()))(tree, 0.7)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6), loss(plain), loss(remat))


def test_zero_last_starts_at_the_main_network(toy):
    _, variables, _, x = toy
    net = DynamicNet(Toy(), before={"conv1": TuningBlock(zero_last=True)})
    tree = net.from_base(variables, KEY, x)
    np.testing.assert_array_equal(net.apply(tree, x, 1.0), Toy().apply(variables, x))


def test_tuning_block_starts_as_in_pytorch_and_has_its_fields():
    block = TuningBlock(features=5, layers=4, kernel_size=5, padding="zeros")
    params = jax.eval_shape(block.init, KEY, jnp.ones((1, 1, 1, 8)))["params"]
    assert [params[f"conv{i}"]["kernel"].shape[2:] for i in range(4)] == [(8, 5), (5, 5), (5, 5), (5, 8)]
    params = TuningBlock().init(KEY, jnp.ones((1, 4, 4, 32)))["params"]
    bound = (9 * 32) ** -0.5  # uniform in +-1 / sqrt(fan in), weights and biases
    for leaf in jax.tree.leaves(params):
        assert 0.8 * bound < np.abs(leaf).max() <= bound * 1.0001


def test_modules_are_equal_only_in_the_same_order():
    make = lambda *paths: DynamicNet(Toy(), before=dict.fromkeys(paths, TuningBlock()))
    assert make("conv1", "encoder") == make("conv1", "encoder") and hash(make("conv1")) == hash(make("conv1"))
    assert make("conv1", "encoder") != make("encoder", "conv1")  # alpha by position differs


@pytest.mark.parametrize("alpha, said", [
    (np.ones(2), r"shape \(2,\) for K = 3 blocks \(conv1, encoder/norm, conv0/conv0\)"),
    (None, "alpha is None; wanted numbers"),
    (np.ones((3, 3)), "has 3 rows for a batch of 2"),
    (np.ones((2, 3, 3)), "wanted () for all blocks".replace("()", r"\(\)")),
    ({"conv1": 1}, "missing: encoder/norm, conv0/conv0"),
    ({"conv1": 1, "encoder/norm": 1, "conv0/conv0": 1, "conv9": 1}, "unknown: conv9"),
    ({"conv1": np.ones(3), "encoder/norm": 1, "conv0/conv0": 1}, r"alpha for conv1 has shape \(3,\)"),
    ({"conv1": np.ones((2, 4)), "encoder/norm": 1, "conv0/conv0": 1}, r"shape \(2, 4\); .*or a map, \(2, H, W\)"),
    ({"conv1": np.ones((3, 4, 5)), "encoder/norm": 1, "conv0/conv0": 1}, r"shape \(3, 4, 5\); wanted"),
])
def test_wrong_alpha_is_told(toy, alpha, said):
    dynamic, _, tree, x = toy
    with pytest.raises(ValueError, match=said):
        dynamic.apply(tree, x, alpha)


def test_wrong_use_is_told(toy):
    dynamic, variables, tree, x = toy
    block = TuningBlock()
    with pytest.raises(ValueError, match=r"Toy has no module convl .*wanted some of conv0, .*encoder/norm.*conv1"):
        DynamicNet(Toy(), before={"convl": block}).from_base(variables, KEY, x)
    with pytest.raises(ValueError, match="conv1 has a block before and one after it"):
        DynamicNet(Toy(), before={"conv1": block}, after={"conv1": block})
    with pytest.raises(ValueError, match=r"wanted a dict \{path of a module: block\}"):
        DynamicNet(Toy(), before=["conv1"])
    with pytest.raises(ValueError, match="without the main network; make them with init, or with from_base"):
        dynamic.apply(variables, x, 0.0)
    with pytest.raises(ValueError, match="without blocks for conv1"):
        dynamic.apply({**tree, "params": {**tree["params"], "blocks": {}}}, x, 0.0)
    with pytest.raises(ValueError, match="from_base got a tree with kernel"):
        dynamic.from_base({"kernel": 1}, KEY, x)
    with pytest.raises(ValueError, match=r"from_base got the tree of a DynamicNet, .*wanted the main network's own"):
        dynamic.from_base(tree, KEY, x)
    with pytest.raises(ValueError, match="alpha differs between images"):
        dynamic.bake(tree, np.ones((2, 3)))
    with pytest.raises(ValueError, match="padding='same'; wanted"):
        TuningBlock(padding="same").init(KEY, x)
    with pytest.raises(ValueError, match=r"TuningBlock got an array of shape \(2, 3\)"):
        block.init(KEY, jnp.ones((2, 3)))
