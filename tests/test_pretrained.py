"""Official weights: the programs' own outputs are reproduced, and what does not fit is refused by name."""
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable, TunableConv
from dynjax.models import pretrained
from dynjax.networks import EDSR, DnCNN, JohnsonNet

TUNABLE = ["ms_tunable_edsr_x1", "ms_tunable_edsr_x2", "ms_tunable_edsr_x3_linear", "ms_tunable_edsr_x4",
           "ms_tunable_stylenet", pytest.param("ms_tunable_stylenet_linear", marks=pytest.mark.slow)]


def nhwc(array):
    return jnp.asarray(np.moveaxis(array, 1, -1)) if array.ndim == 4 else jnp.asarray(array)


def close(ours, official, factor):
    """Within factor * max(1, max|official|), the form that the parity families ask for."""
    official = np.moveaxis(official, 1, -1) if official.ndim == 4 else official
    assert ours.shape == official.shape
    assert np.max(np.abs(ours - official)) <= factor * max(1.0, np.max(np.abs(official)))


@pytest.mark.parametrize("name", TUNABLE)
def test_tunable_networks_of_mindediting(parity, name):
    case = parity(name)
    config = dict(case.meta["config"])
    net = pretrained.build(config.pop("net"), **config)
    variables = pretrained.load(net, case.params())
    apply = jax.jit(net.apply)
    for run in case.meta["runs"]:
        suffix = run["out"][1:]
        x, alpha = case[f"in/{run['input']}"], case[f"in/px{suffix}"]
        # README of the family: 1e-4 of the largest value for whole networks.
        close(apply(variables, nhwc(x), jnp.asarray(alpha)), case[f"out/{run['out']}"], 1e-4)


def test_a_mindspore_file_gives_the_whole_network(parity, shared):
    case = parity("ms_ckpt_stylenet")
    net = pretrained.build("TunableStyleNet", num_channels=4, num_blocks=[1, 1, 1], num_params=2, mode="mlp")
    variables = pretrained.load(net, shared("parity/ms_ckpt_stylenet.ckpt"))
    close(jax.jit(net.apply)(variables, nhwc(case["in/x"]), case["in/px"]), case["out/y"], 1e-4)


def test_tunable_layers_of_mindediting(parity):
    layers = parity("ms_tunable_layers")
    not_arguments = {"case", "layer", "batch", "hw", "in_shape", "out_shape"}
    assert len(layers.meta["cases"]) == 38
    for case in layers.meta["cases"]:
        prefix = case["case"] + "/"
        net = pretrained.build(case["layer"], **{k: v for k, v in case.items() if k not in not_arguments})
        variables = pretrained.load(net, layers.params(prefix + "param/"))
        px = jnp.asarray(layers[prefix + "in/px"])
        x = jnp.zeros((len(px), 1)) if case["layer"] == "TunableParameter" else layers[prefix + "in/x"]
        is_conv = case["layer"] == "TunableConv2d"
        y = np.asarray(net.apply(variables, nhwc(x) if is_conv else jnp.asarray(x), px))
        official = layers[prefix + "out/y"]
        official = np.moveaxis(official, 1, -1) if is_conv else official
        # The official dense layer flattens what lies between batch and channels.
        y = y.reshape(official.shape) if case["layer"] == "TunableDense" else y
        assert y.shape == official.shape, case
        assert np.max(np.abs(y - official)) <= 1e-5 * max(1.0, np.max(np.abs(official))), case


