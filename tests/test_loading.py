"""dynjax.load of official weights: recognised from the file, asked for what no file tells, never a wrong network."""
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax
from dynjax.files import to_safetensors
from dynjax.models import pretrained
from dynjax.networks import EDSR, IRCNN, DnCNN, FFDNet, MSRResNet, NAFNet, SRVGGNetCompact, SwinIR

KNOWN = ["torch_msrresnet", "torch_rrdbnet", "torch_rrdbnet_x2", "torch_srvgg", "torch_dncnn", "torch_ffdnet_color",
         "torch_dncnn_merged_color", "torch_nafnet", "torch_swinir_classical_x3", "torch_swinir_lightweight_x2",
         "torch_swinir_real_x4_3conv", "torch_swinir_color_dn", "torch_swinir_jpeg_color_w7", "ms_tunable_edsr_x2",
         "ms_tunable_nafnet", "ms_tunable_swinir_light_x2", "ms_tunable_swinir_real_x4"]
PROGRAMS = {"torch_ms": "MSRResNet", "torch_rr": "RRDBNet", "torch_sr": "SRVGGNetCompact", "torch_dn": "DnCNN",
            "torch_ff": "FFDNet", "torch_na": "NAFNet", "torch_sw": "SwinIR"}


def write(path, arrays):
    path.write_bytes(to_safetensors(arrays))
    return path


def convolutions(layers, *, biased=True):
    """Small random kernels and biases of 3 x 3 convolutions, {name: (outputs, inputs)}."""
    rng = np.random.RandomState(0)
    kernels = {f"{name}.weight": rng.normal(0, 0.1, (*shape, 3, 3)).astype("f4") for name, shape in layers.items()}
    return kernels | ({f"{name}.bias": np.zeros(shape[0], "f4") for name, shape in layers.items()} if biased else {})


@pytest.mark.parametrize("name", KNOWN)
def test_the_network_that_wrote_a_file_is_built(parity, tmp_path, name):
    case = parity(name)
    config = dict(case.meta["config"])
    official = config.pop("net", None) or PROGRAMS[name[:8]]
    wanted = pretrained.build(official, **config)
    net, variables = dynjax.load(write(tmp_path / "w.pth", {f"module.{n}": a for n, a in case.params().items()}))
    assert net == wanted
    jax.tree.map(np.testing.assert_array_equal, variables, pretrained.load(wanted, case.params()))


def test_released_weights(shared):
    for file, net in [("dncnn_25.pth", DnCNN(norm="none")), ("ffdnet_color.npz", FFDNet(96, 12, 3))]:
        assert dynjax.load(shared(f"data/weights/{file}"))[0] == net


@pytest.mark.parametrize(("factor", "other"), [(1, 0.1), (0.1, 1)])
def test_edsr_s_residual_scale_is_asked_for(parity, tmp_path, factor, other):
    case = parity("torch_edsr")
    path = write(tmp_path / "EDSR.pth", case.params())
    with pytest.raises(ValueError, match=r"EDSR\.pth cannot be loaded: it is of EDSR, and no array tells its res_sc"):
        dynjax.load(path)
    net, _ = dynjax.load(path, res_scale=factor)
    assert net == pretrained.build("EDSR", **{**case.meta["config"], "res_scale": factor})
    assert net != dynjax.load(path, res_scale=other)[0]


def test_an_activation_without_parameters_is_asked_for(tmp_path):
    path = write(tmp_path / "w.pth", convolutions({"body.0": (4, 3), "body.2": (4, 4), "body.4": (12, 4)}))
    with pytest.raises(ValueError, match=r"no array tells its act_type .*'relu' or 'leakyrelu'"):
        dynjax.load(path)
    for kind, ours in (("relu", "relu"), ("leakyrelu", "leaky_relu")):
        assert dynjax.load(path, act_type=kind)[0] == SRVGGNetCompact(4, 1, 2, activation=ours)


def test_swinir_s_windows_are_asked_for_where_none_is_moved(parity, tmp_path):
    """Built for images of one window, which the file tells by the masks that it lacks."""
    case = parity("torch_swinir_color_dn")
    config = case.meta["config"]
    arrays, window = case.params(), config["window_size"]
    index = {f"layers.{group}.residual_group.blocks.{block}.attn.relative_position_index":
             np.zeros((window**2, window**2), np.int64) for group, depth in enumerate(config["depths"])
             for block in range(depth)}
    path = write(tmp_path / "w.pth", arrays | index)
    with pytest.raises(ValueError, match="no array tells its window_size and img_size"):
        dynjax.load(path)
    assert not dynjax.load(path, window_size=window, img_size=window)[0].shifted
    assert dynjax.load(path, window_size=window, img_size=64)[0].shifted
    masks = {f"layers.{group}.residual_group.blocks.{block}.attn_mask": np.zeros((4, window**2, window**2), "f4")
             for group, depth in enumerate(config["depths"]) for block in range(1, depth, 2)}
    assert dynjax.load(write(path, arrays | index | masks))[0] == pretrained.build("SwinIR", **config)


