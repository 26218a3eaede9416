"""DCGAN against Dynamic-Net's program, in evaluation and in training, plain and with its tuning-block.

The copy of the parity file in tests/data is cut: noise and first kernel are multiplied out (three numbers of noise
instead of a hundred, the same function); of the images every seventh row and column is kept, of the tensors around the
block every third.
"""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import DynamicNet, TuningBlock
from dynjax.models import pretrained
from dynjax.networks import DCGANDiscriminator, DCGANGenerator

KEY = jax.random.key(0)
ATOL = 2e-5   # README-dynnet: float32 DCGAN


def near(got, wanted):
    """Within the family's tolerance; `wanted` [B, C, H, W] may hold every n-th row and column."""
    wanted = np.moveaxis(wanted, 1, -1)
    step = -(-got.shape[1] // wanted.shape[1])
    np.testing.assert_allclose(got[:, ::step, ::step], wanted, atol=ATOL, rtol=0)


def statistics(case, run, prefix):
    """The running statistics after a run, {layer: {"mean", "var"}} by the authors' layers."""
    tree = {}
    for name in case.names(f"out/{run}/after/{prefix}"):
        layer, leaf = name.rsplit(".", 1)
        tree.setdefault(layer, {})[{"running_mean": "mean", "running_var": "var"}[leaf]] = case[
            f"out/{run}/after/{prefix}{name}"]
    return tree


@pytest.fixture
def generator(parity):
    case = parity("dynnet_dcgan")
    z = jnp.asarray(case["in/z"][:, :, 0, 0])
    net = DynamicNet(DCGANGenerator(features=8, latent=z.shape[1]), after={"layer2": TuningBlock()})
    return case, net, pretrained.load(net, case.params("param/generator/")), z


def test_generator_in_evaluation(generator):
    case, net, variables, z = generator
    apply = jax.jit(net.apply)
    assert len(case["in/alphas"]) == 6
    for index, alpha in enumerate(case["in/alphas"]):
        near(apply(variables, z, alpha), case[f"out/eval/{index:02}"])
    main = {name: tree["main"] for name, tree in variables.items()}
    plain = jax.jit(net.main.apply)(main, z)
    np.testing.assert_array_equal(plain, apply(variables, z, 0.0))
    np.testing.assert_array_equal(plain, jax.jit(net.main.apply)(main, z[:, None, None]))


def test_tensors_around_the_block(generator):
    case, net, variables, z = generator
    seen = {}

    def watch(call, args, kwargs, context):
        result = call(*args, **kwargs)
        seen["/".join(context.module.path)] = result
        return result

    with nn.intercept_methods(watch):
        net.apply(variables, z, 1.0)
    count = len(case["out/eval/block0/in"])
    before = nn.relu(seen["layer2/norm"])
    near(before[:count], case["out/eval/block0/in"])
    near((seen["layer2"] - before)[:count], case["out/eval/block0/out"])   # layer2's result is the moved one


def test_generator_in_training(generator):
    case, net, variables, z = generator
    run = jax.jit(lambda alpha: net.apply(variables, z, alpha, train=True, mutable=["batch_stats"]))
    still = jax.jit(lambda alpha: net.apply(variables, z, alpha, train=True))
    for index in (0, 2, 3, 4):
        y, changed = run(case["in/alphas"][index])
        near(y, case[f"out/train/{index:02}"])
        near(still(case["in/alphas"][index]), case[f"out/train/{index:02}"])   # batch statistics, nothing written
        after = statistics(case, f"train/{index:02}", "main.")
        assert len(after) == (4 if index in (0, 3) else 0)
        for layer, wanted in after.items():
            got = changed["batch_stats"]["main"][layer.split(".")[0]]["norm"]
            jax.tree.map(lambda ours, official: np.testing.assert_allclose(ours, official, atol=ATOL), got, wanted)


@pytest.mark.parametrize("train", [False, True])
def test_discriminator(parity, train):
    case = parity("dynnet_dcgan")
    net = DCGANDiscriminator(features=8, sigmoid=True)
    variables = pretrained.load(net, case.params("param/discriminator/"))
    x = jnp.asarray(case["in/real_u8"] / np.float32(127.5) - 1)
    run = "discriminator/" + ("train" if train else "eval")
    y, changed = jax.jit(lambda x: net.apply(variables, x, train, mutable=["batch_stats"]))(x)
    np.testing.assert_allclose(y, case[f"out/{run}"].reshape(-1, 1), atol=ATOL)
    logits = net.clone(sigmoid=False).apply(variables, x, train)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), y, atol=1e-6)
    after = statistics(case, run, "main.")
    assert len(after) == (3 if train else 0)
    if not train:
        jax.tree.map(np.testing.assert_array_equal, changed["batch_stats"], variables["batch_stats"])
    for layer, wanted in after.items():
        got = changed["batch_stats"][f"norm{int(layer) // 3}"]
        jax.tree.map(lambda ours, official: np.testing.assert_allclose(ours, official, atol=ATOL), got, wanted)