@pytest.mark.parametrize("name", ["torch_edsr", "torch_edsr_x3"])
def test_edsr_of_basicsr(parity, name):
    case = parity(name)
    net = pretrained.build("EDSR", **case.meta["config"])
    variables = pretrained.load(net, {"params_ema": case.params(), "params": {}})
    x = nhwc(case["in/x"])
    y, inner = jax.jit(lambda v, x: net.apply(v, x, capture_intermediates=True))(variables, x)
    # README of the family: 1e-5 of the largest value for convolutional networks.
    close(y, case["out/y"], 1e-5)
    for feature in case.names("out/feat_"):
        place = {"conv_first": "head"}.get(feature, feature)
        close(inner["intermediates"][place]["__call__"][0], case[f"out/feat_{feature}"], 1e-5)
    if case.names("out/grad/"):
        cotangent = nhwc(case["in/cotangent"])
        gradient = jax.jit(jax.grad(lambda v, x: jnp.sum(net.apply(v, x) * cotangent), argnums=(0, 1)))
        by_variables, by_image = gradient(variables, x)
        params = by_variables["params"]
        # Gradients: 1e-4 of the largest entry of the tensor.
        for ours, official in [(by_image, np.moveaxis(case["out/grad_x"], 1, -1)),
                               (params["ResidualBlock_1"]["conv2"]["kernel"], hwio(case, "body.1.conv2")),
                               (params["upsample_1"]["kernel"], hwio(case, "upsample.2"))]:
            assert np.max(np.abs(ours - official)) <= 1e-4 * np.max(np.abs(official))


def hwio(case, layer):
    return case[f"out/grad/{layer}.weight"].transpose(2, 3, 1, 0)


def test_the_style_network_of_dynamic_net(parity):
    case = parity("dynnet_style")
    main = {name: array for name, array in case.params().items() if name.startswith("main.")}
    net = JohnsonNet(widths=(8, 16, 32, 16, 8), space="imagenet")
    variables = pretrained.load(net, main)
    for name in ("x_even", "x_odd"):
        y = jax.jit(net.apply)(variables, nhwc(case[f"in/{name}"]))
        np.testing.assert_allclose(y, nhwc(case[f"out/{name}/00"]), atol=2e-4, rtol=1e-4)
    bare = {name.removeprefix("main."): array for name, array in main.items()}
    jax.tree.map(np.testing.assert_array_equal, variables, pretrained.load(net, bare))


def full_style_parameters(shapes):
    """The recipe of the parity family's README."""
    arrays = {}
    for index, (name, shape) in enumerate(sorted(shapes.items())):
        v = np.random.RandomState(4000 + index).standard_normal(shape)
        if v.ndim == 4:
            v = v * np.sqrt(2 / np.prod(shape[1:])) * (0.9 if "tuning" in name else 1)
        else:
            v = 1 + 0.2 * v if ".in" in name and name.endswith("weight") else 0.1 * v
        arrays[name] = v.astype(np.float32)
    return arrays


def test_the_style_network_at_full_width(parity):
    case = parity("dynnet_style_full")
    arrays = full_style_parameters(case.meta["shapes"])
    for name, (total, first) in case.meta["sums"].items():
        sums = arrays[name].sum(dtype=np.float64), arrays[name].flat[0]
        np.testing.assert_allclose(sums, [total, first], atol=1e-6)
    net = pretrained.build("MainNet")
    variables = pretrained.load(net, {k: v for k, v in arrays.items() if k.startswith("main.")})
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == case.meta["parameter_count"]["main"]
    y = jax.jit(net.apply)(variables, nhwc(case["in/x_odd"]))
    np.testing.assert_allclose(y, nhwc(case["out/x_odd/00"]), atol=2e-4, rtol=1e-4)


def test_dynamic_style_transfer_with_its_blocks(parity):
    case = parity("dynnet_style_full")
    arrays = full_style_parameters(case.meta["shapes"])
    net = pretrained.build("DynamicStyleTransfer")
    variables = pretrained.load(net, {"state_dict": arrays})
    # Rows 1 and 3: all blocks at 1, and one value a block.
    apply = jax.jit(net.apply)
    for row in (1, 3):
        y = apply(variables, nhwc(case["in/x_even"]), jnp.asarray(np.nan_to_num(case["in/alphas"][row], nan=1.0)))
        np.testing.assert_allclose(y, nhwc(case[f"out/x_even/{row:02}"]), atol=2e-4, rtol=1e-4)
    with pytest.raises(ValueError, match=r"missing: tuning_blocks\.tuning_block1\.conv2\.bias\)"):
        pretrained.load(net, {k: v for k, v in arrays.items() if k != "tuning_blocks.tuning_block1.conv2.bias"})