def test_swinir_s_range_is_asked_for_where_its_window_does_not_tell(parity, tmp_path):
    config = dict(upscale=2, window_size=7, depths=[1], embed_dim=4, num_heads=[1], mlp_ratio=1)
    for upsampler, asks in (("pixelshuffledirect", True), ("", False)):
        net = pretrained.build("SwinIR", upsampler=upsampler, img_range=255.0, **config)
        shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 14, 14, 3)))
        path = write(tmp_path / "w.safetensors", official_arrays(net, shapes))
        if asks:
            with pytest.raises(ValueError, match="no array tells its img_range"):
                dynjax.load(path)
        given = {"img_range": 1.0} if asks else {}
        assert dynjax.load(path, **given)[0].image_range == (1.0 if asks else 255.0)


def official_arrays(net, shapes):
    """Arrays by SwinIR's official names for a network's variables."""
    from dynjax.models.layouts import layouts
    layers = layouts(net, {})[0].layers
    arrays = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes["params"]):
        *layer, name = [key.key for key in path]
        if "/".join([*layer, name]) in layers:
            arrays[layers["/".join([*layer, name])][0]] = np.zeros(leaf.shape, "f4")
        else:
            order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[len(leaf.shape)]
            arrays[f"{layers['/'.join(layer)][0]}.{'bias' if name == 'bias' else 'weight'}"] = np.zeros(
                [leaf.shape[axis] for axis in order], "f4")
    return arrays


def test_seven_layers_of_64_features_are_ircnn_s(tmp_path):
    layers = {f"model.{2 * i}": (1 if i == 6 else 64, 1 if i == 0 else 64) for i in range(7)}
    arrays = convolutions(layers)
    path = write(tmp_path / "ircnn_gray.pth", arrays)
    assert dynjax.load(path)[0] == IRCNN()
    assert dynjax.load(path, architecture="DnCNN")[0] == DnCNN(layers=7, norm="none")
    with pytest.raises(ValueError, match=r"It looks like that of pretrained\.build\('IRCNN', in_nc=1"):
        pretrained.load(EDSR(features=2, blocks=1, scale=1), arrays)


def test_one_class_for_another_with_the_same_arrays(parity, tmp_path):
    case = parity("torch_nafnet")
    path = write(tmp_path / "w.pth", case.params())
    assert isinstance(dynjax.load(path)[0], NAFNet) and dynjax.load(path)[0].pool == "global"
    local, _ = dynjax.load(path, architecture="NAFNetLocal", train_size=(1, 3, 64, 64))
    assert (local.pool, local.train_size) == ("local", (64, 64))
    with pytest.raises(ValueError, match="did you mean NAFNetLocal"):
        dynjax.load(path, architecture="NAFNetlocal")
    with pytest.raises(ValueError, match="which do not fit SwinIR with the arguments that were recognised and given"):
        dynjax.load(path, architecture="SwinIR")
    with pytest.raises(ValueError, match=r"w\.pth cannot be loaded: .* do not fit NAFNet \(unknown: widht\)"):
        dynjax.load(path, widht=4)


# KAIR's MSRResNet0 and the old ESRGAN of scale 1 were once told to be DnCNN, a SwinIR behind a pixel-unshuffle to take
# 12 channels, FDnCNN nothing.
STRANGERS = {
    "MSRResNet0": convolutions({"model.0": (4, 3), "model.1.sub.0.res.0": (4, 4), "model.1.sub.0.res.2": (4, 4),
                                "model.1.sub.1": (4, 4), "model.3": (4, 4), "model.5": (4, 4), "model.7": (3, 4)}),
    "FDnCNN": convolutions({"model.0": (4, 2), "model.2": (4, 4), "model.4": (1, 4)}),
    "ESRGAN": convolutions({"model.0": (4, 3), **{f"model.1.sub.0.RDB{j}.conv{k}.0": (2 if k < 5 else 4, 2 + 2 * k)
                                                  for j in (1, 2, 3) for k in range(1, 6)}, "model.1.sub.1": (4, 4),
                            "model.2": (16, 4), "model.5": (4, 4), "model.7": (3, 4)})}


@pytest.mark.parametrize("name", STRANGERS)
def test_networks_that_are_known_but_not_here_are_named(tmp_path, name):
    arrays = STRANGERS[name]
    with pytest.raises(ValueError, match=rf"look like those of {name} with .*; none of the networks here has that"):
        dynjax.load(write(tmp_path / "w.pth", arrays))
    with pytest.raises(ValueError, match=rf"It looks like {name} with .*, which none of these networks has"):
        pretrained.load(EDSR(features=2, blocks=1, scale=1), arrays)


