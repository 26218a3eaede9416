"""PatchGAN against its PyTorch port, and as a critic of any size."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax import models
from dynjax.models import pretrained
from dynjax.networks import PatchCritic

KEY = jax.random.key(0)
CASES = ["bn72", "bn72_sigmoid", "bn128_cond", "inst72", "bn72_two"]
NOT_ARGUMENTS = ("output", "seed", "size")


@pytest.fixture
def published(parity):
    """case name -> (network, variables, input, {"train", "eval"} outputs)."""
    case = parity("patchgan")

    def one(name):
        arguments = {key: value for key, value in case.meta["cases"][name].items() if key not in NOT_ARGUMENTS}
        net = pretrained.build("NLayerDiscriminator", **arguments)
        x = jnp.asarray(case[f"in/{name}/u8"] / np.float32(127.5) - 1)
        outputs = {run: np.moveaxis(case[f"out/{name}/{run}"], 1, -1) for run in ("train", "eval")}
        return net, pretrained.load(net, case.params(f"param/{name}/")), x, outputs

    assert sorted(case.meta["cases"]) == sorted(CASES)
    return one


@pytest.mark.parametrize("name", CASES)
def test_parity(published, name):
    net, variables, x, outputs = published(name)
    for train in (False, True):
        got = jax.jit(net.apply, static_argnames="train")(variables, x, train=train)
        # README-dynnet: float32 PatchGAN.
        np.testing.assert_allclose(got, outputs["train" if train else "eval"], atol=2e-5, rtol=0)
    assert ("batch_stats" in variables) == (net.norm == "batch")


def test_running_statistics_follow_pytorch_s_rule(published):
    net, variables, x, _ = published("bn72")
    first = lambda module, _: module.name == "conv1"
    _, changed = jax.jit(lambda x: net.apply(variables, x, train=True, mutable=["batch_stats", "intermediates"],
                                             capture_intermediates=first))(x)
    values = np.asarray(changed["intermediates"]["conv1"]["__call__"][0], np.float64).reshape(-1, 16)
    before, after = variables["batch_stats"]["norm1"], changed["batch_stats"]["norm1"]
    np.testing.assert_allclose(after["mean"], 0.9 * before["mean"] + 0.1 * values.mean(0), atol=2e-5)
    np.testing.assert_allclose(after["var"], 0.9 * before["var"] + 0.1 * values.var(0, ddof=1), atol=2e-5)


def test_biases_and_names():
    shapes = lambda norm: jax.eval_shape(PatchCritic(features=2, norm=norm).init, KEY, jnp.zeros((1, 24, 24, 3)))
    batch, instance = shapes("batch"), shapes("instance")
    convolutions = [f"conv{i}" for i in range(5)]
    assert [name for name in convolutions if "bias" in batch["params"][name]] == ["conv0", "conv4"]
    assert set(batch["batch_stats"]) == {"norm1", "norm2", "norm3"}
    assert set(instance) == {"params"} and set(instance["params"]) == set(convolutions)
    assert all("bias" in layer for layer in instance["params"].values())


def test_size_of_the_published_network():
    shapes = jax.eval_shape(PatchCritic().init, KEY, jnp.zeros((1, 70, 70, 3)))
    count = sum(leaf.size for leaf in jax.tree.leaves(shapes["params"]))
    assert count / 1e6 == pytest.approx(2.77, abs=5e-3)
    wider = jax.eval_shape(PatchCritic().init, KEY, jnp.zeros((1, 70, 70, 6)))["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(wider)) == count + 3_072


@pytest.mark.parametrize(("side", "patches"), [(256, 30), (128, 14), (72, 7), (70, 6), (24, 1)])
def test_patches_by_size(side, patches):
    x = jax.ShapeDtypeStruct((1, side, side + 13, 3), jnp.float32)
    logits, _ = jax.eval_shape(PatchCritic(features=1).init_with_output, KEY, x)
    assert logits.shape == (1, patches, (side + 13) // 8 - 2, 1)


def test_statistics_over_devices_are_those_of_the_whole_batch():
    net, x = PatchCritic(features=2, layers=1), jax.random.normal(KEY, (4, 8, 8, 3))
    variables = jax.jit(net.init)(KEY, x)
    whole, changed = jax.jit(lambda x: net.apply(variables, x, train=True, mutable=["batch_stats"]))(x)
    spread = net.clone(axis_name="devices")
    run = jax.pmap(lambda x: spread.apply(variables, x, train=True, mutable=["batch_stats"]), axis_name="devices")
    split, changed_on_each = run(x.reshape(2, 2, 8, 8, 3))
    np.testing.assert_allclose(split.reshape(whole.shape), whole, atol=1e-5)
    jax.tree.map(lambda each, all: np.testing.assert_allclose(each[1], all, rtol=1e-5), changed_on_each["batch_stats"],
                 changed["batch_stats"])


def test_a_config_can_name_it():
    net = models.construct("PatchCritic", features=8, norm="instance", axis_name="devices")
    assert net == PatchCritic(features=8, norm="instance", axis_name="devices")
    assert models.takes("PatchCritic", "axis_name")
    half = jax.eval_shape(PatchCritic(features=2, dtype=jnp.bfloat16).init_with_output, KEY, jnp.zeros((1, 24, 24, 3)))
    assert half[0].dtype == jnp.float32


@pytest.mark.parametrize(("net", "x", "sentence"), [
    (PatchCritic(), np.zeros((1, 23, 72, 3), np.float32), "layers=3 got images of 23 x 72.*wanted sides of 24 or more"),
    (PatchCritic(layers=0), np.zeros((1, 72, 72, 3), np.float32), "layers=0.*wanted 1 layer or more"),
    (PatchCritic(norm="layer"), np.zeros((1, 72, 72, 3), np.float32), "norm='layer'; wanted .*batch, instance"),
    (PatchCritic(), np.zeros((1, 72, 72, 3), np.uint8), r"PatchCritic got .*uint8; wanted floats in \[-1, 1\]"),
    (PatchCritic(), np.zeros((72, 72, 3), np.float32), r"PatchCritic got an array of shape \(72, 72, 3\)"),
])
def test_what_is_refused(net, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        net.init(KEY, x)