def small_edsr():
    """A tiny BasicSR EDSR: (network, its arrays by official names)."""
    net = pretrained.build("EDSR", num_in_ch=3, num_out_ch=3, num_feat=4, num_block=1, upscale=1)
    names = {"conv_first": (4, 3), "body.0.conv1": (4, 4), "body.0.conv2": (4, 4), "conv_after_body": (4, 4),
             "conv_last": (3, 4)}
    rng = np.random.RandomState(0)
    arrays = {f"{name}.weight": rng.normal(0, 0.1, (*shape, 3, 3)) for name, shape in names.items()}
    return net, arrays | {f"{name}.bias": rng.normal(0, 0.1, shape[0]) for name, shape in names.items()}


@pytest.mark.parametrize("kernel_init", ["replicate", "base"])
def test_a_plain_checkpoint_starts_a_tunable_network(kernel_init):
    plain, arrays = small_edsr()
    x = jax.random.uniform(jax.random.key(0), (1, 5, 4, 3))
    wanted = plain.apply(pretrained.load(plain, arrays), x)
    net = Tunable(plain, alpha=("a", "b"))
    variables = pretrained.load(net, arrays, kernel_init=kernel_init)
    np.testing.assert_allclose(net.apply(variables, x, [0.25, 0.75]), wanted, atol=1e-5)
    same_anywhere = np.allclose(net.apply(variables, x, [0.9, 0.9]), wanted, atol=1e-4)
    assert same_anywhere == (kernel_init == "base")


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_files_prefixes_and_nested_dicts(tmp_path, ending):
    net, arrays = small_edsr()
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    wanted = pretrained.load(net, arrays)
    if ending == "npz":
        np.savez(tmp_path / "w.npz", **arrays)
    else:
        from safetensors.numpy import save_file
        save_file(arrays, tmp_path / "w.safetensors")
    prefixed = {f"module.{name}": array for name, array in arrays.items()}
    for source in (str(tmp_path / f"w.{ending}"), prefixed, {"state_dict": arrays}, {"params": prefixed, "step": 3},
                   {"state_dict": {"params": arrays}}, {"state_dict": {"params_ema": {}, "params": prefixed}},
                   {"params_ema": {}, "params": arrays}, {"params": {}, "state_dict": {"params_ema": arrays}}):
        jax.tree.map(np.testing.assert_array_equal, wanted, pretrained.load(net, source))


def changed(arrays, **changes):
    new = {**arrays, **{name.replace("__", "."): array for name, array in changes.items()}}
    return {name: array for name, array in new.items() if array is not None}


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"conv_last__bias": None}, r"\(missing: conv_last\.bias\)"),
    ({"extra__weight": np.zeros(2)}, r"\(left over: extra\.weight\)"),
    ({"conv_last__bias": np.zeros(4)}, r"not fitting: conv_last\.bias \(4,\) for params/tail/bias \(3,\)"),
    ({"conv_last__weight": np.zeros((3, 4))}, r"not fitting: conv_last\.weight \(3, 4\)"),
    ({"conv_last__bias": np.broadcast_to(np.float32(1), (2**40,))}, r"not fitting: conv_last\.bias \(1099511627776,\)"),
    ({"conv_last__bias": np.array([1, "a", None], object)}, r"not fitting: conv_last\.bias of type object, no real"),
    ({"conv_last__bias": np.zeros(3, complex)}, r"not fitting: conv_last\.bias of type complex128, no real numbers"),
    ({"mean": np.array([None] * 3)}, "not fitting: mean, which"),
    ({"mean": np.zeros((1, 3, 1, 1))}, "not fitting: mean, which the network has as the constant"),
])
def test_what_does_not_fit_is_named(changes, sentence):
    net, arrays = small_edsr()
    with pytest.raises(ValueError, match=sentence):
        pretrained.load(net, changed(arrays, **changes))


@pytest.mark.parametrize("shape", [(3, 4), (1, 3, 4, 1), (2**39, 2)])
def test_a_norm_of_another_shape_does_not_fit(shape):
    """Axes of one around the features are as the programs have them; features on several axes are another layer's."""
    net = DnCNN(features=12, layers=3, channels=1)
    shapes = {"model.0.weight": (12, 1, 3, 3), "model.0.bias": (12,), "model.2.weight": (12, 12, 3, 3),
              "model.2.bias": (12,), "model.3.weight": (1, 12, 1, 1), "model.3.bias": (12, 1, 1),
              "model.3.running_mean": (12,), "model.3.running_var": (12,), "model.5.weight": (1, 12, 3, 3),
              "model.5.bias": (1,)}
    arrays = {name: np.broadcast_to(np.float32(0.5), shape) for name, shape in shapes.items()}
    assert pretrained.load(net, arrays)["params"]["norm_1"]["scale"].shape == (12,)
    arrays["model.3.weight"] = np.broadcast_to(np.full(shape[-1], np.float32(0.5)), shape)   # 4 TB if it were copied
    with pytest.raises(ValueError, match=r"not fitting: model\.3\.weight .* for params/norm_1/scale \(12,\)"):
        pretrained.load(net, arrays)