def test_sizes_and_start_of_the_published_networks():
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree["params"]))
    images, z = jnp.zeros((1, 64, 64, 3)), jnp.zeros((1, 100))
    assert count(jax.eval_shape(DCGANDiscriminator().init, KEY, images)) == 11_036_160
    net = DynamicNet(DCGANGenerator(), after={"layer2": TuningBlock()})
    shapes = jax.eval_shape(net.init, KEY, z, 1.0)["params"]
    assert count({"params": shapes["main"]}) == 12_658_432 and count({"params": shapes["blocks"]}) == 1_770_240
    params = DCGANGenerator(features=64, size=8).init(KEY, z)["params"]
    np.testing.assert_allclose(params["layer0"]["conv"]["kernel"].std(), 0.02, rtol=0.02)
    assert "bias" not in params["layer0"]["conv"] and np.all(params["layer0"]["norm"]["scale"] == 1)
    block = TuningBlock(kernel_init="normal").init(KEY, jnp.zeros((1, 4, 4, 32)))["params"]["conv2"]
    np.testing.assert_allclose(block["kernel"].std(), 0.02, rtol=0.03)
    assert not block["bias"].any()


def test_other_sizes_and_types():
    z = jax.random.normal(KEY, (2, 5))
    net, critic = DCGANGenerator(features=2, channels=1, size=32, latent=5), DCGANDiscriminator(features=2, size=32)
    y, variables = jax.eval_shape(net.init_with_output, KEY, z)
    assert y.shape == (2, 32, 32, 1) and list(variables["params"]) == ["layer0", "layer1", "layer2", "layer3"]
    assert variables["params"]["layer0"]["conv"]["kernel"].shape == (4, 4, 5, 8)
    logits, variables = jax.eval_shape(critic.init_with_output, KEY, y)
    assert logits.shape == (2, 1) and set(variables["batch_stats"]) == {"norm1", "norm2"}
    half = jax.eval_shape(net.clone(dtype=jnp.bfloat16).init_with_output, KEY, z)[0]
    assert half.dtype == jnp.float32


@pytest.mark.parametrize(("net", "x", "sentence"), [
    (DCGANGenerator(), np.ones((2, 64), np.float32), r"noise of shape \(2, 64\).*wanted floats \(B, 100\) or"),
    (DCGANGenerator(), np.ones((2, 100), int), "type int.*wanted floats"),
    (DCGANGenerator(size=48), np.ones((2, 100), np.float32), "size=48; wanted 8, 16, 32, 64"),
    (DCGANDiscriminator(), np.ones((2, 32, 32, 3), np.float32), "images of 32 x 32; wanted 64 x 64. Set size"),
    (DCGANDiscriminator(size=4), np.ones((2, 4, 4, 3), np.float32), "size=4; wanted 8"),
    (DCGANDiscriminator(), np.ones((2, 64, 64, 3), np.uint8), r"uint8; wanted floats in \[-1, 1\]. Divide .*127.5"),
    (TuningBlock(kernel_init="zero"), np.ones((2, 4, 4, 3), np.float32), "kernel_init='zero'; wanted one of torch"),
])
def test_what_is_refused(net, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        net.init(KEY, x)