@pytest.mark.parametrize("name", ["conv_first.weight", "conv_first.1.weight"])
def test_swinir_behind_a_pixel_unshuffle_is_no_network_of_12_channels(parity, tmp_path, name):
    arrays = parity("torch_swinir_real_x4_3conv").params()
    first = arrays.pop("conv_first.weight")
    arrays[name] = np.repeat(first, 4, axis=1)
    if name == "conv_first.1.weight":
        arrays["conv_first.1.bias"] = arrays.pop("conv_first.bias")
    with pytest.raises(ValueError, match=r"SwinIR with .*\(start_unshuffle\); none of the networks here has that"):
        dynjax.load(write(tmp_path / "w.pth", arrays))
    with pytest.raises(ValueError, match=r"It looks like SwinIR with .*start_unshuffle") as caught:
        pretrained.load(SwinIR(), arrays)
    assert "in_chans" not in str(caught.value)


def test_a_file_of_nearly_a_network_is_told_what_it_is_near(parity, tmp_path):
    arrays = parity("torch_msrresnet").params()
    del arrays["conv_hr.bias"]
    with pytest.raises(ValueError, match=r"nearly those of pretrained\.build\('MSRResNet', .*pretrained\.load"):
        dynjax.load(write(tmp_path / "w.pth", arrays))


def test_advice_needs_the_shapes_to_be_right(parity):
    """One kernel of another shape makes it another program's network: no advice is better than a wrong one."""
    arrays = parity("torch_msrresnet").params()
    name = "body.0.conv2.weight"
    arrays[name] = np.concatenate([arrays[name]] * 2)
    with pytest.raises(ValueError, match=r"Build the network with the arguments that the checkpoint was made with\.$"):
        pretrained.load(EDSR(features=2, blocks=1, scale=1), arrays)


def test_several_networks_in_a_file(tmp_path):
    """As IRCNN's 25 noise levels come; here in one dict behind prefixes."""
    layers = {f"model.{2 * i}": (1 if i == 4 else 4, 1 if i == 0 else 4) for i in range(5)}
    one = convolutions(layers)
    other = {name: 2 * array for name, array in one.items()}
    both = {f"{level}.{name}": array for level, arrays in (("0", one), ("1", other)) for name, array in arrays.items()}
    path = write(tmp_path / "w.pth", both)
    with pytest.raises(ValueError, match=r"w\.pth cannot be loaded: the source holds several networks: 0, 1; .*='0'"):
        dynjax.load(path)
    net, variables = dynjax.load(path, entry="1")
    assert net == DnCNN(4, 5, norm="none")
    jax.tree.map(np.testing.assert_array_equal, variables, pretrained.load(net, other))
    averaged = {f"net_ema.{name}": array for name, array in one.items()} | {f"net.{n}": a for n, a in other.items()}
    jax.tree.map(np.testing.assert_array_equal, dynjax.load(write(path, averaged))[1], pretrained.load(net, one))


def test_an_entry_is_unwrapped_too(tmp_path):
    one = convolutions({f"model.{2 * i}": (1 if i == 4 else 4, 1 if i == 0 else 4) for i in range(5)})
    behind = lambda name, factor: {f"{name}.module.{part}": factor * array for part, array in one.items()}
    path = write(tmp_path / "w.pth", {**behind("a2b", 1), **behind("b2a", 2)})
    with pytest.raises(ValueError, match=r"holds several networks: a2b\.module, b2a\.module; "):
        dynjax.load(path)
    for entry in ("b2a", "b2a.module"):
        np.testing.assert_array_equal(dynjax.load(path, entry=entry)[1]["params"]["conv_2"]["kernel"],
                                      2 * one["model.4.weight"].transpose(2, 3, 1, 0))


@pytest.mark.parametrize("given", [{}, {"conv.weight": np.zeros(2)}, None, 5, b"w.pth", ["w.pth"]])
def test_what_is_no_path_is_a_sentence(given):
    with pytest.raises(ValueError, match=rf"^load got a {type(given).__name__}; wanted the path of a file\. Arrays in"):
        dynjax.load(given)


def test_model_files_describe_themselves_and_take_no_arguments(tmp_path):
    net = MSRResNet(2, 1, scale=2)
    variables = jax.jit(net.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    dynjax.save(tmp_path / "m.safetensors", net, variables, card={"text": "x" * 100_000})
    os.rename(tmp_path / "m.safetensors", tmp_path / "m.bin")
    assert dynjax.load(tmp_path / "m.bin")[0] == net
    with pytest.raises(ValueError, match=r"load got architecture, scale for .*m\.bin, a model file that describes"):
        dynjax.load(tmp_path / "m.bin", architecture="MSRResNet", scale=3)