@pytest.mark.parametrize("kind", [jnp.bfloat16, np.float16, np.int32, np.bool_])
def test_all_real_numbers_are_taken(kind):
    net, arrays = small_edsr()
    arrays["conv_last.bias"] = np.ones(3, kind)
    np.testing.assert_array_equal(pretrained.load(net, arrays)["params"]["tail"]["bias"], np.ones(3, np.float32))


class Tensor:
    """As much of a PyTorch tensor as numpy meets: what it refuses, and in which words."""

    def __init__(self, array, *, trained=False, negative=False, place="cpu", kind="Float"):
        self.array, self.trained, self.negative, self.place, self.kind = array, trained, negative, place, kind

    def __array__(self, dtype=None, copy=None):
        if self.trained:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self.place != "cpu":
            raise TypeError(f"can't convert {self.place} device type tensor to numpy.")
        if self.negative:
            raise RuntimeError("Can't call numpy() on Tensor that has negative bit set.")
        if self.kind != "Float":
            raise TypeError(f"Got unsupported ScalarType {self.kind}")
        return self.array

    def changed(self, **changes):
        return Tensor(**{**self.__dict__, **changes})

    def detach(self):
        return self.changed(trained=False)

    def cpu(self):
        if self.place == "meta":
            raise NotImplementedError("Cannot copy out of meta tensor; no data!\nmore")
        return self.changed(place="cpu")

    def resolve_neg(self):
        return self.changed(negative=False, array=-self.array if self.negative else self.array)

    def float(self):
        return self if self.kind == "Sparse" else self.changed(kind="Float")


@pytest.mark.parametrize("how", [{}, {"trained": True}, {"kind": "BFloat16"}, {"place": "cuda:0"},
                                 {"trained": True, "place": "cuda:0", "kind": "Float8_e4m3fn"}])
def test_tensors_of_a_network_in_memory_are_taken(how):
    net, arrays = small_edsr()
    wanted = pretrained.load(net, arrays)
    got = pretrained.load(net, {name: Tensor(array, **how) for name, array in arrays.items()})
    jax.tree.map(np.testing.assert_array_equal, wanted, got)
    got = pretrained.load(net, {name: Tensor(-array, negative=True, **how) for name, array in arrays.items()})
    jax.tree.map(np.testing.assert_array_equal, wanted, got)


@pytest.mark.parametrize(("how", "sentence"), [
    ({"place": "meta"}, r"\(Cannot copy out of meta tensor; no data!\); wanted dense arrays"),
    ({"kind": "Sparse"}, r"\(Got unsupported ScalarType Sparse\); wanted dense arrays")])
def test_tensors_that_numpy_cannot_have_are_named(how, sentence):
    net, arrays = small_edsr()
    with pytest.raises(ValueError, match=r"the source's conv_last\.bias is a Tensor that cannot .*" + sentence):
        pretrained.load(net, {**arrays, "conv_last.bias": Tensor(np.zeros(3), **how)})


def test_constants_and_counters_are_recognised():
    net, arrays = small_edsr()
    mean = np.array([0.4488, 0.4371, 0.4040]).reshape(1, 3, 1, 1)
    pretrained.load(net, changed(arrays, mean=mean, norm__num_batches_tracked=np.array(3)))


