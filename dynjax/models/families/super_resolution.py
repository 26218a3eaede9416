"""BasicSR's networks for enlarging besides EDSR: MSRResNet, RRDBNet, SRVGGNetCompact."""
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official
from dynjax.models.recognition import recognises
from dynjax.networks import MSRResNet, RRDBNet, SRVGGNetCompact
from dynjax.networks.edsr import upsampling_steps

ACTIVATIONS = {"prelu": "prelu", "relu": "relu", "leakyrelu": "leaky_relu"}


@official("MSRResNet")
def _msrresnet(num_in_ch=3, num_out_ch=3, num_feat=64, num_block=16, upscale=4):
    _check_channels("MSRResNet", num_in_ch, num_out_ch)
    if upscale not in (2, 3, 4):
        raise ValueError(f"MSRResNet got upscale={upscale}; wanted 2, 3 or 4.")
    return MSRResNet(features=num_feat, blocks=num_block, scale=upscale, channels=num_in_ch)


@official("RRDBNet")
def _rrdbnet(num_in_ch, num_out_ch, scale=4, num_feat=64, num_block=23, num_grow_ch=32):
    return RRDBNet(features=num_feat, blocks=num_block, growth=num_grow_ch, scale=scale, channels=num_out_ch,
                   in_channels=None if num_in_ch == num_out_ch else num_in_ch)


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
    if entries.has("body.0.rdb1.conv1.weight"):
        images, inside = entries.outputs("conv_last"), entries.inputs("conv_first")
        # For the smaller scales pixels are unshuffled before the network.
        taken, scale = {4 * images: (images, 2), 16 * images: (images, 1)}.get(inside, (inside, 4))
        return "RRDBNet", {"num_in_ch": taken, "num_out_ch": images, "scale": scale,
                           "num_feat": entries.outputs("conv_first"), "num_block": entries.count("body.{}.rdb1"),
                           "num_grow_ch": entries.outputs("body.0.rdb1.conv1")}
    if entries.has("upconv1.weight", "body.0.conv1.weight"):
        features = entries.outputs("conv_first")
        return "MSRResNet", {"num_in_ch": entries.inputs("conv_first"), "num_out_ch": entries.outputs("conv_last"),
                             "num_feat": features, "num_block": entries.count("body.{}.conv1"),
                             "upscale": entries.enlarged("upconv{}", features)}
    if entries.has("body.0.weight", "body.2.weight") and not entries.has("conv_first.weight"):
        images, last = entries.inputs("body.0"), entries.places("body.{}")[-1]
        return "SRVGGNetCompact", {"num_in_ch": images, "num_out_ch": images, "num_feat": entries.outputs("body.0"),
                                   "num_conv": last // 2 - 1,
                                   "upscale": round((entries.outputs(f"body.{last}") / images) ** 0.5),
                                   # Leaky ReLU's file is the same.
                                   "act_type": "prelu" if entries.has("body.1.weight") else "relu"}
    return None


@layouts_of(MSRResNet)
def _msrresnet_layout(net, arrays):
    layers = {f"ResidualBlock_{i}/conv{j}": (f"body.{i}.conv{j}", "conv") for i in range(net.blocks) for j in (1, 2)}
    layers |= {f"upsample_{i}": (f"upconv{i + 1}", "conv") for i in range(len(upsampling_steps(net.scale)))}
    layers |= {"head": ("conv_first", "conv"), "conv_hr": ("conv_hr", "conv"), "tail": ("conv_last", "conv")}
    return [Layout(layers, example=(1, 8, 8, net.channels))]


@layouts_of(RRDBNet)
def _rrdbnet_layout(net, arrays):
    layers = {f"RRDB_{i}/rdb{j}/conv{k}": (f"body.{i}.rdb{j}.conv{k}", "conv")
              for i in range(net.blocks) for j in (1, 2, 3) for k in (1, 2, 3, 4, 5)}
    layers |= {name: (name, "conv") for name in ("conv_up1", "conv_up2", "conv_hr")}
    layers |= {"head": ("conv_first", "conv"), "conv_after_body": ("conv_body", "conv"), "tail": ("conv_last", "conv")}
    return [Layout(layers, example=(1, 8, 8, net.channels if net.in_channels is None else net.in_channels))]


@layouts_of(SRVGGNetCompact)
def _srvgg_layout(net, arrays):
    """Places in one sequence, convolutions and activations in turn."""
    layers = {f"conv_{i}": (f"body.{2 * i}", "conv") for i in range(net.layers + 2)}
    if net.activation == "prelu":
        layers |= {f"prelu_{i}": (f"body.{2 * i + 1}", "prelu") for i in range(net.layers + 1)}
    return [Layout(layers, example=(1, 8, 8, net.channels))]
