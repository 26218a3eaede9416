"""BasicSR's smaller networks for enlarging: MSRResNet, SRVGGNetCompact."""
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official
from dynjax.models.recognition import DetectedArchitecture, Question, recognises
from dynjax.networks import MSRResNet, SRVGGNetCompact
from dynjax.networks.edsr import upsampling_steps

ACTIVATIONS = {"prelu": "prelu", "relu": "relu", "leakyrelu": "leaky_relu"}


@official("MSRResNet")
def _msrresnet(num_in_ch=3, num_out_ch=3, num_feat=64, num_block=16, upscale=4):
    _check_channels("MSRResNet", num_in_ch, num_out_ch)
    if upscale not in (2, 3, 4):
        raise ValueError(f"MSRResNet got upscale={upscale}; wanted 2, 3 or 4.")
    return MSRResNet(features=num_feat, blocks=num_block, scale=upscale, channels=num_in_ch)


@official("SRVGGNetCompact")
def _srvgg(num_in_ch=3, num_out_ch=3, num_feat=64, num_conv=16, upscale=4, act_type="prelu"):
    _check_channels("SRVGGNetCompact", num_in_ch, num_out_ch)
    if act_type not in ACTIVATIONS:
        raise ValueError(f"SRVGGNetCompact got act_type={act_type!r}; wanted one of {', '.join(ACTIVATIONS)}.")
    return SRVGGNetCompact(features=num_feat, layers=num_conv, scale=upscale, channels=num_in_ch,
                           activation=ACTIVATIONS[act_type])


def _check_channels(name, num_in_ch, num_out_ch):
    if num_in_ch != num_out_ch:
        raise ValueError(f"{name} got num_in_ch={num_in_ch} and num_out_ch={num_out_ch}; wanted the same number, for "
                         "it adds to its input.")


@recognises
def _like(entries):
    block = "recon_trunk" if entries.has("recon_trunk.0.conv1.weight") else "body"   # KAIR's MSRResNet1, BasicSR's
    if entries.has("upconv1.weight", f"{block}.0.conv1.weight"):
        features = entries.outputs("conv_first")
        return DetectedArchitecture("MSRResNet", {
            "num_in_ch": entries.inputs("conv_first"), "num_out_ch": entries.outputs("conv_last"),
            "num_feat": features, "num_block": entries.count(block + ".{}.conv1"),
            "upscale": entries.enlarged("upconv{}", features)})
    if entries.has("model.1.sub.0.res.0.weight"):
        return DetectedArchitecture(
            "MSRResNet0", None, "the layers of one sequence (model.0, model.1.sub.0.res.0, ...), whose "
            "activation and upsampling no file tells")
    if entries.has("body.0.weight", "body.2.weight") and not entries.has("conv_first.weight"):
        images, last = entries.inputs("body.0"), entries.places("body.{}")[-1]
        slopes = entries.has("body.1.weight")
        return DetectedArchitecture("SRVGGNetCompact", {
            "num_in_ch": images, "num_out_ch": images, "num_feat": entries.outputs("body.0"),
            "num_conv": last // 2 - 1, "upscale": round((entries.outputs(f"body.{last}") / images) ** 0.5),
            "act_type": "prelu" if slopes else "relu"}, questions={} if slopes else {
            "act_type": Question("'relu' or 'leakyrelu', whose files are the same", "relu")})
    return None


@layouts_of(MSRResNet)
def _msrresnet_layouts(net, arrays):
    """BasicSR's names and those of ESRGAN's program and KAIR's MSRResNet1."""
    return [_msrresnet_layout(net, *names) for names in (("body", "conv_hr"), ("recon_trunk", "HRconv"))]


def _msrresnet_layout(net, block, hr):
    layers = {f"ResidualBlock_{i}/conv{j}": (f"{block}.{i}.conv{j}", "conv") for i in range(net.blocks) for j in (1, 2)}
    layers |= {f"upsample_{i}": (f"upconv{i + 1}", "conv") for i in range(len(upsampling_steps(net.scale)))}
    layers |= {"head": ("conv_first", "conv"), "conv_hr": (hr, "conv"), "tail": ("conv_last", "conv")}
    return Layout(layers, example=(1, 8, 8, net.channels))


@layouts_of(SRVGGNetCompact)
def _srvgg_layout(net, arrays):
    """Places in one sequence, convolutions and activations in turn."""
    layers = {f"conv_{i}": (f"body.{2 * i}", "conv") for i in range(net.layers + 2)}
    if net.activation == "prelu":
        layers |= {f"prelu_{i}": (f"body.{2 * i + 1}", "prelu") for i in range(net.layers + 1)}
    return [Layout(layers, example=(1, 8, 8, net.channels))]