def test_counters_of_a_training_program_are_passed_over():
    """MindSpore's ModelCheckpoint and optimisers append them; a table of rates, one a step, is none."""
    net, arrays = small_edsr()
    wanted = pretrained.load(net, arrays)
    counters = {"epoch_num": np.array(7, np.int32), "step_num": np.array([9000], np.int32),
                "learning_rate": np.array(1e-4, np.float32), "global_step": np.array([5], np.int32)}
    jax.tree.map(np.testing.assert_array_equal, wanted, pretrained.load(net, {**arrays, **counters}))
    prefixed = {f"module.{name}": array for name, array in arrays.items()}
    jax.tree.map(np.testing.assert_array_equal, wanted, pretrained.load(net, {**counters, **prefixed}))
    for name, array in {"learning_rate": np.zeros(100), "moment1.conv_last.weight": np.zeros((3, 4, 3, 3))}.items():
        with pytest.raises(ValueError, match=rf"\(left over: {name}\)"):
            pretrained.load(net, {**arrays, **counters, name: array})


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"extra__weight": np.zeros(2)}, "Nothing else is wrong: take what is left over out of the source."),
    ({"conv_last__bias": None}, "Otherwise it is of this network: see whether the source is whole"),
    ({"mean": np.zeros((1, 3, 1, 1))}, "Otherwise it is of this network: see whether the source is whole")])
def test_the_network_that_was_used_is_not_advised(changes, sentence):
    net, arrays = small_edsr()
    with pytest.raises(ValueError, match=sentence) as caught:
        pretrained.load(net, changed(arrays, **changes))
    assert "It looks like" not in str(caught.value)
    if "extra__weight" in changes:   # with what no file tells it is of the same arrays
        with pytest.raises(ValueError, match=sentence):
            pretrained.load(net.clone(residual_scale=0.5), changed(arrays, **changes))
    for blocks in (0, 2):   # of the smaller one nothing is missing
        other = pretrained.build("EDSR", num_in_ch=3, num_out_ch=3, num_feat=4, num_block=blocks, upscale=1)
        with pytest.raises(ValueError, match=r"It looks like that of .*num_block=1"):
            pretrained.load(other, changed(arrays, **changes))


def test_the_number_of_objectives_is_advised(parity):
    case = parity("ms_tunable_edsr_x2")
    config = dict(case.meta["config"])
    name = config.pop("net")
    for count, said in ((config["num_params"], "Nothing else is wrong"),
                        (config["num_params"] + 1, f"It looks like .*num_params={config['num_params']}")):
        with pytest.raises(ValueError, match=said):
            pretrained.load(pretrained.build(name, **{**config, "num_params": count}),
                            {**case.params(), "extra": np.zeros(2)})


def test_frozen_means_of_the_tunable_network_must_be_the_constants(parity):
    case = parity("ms_tunable_edsr_x2")
    config = dict(case.meta["config"])
    net = pretrained.build(config.pop("net"), **config)
    params = case.params()
    pretrained.load(net, {name: array for name, array in params.items() if "_mean" not in name})
    with pytest.raises(ValueError, match=r"add_mean\.bias, which the network has as the constant \[0\.448"):
        pretrained.load(net, {**params, "add_mean.bias": params["add_mean.bias"] + 1e-3})


def test_a_tunable_checkpoint_needs_a_tunable_network(parity):
    case = parity("ms_tunable_edsr_x2")
    config = dict(case.meta["config"])
    net = pretrained.build(config.pop("net"), **config)
    with pytest.raises(ValueError, match="several kernels a layer but EDSR has one; wanted Tunable around it") as told:
        pretrained.load(net.net, case.params())
    advised = re.search(r"It looks like that of (pretrained\.build\('TunableEDSR', .*\))", str(told.value))[1]
    assert pretrained.load(eval(advised), case.params())
    with pytest.raises(ValueError, match=r"missing: body\.0\.conv1\.mlp\.bias"):
        pretrained.load(net, {name: array for name, array in case.params().items() if "mlp" not in name})


def test_untuned_norms_must_be_named(parity):
    case = parity("ms_tunable_stylenet_linear")
    net = pretrained.build("TunableStyleNet", num_channels=6, num_blocks=[1, 1, 1], num_params=2, mode="linear")
    with pytest.raises(ValueError, match=r"conv_in\.norm\.gamma \(6,\) for params/kernels/conv_in/norm/scale \(2, 6\)"):
        pretrained.load(net.clone(frozen=()), case.params())


