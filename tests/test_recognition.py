"""A checkpoint of another variant is told which one it looks like: what is named then reads it."""
import numpy as np
import pytest

from dynjax.control import Tunable
from dynjax.models import pretrained
from dynjax.models.recognition import likely
from dynjax.networks import EDSR, JohnsonNet

FILES = ["torch_edsr", "torch_edsr_x3", "torch_msrresnet", "torch_rrdbnet", "torch_rrdbnet_x2", "torch_srvgg",
         "torch_dncnn_merged_color", "torch_ffdnet_color", "torch_nafnet", "torch_swinir_classical_x3",
         "torch_swinir_lightweight_x2", "torch_swinir_real_x4_3conv", "torch_swinir_color_dn",
         "torch_swinir_jpeg_color_w7", "ms_tunable_edsr_x2", "ms_tunable_nafnet_linear", "ms_tunable_swinir_light_x2"]


def recognised(arrays):
    """What is said of a checkpoint, or None."""
    found = likely(arrays)
    return found and found.said()


@pytest.mark.parametrize("name", FILES)
def test_what_is_named_reads_the_checkpoint(parity, name):
    arrays = parity(name).params()
    said = recognised(arrays)
    net = eval(said, {"pretrained": pretrained})
    assert pretrained.load(net, arrays)["params"]
    other = EDSR(features=2, blocks=1, scale=1)
    other = Tunable(other, alpha=2) if name.startswith("ms_") else other
    with pytest.raises(ValueError, match=r"does not fit the network .*It looks like that of pretrained.build"):
        pretrained.load(other, arrays)


def test_what_is_not_known_is_not_guessed():
    assert recognised({"a.weight": np.zeros((2, 3))}) is None
    assert recognised({"body.0.conv1.weight": np.zeros((4, 4, 3, 3))}) is None       # no first convolution
    with pytest.raises(ValueError, match="Build the network with the arguments"):
        pretrained.load(EDSR(features=2, blocks=1, scale=1), {"a.weight": np.zeros((2, 3))})


@pytest.mark.parametrize("name", ["torch_srvgg", "torch_dncnn_merged_color", "torch_ffdnet_color"])
def test_the_order_of_the_names_and_strays_do_not_matter(parity, name):
    arrays = parity(name).params()
    last = sorted(arrays)[-1]
    strays = {"optimizer.state": np.zeros(2), "step": np.zeros(()), "zoom.weight": np.zeros((1, 2, 3, 3)),
              last.rsplit(".", 1)[0] + ".inner.weight": np.zeros((1, 2, 3, 3))}
    for source in (dict(sorted(arrays.items())), dict(reversed(arrays.items())), {**arrays, **strays}):
        assert recognised(source) == recognised(arrays)


def zeros(layers):
    """The arrays of 3 x 3 convolutions, {name: (inputs, outputs)}."""
    kernels = {f"{name}.weight": np.zeros((outputs, inputs, 3, 3)) for name, (inputs, outputs) in layers.items()}
    return kernels | {f"{name}.bias": np.zeros(outputs) for name, (_, outputs) in layers.items()}


@pytest.mark.parametrize("layers", [
    {"conv_first": (1, 4), "body.0.conv1": (4, 4), "body.0.conv2": (4, 4), "upconv1": (4, 16), "conv_hr": (4, 4),
     "conv_last": (4, 1)},                                                           # MSRResNet of grey pictures
    {"body.0": (3, 4), "body.2": (4, 4), "body.4": (4, 12)},                         # SRVGGNetCompact with ReLU
    {f"model.{2 * i}": (1 if i == 0 else 4, 1 if i == 6 else 4) for i in range(7)}])   # DnCNN, past model.10
def test_variants_by_hand(layers):
    arrays = zeros(layers)
    net = eval(recognised(dict(sorted(arrays.items()))), {"pretrained": pretrained})
    assert pretrained.load(net, arrays)["params"]


def test_swinir_s_switches_are_told(parity):
    arrays = {name: array for name, array in parity("torch_swinir_lightweight_x2").params().items()
              if not name.startswith("patch_embed.norm.") and not name.endswith("attn.qkv.bias")}
    features = arrays["conv_first.weight"].shape[0]
    arrays["absolute_pos_embed"] = np.zeros((1, 16 * 16, features))
    said = recognised(arrays)
    assert "ape=True, img_size=16, patch_norm=False, qkv_bias=False" in said
    assert pretrained.load(eval(said, {"pretrained": pretrained}), arrays)["params"]


@pytest.mark.parametrize(("size", "told"), [
    ((16, 24), r"ape=True\), with img_size=\(H, W\) besides, where H \* W = 384\.$"),
    ((24, 24), r"ape=True, img_size=24\)\.$")])
def test_the_size_of_learned_positions_is_told_where_it_can_be(parity, size, told):
    arrays = parity("torch_swinir_lightweight_x2").params()
    arrays["absolute_pos_embed"] = np.zeros((1, size[0] * size[1], arrays["conv_first.weight"].shape[0]))
    with pytest.raises(ValueError, match=told) as caught:
        pretrained.load(EDSR(features=2, blocks=1, scale=1), arrays)
    call = str(caught.value).partition("It looks like that of ")[2].partition(", with img_size")[0].removesuffix(".")
    call = call if "img_size" in call else f"{call.removesuffix(')')}, img_size={size})"
    net = eval(call, {"pretrained": pretrained})
    assert pretrained.load(net, arrays)["params"]["absolute_pos_embed"].shape[0] == size[0] * size[1]
    arrays["absolute_pos_embed"] = np.zeros((1, 400, 4))   # 20 x 20 would be no whole windows of 8
    assert recognised(arrays).endswith("ape=True), with img_size=(H, W) besides, where H * W = 400")


