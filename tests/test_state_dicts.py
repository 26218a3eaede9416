"""What trainers wrap weights in: dicts in dicts, prefixes, several networks in one file, averages, things beside."""
import jax
import numpy as np
import pytest

import dynjax
from dynjax.models import pretrained
from dynjax.models.tensors import as_array

SHAPES = {"conv_first": (4, 3), "body.0.conv1": (4, 4), "body.0.conv2": (4, 4), "upconv1": (16, 4), "upconv2": (16, 4),
          "conv_hr": (4, 4), "conv_last": (3, 4)}


def weights(seed, shapes=None):
    rng = np.random.RandomState(seed)
    return {f"{name}.{part}": rng.normal(0, 0.1, (*shape, 3, 3) if part == "weight" else shape[:1]).astype(np.float32)
            for name, shape in (shapes or SHAPES).items() for part in ("weight", "bias")}


NET = pretrained.build("MSRResNet", num_in_ch=3, num_out_ch=3, num_feat=4, num_block=1, upscale=4)
WANTED, OTHER = weights(0), weights(1)
CRITIC = {"discriminator.conv0.weight": np.zeros((4, 3, 3, 3), np.float32), "discriminator.conv0.bias": np.zeros(4)}
OPTIMIZER = {"state": {0: {"step": np.array(3.0), "exp_avg": OTHER["conv_first.weight"]}}, "param_groups": [{"lr": 1}]}
FLAT = {"lr": 1e-4, "epoch": 3, "best_psnr": np.float32(31.2), "config": "lr: 1", "ema": True, "seed": None}


def behind(prefix, arrays=None):
    return {prefix + name: array for name, array in (WANTED if arrays is None else arrays).items()}


def is_wanted(variables):
    jax.tree.map(np.testing.assert_array_equal, variables, pretrained.load(NET, WANTED))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "generator.", "net_g.", "model.",
                                    "netG.", "0.", "a.b.c.d.", "my-network.", "G_", "module.G_A_",
                                    "generator/"])
def test_a_prefix_of_all_names(prefix):
    is_wanted(pretrained.load(NET, behind(prefix)))
    is_wanted(pretrained.load(NET, {"state_dict": behind(prefix), "epoch": 3}))


@pytest.mark.parametrize("name", ["params-ema", "params_ema", "params", "model_state_dict", "model", "net", "g_ema",
                                  "net_g", "generator", "state_dict", "weights of mine"])
def test_a_dict_around_the_arrays(name):
    is_wanted(pretrained.load(NET, {name: WANTED}))
    is_wanted(pretrained.load(NET, {**FLAT, name: behind("module."), "optimizer": OPTIMIZER}))
    is_wanted(pretrained.load(NET, {"checkpoint": {"inner": {name: WANTED}}, "iter": 4}))


def test_numbers_and_other_dicts_beside_the_arrays_are_passed_over():
    is_wanted(pretrained.load(NET, {**WANTED, **FLAT, "optimizer": OPTIMIZER}))


@pytest.mark.parametrize("source", [
    {"state_dict": {**behind("generator."), **CRITIC, "loss.vgg.0.weight": np.zeros((4, 3, 3, 3))}, "callbacks": {},
     "optimizer_states": [OPTIMIZER], "pytorch-lightning_version": "2.0"},
    {"n_averaged": np.array(3), **behind("module.")},                                       # PyTorch's AveragedModel
    {"g": weights(1, {"conv0": (4, 3)}), "net_g": WANTED},
    {"small": weights(1, {**SHAPES, "conv_last": (1, 4)}), "large": WANTED},                # told apart by a shape
    {"net": WANTED, "optimizer": {"momentum": OTHER}, "copy": dict(WANTED)}])               # the same arrays twice
def test_the_network_that_fits_is_taken(source):
    is_wanted(pretrained.load(NET, source))


@pytest.mark.parametrize("source", [
    {"params": OTHER, "params_ema": WANTED}, {"params-ema": WANTED, "params": OTHER},
    {"state_dict": OTHER, "state_dict_ema": WANTED}, {"g": OTHER, "d": {}, "g_ema": WANTED},
    {**behind("params.", OTHER), **behind("params_ema.")},
    {"state_dict": {**behind("net_g.", OTHER), **behind("net_g_ema."), **CRITIC}},
    {"model": OTHER, "ema": {"module": WANTED, "decay": 0.999}}])
def test_averages_come_before_the_weights_that_were_averaged(source):
    """As BasicSR takes params_ema and timm state_dict_ema."""
    is_wanted(pretrained.load(NET, source))


@pytest.mark.parametrize(("source", "names"), [
    ({"a2b": WANTED, "b2a": OTHER}, ("a2b", "b2a")),
    ({"state_dict": {**behind("netG_A."), **behind("netG_B.", OTHER)}}, ("state_dict.netG_A", "state_dict.netG_B"))])
def test_several_that_fit_are_named_and_one_can_be_chosen(source, names):
    with pytest.raises(ValueError, match=f"holds several networks: {', '.join(names)}; wanted one.*entry='{names[0]}'"):
        pretrained.load(NET, source)
    is_wanted(pretrained.load(NET, source, entry=names[0]))
    jax.tree.map(np.testing.assert_array_equal, pretrained.load(NET, source, entry=names[1]),
                 pretrained.load(NET, OTHER))
    with pytest.raises(ValueError, match=f"has no entry 'c'; wanted one of .*{names[0]}"):
        pretrained.load(NET, source, entry="c")