def test_a_phi_with_hidden_layers_has_no_official_weights(parity):
    case = parity("ms_tunable_edsr_x2")
    config = dict(case.meta["config"])
    net = pretrained.build(config.pop("net"), **config)
    with pytest.raises(ValueError, match=r"params/phi.*\(which no official checkpoint has"):
        pretrained.load(net.clone(hidden=(4,)), case.params())


def test_sources_and_networks_that_are_not_known(tmp_path):
    net, arrays = small_edsr()
    with pytest.raises(ValueError, match=r"no official checkpoint is known for LayerNorm; wanted one of .*EDSR"):
        pretrained.load(nn.LayerNorm(), arrays)
    with pytest.raises(ValueError, match="the source holds nothing"):
        pretrained.load(net, {})
    for empty in ({"params_ema": {}}, {"state_dict": {"params_ema": {}, "params": {}}}):
        with pytest.raises(ValueError, match="the source holds nothing; wanted arrays by name, at most inside dicts"):
            pretrained.load(net, empty)
    endless = {}
    endless["params"] = endless
    with pytest.raises(ValueError, match="the source holds dicts: params"):
        pretrained.load(net, endless)
    with pytest.raises(ValueError, match="the source holds dicts: generator"):
        pretrained.load(net, {"generator": {"epoch": 3}})
    with pytest.raises(ValueError, match="there is no file"):
        pretrained.load(net, tmp_path / "w.npz")
    with pytest.raises(ValueError, match=r"the source has entries called 0, 1; wanted arrays by name"):
        pretrained.load(net, {0: np.zeros(3), 1: np.zeros(3)})
    for nested in ([np.broadcast_to(np.float32(1), (2**40,))], ((1, 2), (3,)), [{}]):
        with pytest.raises(ValueError, match="the source has lists of more than numbers or text: steps"):
            pretrained.load(net, {**arrays, "steps": nested})
    pretrained.load(net, {**arrays, "classes": ["a", "b"]})


def test_official_arguments():
    default = pretrained.build("TunableEDSR", num_params=2).net
    assert (default.features, default.blocks, default.scale, default.residual_scale) == (64, 16, 4, 0.1)
    assert isinstance(default, EDSR) and pretrained.build("TunableEDSR").alpha == 1
    layer = pretrained.build("TunableConv2d", in_channels=3, out_channels=4, kernel_size=5, expand_params=2,
                               mode="linear")
    assert isinstance(layer, TunableConv) and layer.kernels == 2 and not layer.use_bias
    for name, arguments, sentence in [
            ("TunableEDRS", {}, "did you mean TunableEDSR"),
            ("TunableEDSR", {"blocks": 3}, r"unknown: blocks\); it takes img_channels, num_blocks"),
            ("EDSR", {"num_in_ch": 3}, "missing: num_out_ch"),
            ("EDSR", {"num_in_ch": 3, "num_out_ch": 1}, "wanted the same number"),
            ("TunableEDSR", {"mode": "affine"}, "wanted one of mlp, linear"),
            ("TunableStyleNet", {"norm": "batch"}, "instance norm"),
            ("TunableConv2d", {"in_channels": 3, "out_channels": 4, "kernel_size": 3, "padding": 1},
             "same or valid with 0")]:
        with pytest.raises(ValueError, match=sentence):
            pretrained.build(name, **arguments)


def test_sizes_printed_in_the_references():
    def count(net, *inputs):
        return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0), *inputs)))

    x = jnp.zeros((1, 16, 16, 3))
    assert count(pretrained.build("EDSR", num_in_ch=3, num_out_ch=3), x) == 1_517_571
    # The official count has the two frozen means besides, 2 * (9 + 3).
    assert count(pretrained.build("TunableEDSR", num_params=2), x, jnp.ones(2)) == 2_961_526 - 24
    assert count(pretrained.build("TunableEDSR", num_params=2, scale=1), x, jnp.ones(2)) == 2_370_666 - 24
    # Besides: image mean and deviation, and moving mean and variance of 19 + 6 norms over their channels.
    net = pretrained.build("TunableStyleNet", num_params=3)
    moving = 2 * (64 + 2 * 128 + 2 * 256 + 12 * 256 + 2 * 128 + 2 * 64)
    assert count(net, x, jnp.ones(3)) == 26_333_911 - 6 - moving