@pytest.mark.parametrize(("features", "hidden"), [(60, 120), (60, 123), (120, 245), (7, 12)])
def test_the_ratio_that_is_told_gives_the_size_again(parity, features, hidden):
    arrays = parity("torch_swinir_lightweight_x2").params()
    arrays["layers.0.residual_group.blocks.0.mlp.fc1.weight"] = np.zeros((hidden, features))
    arrays["conv_first.weight"] = np.zeros((features, 3, 3, 3))
    ratio = float(recognised(arrays).partition("mlp_ratio=")[2].partition(",")[0])
    assert int(features * ratio) == hidden


@pytest.mark.parametrize(("inside", "images", "told"), [
    (4, 3, "num_in_ch=4, num_out_ch=3, scale=4"), (6, 3, "num_in_ch=6, num_out_ch=3, scale=4"),
    (1, 3, "num_in_ch=1, num_out_ch=3, scale=4"), (12, 3, "num_in_ch=3, num_out_ch=3, scale=2"),
    (48, 3, "num_in_ch=3, num_out_ch=3, scale=1")])
def test_what_rrdbnet_takes_and_gives_is_told(inside, images, told):
    layers = {"conv_first": (inside, 4), "body.0.rdb1.conv1": (4, 2), "conv_last": (4, images)}
    assert told in recognised(zeros(layers))


@pytest.mark.parametrize(("name", "arguments", "sentence"), [
    ("swinir", {}, "did you mean SwinIR"), ("SwinIR", {"depths": 6}, "SwinIR got depths=6, which do not fit"),
    ("NAFNet", {"enc_blk_nums": 2}, "NAFNet got enc_blk_nums=2, which do not fit")])
def test_networks_that_there_are_not_are_told(name, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        pretrained.build(name, **arguments)


REQUIRED = {"EDSR": ("num_in_ch", "num_out_ch"), "RRDBNet": ("num_in_ch", "num_out_ch"),
            "TunableConv2d": ("in_channels", "out_channels", "kernel_size"),
            "TunableDense": ("in_channels", "out_channels"), "UnetGenerator": ("input_nc", "output_nc", "num_downs"),
            "NLayerDiscriminator": ("input_nc",)}
WHOLE = {   # besides those that are required
    "EDSR": "num_feat num_block upscale", "MSRResNet": "num_in_ch num_feat num_block upscale",
    "RRDBNet": "scale num_feat num_block num_grow_ch", "SRVGGNetCompact": "num_out_ch num_feat num_conv upscale",
    "SwinIR": "img_size patch_size in_chans embed_dim depths num_heads window_size upscale num_feat",
    "NAFNet": "img_channel width middle_blk_num enc_blk_nums dec_blk_nums", "NAFNetLocal": "width train_size",
    "DnCNN": "in_nc out_nc nc nb", "FFDNet": "in_nc out_nc nc nb",
    "TunableEDSR": "img_channels num_blocks num_channels scale num_params", "TunableSwinIR": "depths num_params",
    "TunableNAFNet": "width enc_blk_nums num_params", "TunableStyleNet": "num_scales num_channels num_blocks",
    "TunableConv2d": "stride padding dilation group num_params expand_params", "TunableDense": "num_params",
    "TunableParameter": "shape", "DynamicStyleTransfer": "widths", "MainNet": "z_size out_size ngf widths",
    "DynamicDcGan": "ngf", "Discriminator": "in_size ndf", "UnetGenerator": "ngf",
    "NLayerDiscriminator": "ndf n_layers"}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_must_be_whole(name):
    required = dict.fromkeys(REQUIRED.get(name, ()), 6)
    for argument in (*WHOLE[name].split(), *required):
        for wrong in (2.5, 2.0, "2", np.float32(2.5), [2, 2.5], {"conv1": 1.5}):
            with pytest.raises(ValueError, match=rf"^{name} got {argument}=.*; wanted whole numbers there"):
                pretrained.build(name, **{**required, argument: wrong})


def test_other_numbers_need_not_be_whole():
    edsr = pretrained.build("EDSR", num_in_ch=3, num_out_ch=3, res_scale=0.1, rgb_mean=[0.5] * 3)
    assert edsr.residual_scale == 0.1 and edsr.mean == (0.5, 0.5, 0.5)
    assert pretrained.build("SwinIR", mlp_ratio=2.5, qk_scale=0.3, drop_path_rate=0.2).mlp_ratio == 2.5
    assert pretrained.build("NAFNet", width=np.int64(8), enc_blk_nums=range(1, 3), dec_blk_nums=[1, 2]).features == 8
    assert pretrained.build("MainNet", widths=None).widths == JohnsonNet.widths


@pytest.mark.parametrize(("name", "arguments", "sentence"), [
    ("SwinIR", {"upsampler": "bicubic"}, "upsampler='bicubic'"), ("NAFNet", {"width": 0}, "cannot be built"),
    ("NAFNet", {"enc_blk_nums": [-1], "dec_blk_nums": [1]}, "wanted 0 or more blocks each")])
def test_networks_that_cannot_be_built_are_told(name, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        pretrained.load(pretrained.build(name, **arguments), {"a.weight": np.zeros(2)})


@pytest.mark.parametrize("source", [[], None, b""])
def test_what_is_no_source_is_told(source):
    with pytest.raises(ValueError, match="wanted a path or a dict of arrays"):
        pretrained.load(EDSR(features=2, blocks=1, scale=1), source)