@pytest.mark.parametrize("inner", [{"state_dict": WANTED, "epoch": 3}, behind("module."), behind("net_"),
                                   {"params": OTHER, "params_ema": behind("module.")}])
def test_what_was_chosen_is_unwrapped_too(inner):
    source = {"a2b": inner, "b2a": OTHER}
    is_wanted(pretrained.load(NET, source, entry="a2b"))
    is_wanted(pretrained.load(NET, {"all": source}, entry="all.a2b"))


def test_the_name_of_a_prefix_without_a_dot_chooses_it():
    source = {"x": behind("G_"), "y": behind("G_", OTHER)}
    with pytest.raises(ValueError, match=r"holds several networks: x\.G_, y\.G_;"):
        pretrained.load(NET, source)
    is_wanted(pretrained.load(NET, source, entry="x.G_"))


@pytest.mark.parametrize("counter", [np.array(5), np.array(True), np.int64(5)])
def test_a_whole_number_beside_the_arrays_is_a_counter(counter):
    is_wanted(pretrained.load(NET, {**WANTED, "step": counter}))
    is_wanted(pretrained.load(NET, {**behind("module."), "module.iteration": counter}))
    with pytest.raises(ValueError, match=r"left over: conv_hr\.step\)"):   # of a layer
        pretrained.load(NET, {**WANTED, **{"conv_hr.step": np.array(5)}})
    with pytest.raises(ValueError, match=r"left over: scale\)"):
        pretrained.load(NET, {**WANTED, "scale": np.array(0.5, np.float32)})


def test_the_weights_that_were_averaged_can_be_chosen():
    source = {"params": WANTED, "params_ema": OTHER}
    is_wanted(pretrained.load(NET, source, entry="params"))


def test_what_an_optimiser_keeps_is_no_network():
    """MindSpore's optimisers keep moments under the weights' own names, others in a dict of these."""
    for source in ({"optimizer": {"velocity": WANTED}}, {"exp_avg": WANTED, "step": 3}):
        with pytest.raises(ValueError, match=r"holds what an optimiser keeps \((optimizer\.velocity|exp_avg)\) and no"):
            pretrained.load(NET, source)
    is_wanted(pretrained.load(NET, {"optimizer": {"velocity": WANTED}}, entry="optimizer.velocity"))   # as is advised
    is_wanted(pretrained.load(NET, {"optimized_model": WANTED}))
    with pytest.raises(ValueError, match="the source does not fit the network"):
        pretrained.load(NET, behind("moment1."))
    with pytest.raises(ValueError, match=r"left over: moment1\.conv_first\.weight"):
        pretrained.load(NET, {**WANTED, **behind("moment1.", OTHER)})


def test_what_does_not_fit_is_told_with_the_place():
    source = {"state_dict": {**behind("generator."), **CRITIC}}
    del source["state_dict"]["generator.conv_hr.bias"]
    with pytest.raises(ValueError, match=r"its entry state_dict\.generator does not fit .*\(missing: conv_hr\.bias\)"):
        pretrained.load(NET, source)
    source["state_dict"] |= {"generator.conv_hr.bias": WANTED["conv_hr.bias"], "generator.more": np.zeros(2)}
    with pytest.raises(ValueError, match=r"its entry state_dict\.generator does not fit .*\(left over: more\)"):
        pretrained.load(NET, source)


def test_names_that_begin_with_model_are_no_prefix():
    net = pretrained.build("DnCNN", nb=3, nc=4, act_mode="R")
    arrays = weights(0, {"model.0": (4, 1), "model.2": (4, 4), "model.4": (1, 4)})
    for source in (arrays, behind("model.", arrays), {"model": arrays}):
        jax.tree.map(np.testing.assert_array_equal, pretrained.load(net, source), pretrained.load(net, arrays))


@pytest.mark.parametrize("kind", [">f4", ">f8", ">f2", ">i4"])
def test_arrays_of_the_other_byte_order(kind):
    source = {name: np.round(100 * array).astype(kind) for name, array in WANTED.items()}
    wanted = {name: array.astype(np.float32) for name, array in source.items()}
    jax.tree.map(np.testing.assert_array_equal, pretrained.load(NET, source), pretrained.load(NET, wanted))
    assert as_array("a", source["conv_hr.bias"]).dtype.isnative   # which all of JAX takes


def test_a_single_layer_is_not_looked_for_inside_a_network():
    layer = dynjax.TunableConv(4, (3, 3), alpha=1)
    one = {"weight": WANTED["conv_first.weight"], "bias": WANTED["conv_first.bias"]}
    assert pretrained.load(layer, behind("module.", one))
    with pytest.raises(ValueError, match="does not fit"):
        pretrained.load(layer, {**behind("conv_first.", one), "conv_last.weight": np.zeros((3, 4, 3, 3))})


def test_endless_names_and_dicts_are_a_sentence():
    deep = {}
    for _ in range(10_000):
        deep = {"x": deep, "y": np.zeros(2)}
    for source in ({"a." * 100_000: np.zeros(2)}, deep):
        with pytest.raises(ValueError, match="does not fit the network"):
            pretrained.load(NET, source)
