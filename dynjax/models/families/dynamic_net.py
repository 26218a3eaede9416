"""The authors' Dynamic-Net: style transfer by Johnson's network, faces by a DCGAN, and the blocks around both."""
import dataclasses
from collections.abc import Mapping

from dynjax.control import DualTuningBlock, DynamicNet, TuningBlock
from dynjax.models.layouts import Layout, input_channels, layouts, layouts_of
from dynjax.models.official import official
from dynjax.networks import DCGANDiscriminator, DCGANGenerator, JohnsonNet


@official("MainNet")
def _main_net(widths=None, z_size=None, out_size=None, ngf=None):
    """Two official classes have this name; arguments of the generator of faces make it that one."""
    generator = {"latent": z_size, "channels": out_size, "features": ngf}
    given = {field: value for field, value in generator.items() if value is not None}
    if given and widths is not None:
        raise ValueError("MainNet got arguments of the style network (widths) and of the generator of faces (z_size, "
                         "out_size, ngf); wanted those of one.")
    return DCGANGenerator(**given) if given else JohnsonNet(space="imagenet", widths=_style_widths(widths))


# `widths` is no argument of the original, whose widths are constants; descriptions of narrower runs have it.
@official("DynamicStyleTransfer")
def _dynamic_style_transfer(widths=None):
    return _with_style_blocks(widths, TuningBlock())


@official("DynamicStyleTransferDual")
def _dynamic_style_transfer_dual(widths=None):
    return _with_style_blocks(widths, DualTuningBlock())


def _with_style_blocks(widths, block):
    return DynamicNet(_main_net(widths), before=dict.fromkeys(("res3", "deconv1", "deconv3"), block))


def _style_widths(widths):
    """Channels after conv1, conv2, conv3 and the residual blocks, deconv1, deconv2; by name or in this order."""
    names = ("conv1", "conv2", "res", "deconv1", "deconv2")
    if widths is None:
        return JohnsonNet.widths
    if isinstance(widths, Mapping):
        widths = [widths[name] for name in names] if set(widths) == set(names) else []
    if len(widths) != len(names):
        raise ValueError(f"widths has other entries than {', '.join(names)}; wanted one number for each, in a dict by "
                         "these names or a list in this order.")
    return tuple(widths)


@official("DynamicDcGan")
def _dynamic_dcgan(z_size=100, out_size=3, ngf=128):
    # The original takes no arguments but gives its main network the defaults, which have these names.
    return DynamicNet(_main_net(z_size=z_size, out_size=out_size, ngf=ngf),
                      after={"layer2": TuningBlock(kernel_init="normal")})


@official("Discriminator")
def _discriminator(in_size=3, ndf=128):
    return DCGANDiscriminator(features=ndf, sigmoid=True)


@layouts_of(JohnsonNet)
def _johnson(net, arrays):
    layers = {f"{name}{i}/conv2d": (f"{name}{i}.conv2d", "conv") for name in ("conv", "deconv") for i in (1, 2, 3)}
    layers |= {f"in{i}": (f"in{i}", "norm") for i in range(1, 6)}
    for block in (f"res{i}" for i in range(1, net.blocks + 1)):
        for j in (1, 2):
            layers[f"{block}/conv{j}/conv2d"] = (f"{block}.conv{j}.conv2d", "conv")
            layers[f"{block}/in{j}"] = (f"{block}.in{j}", "norm")
    alone = Layout(layers)
    return [alone, alone.below("", "main")]


@layouts_of(DCGANGenerator)
def _dcgan_generator(net, arrays):
    count = net.size.bit_length() - 2
    layers = {f"layer{i}/conv": (f"layer{i}.0", "conv_transpose") for i in range(count)}
    layers |= {f"layer{i}/norm": (f"layer{i}.1", "norm") for i in range(count - 1)}
    alone = Layout(layers, example=(1, net.latent))
    return [alone, alone.below("", "main")]


@layouts_of(DCGANDiscriminator)
def _dcgan_discriminator(net, arrays):
    """Places in one sequence: a convolution and its activation, then convolution, norm and activation each time."""
    count = net.size.bit_length() - 2
    layers = {f"conv{i}": (f"main.{max(3 * i - 1, 0)}", "conv") for i in range(count)}
    layers |= {f"norm{i}": (f"main.{3 * i}", "norm") for i in range(1, count - 1)}
    return [Layout(layers, example=(1, net.size, net.size, input_channels(arrays, "main.0.weight")))]


@layouts_of(TuningBlock)
def _tuning_block(net, arrays):
    return [Layout({f"conv{i}": (f"conv{i}", "conv") for i in range(net.layers)})]


@layouts_of(DynamicNet)
def _dynamic_net(net, arrays):
    """Around any network with known names: its first layout as "main", the blocks numbered as they come."""
    _check_parts(arrays)
    main = layouts(net.main, arrays)[0].below("main", "main")
    layers = dict(main.layers)
    for number, (path, block) in enumerate({**net.before, **net.after}.items()):
        dual = isinstance(block, DualTuningBlock)
        part = _tuning_block(block, arrays) if dual else layouts(block, arrays)
        for side in ("lower", "higher") if dual else ("",):
            ours, official = (f"/{side}", f"_{side}") if dual else ("", "")
            layers |= part[0].below(f"blocks/{path}{ours}", f"tuning_blocks{official}.tuning_block{number}").layers
    return [dataclasses.replace(main, layers=layers, further=(0.0,))]


def _check_parts(arrays):
    """Tells files of one part of a Dynamic-Net apart from whole ones."""
    tops = {name.split(".")[0] for name in arrays}
    if tops and all(top.startswith("tuning_block") and top[-1:].isdigit() for top in tops):
        raise ValueError(f"the source holds tuning-blocks alone ({', '.join(sorted(tops))}); wanted a whole network. "
                         "Read it and the main network's with dynjax.files.read_arrays, put 'tuning_blocks.' (of a "
                         "dual network 'tuning_blocks_lower.' or 'tuning_blocks_higher.') before the names of the one "
                         "and 'main.' before those of the other, and give both in one dict.")
    if tops and not any(top == "main" or top.startswith("tuning_blocks") for top in tops):
        raise ValueError(f"the source holds no tuning-blocks ({', '.join(sorted(tops)[:4])}, ...); wanted a whole "
                         "Dynamic-Net. Load a main network alone with pretrained.load(net.main, source) and put new "
                         "blocks around it with net.from_base.")
