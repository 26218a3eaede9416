"""Where every array of a network stands in the official checkpoints: one table a network class and program."""
import dataclasses

import flax.linen as nn
import numpy as np

from dynjax.dynamic import DualTuningBlock, DynamicNet, TuningBlock
from dynjax.networks import (
    EDSR,
    DCGANDiscriminator,
    DCGANGenerator,
    JohnsonNet,
    Parameter,
    PatchCritic,
    StyleNet,
    UNet,
)
from dynjax.networks.edsr import DIV2K_MEAN, upsampling_steps
from dynjax.networks.vgg import IMAGENET_MEAN, IMAGENET_STD


@dataclasses.dataclass(frozen=True)
class Layout:
    """The official names of one network.

    Attributes:
      layers: our path of a layer, "a/b", to (its official name, its kind: a key of conversions.KINDS).
      constants: official arrays that our network has as constants; where they are there, they must be these.
      ignored: patterns of official entries without a part in the function, as for fnmatch.
      example: shape of an input that the network can be called with. further: what it is called with besides.
    """
    layers: dict[str, tuple[str, str]]
    constants: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    ignored: tuple[str, ...] = ("*num_batches_tracked",)
    example: tuple[int, ...] = (1, 16, 16, 3)
    further: tuple = ()

    def below(self, ours, official):
        """The same layers as a part of a larger network, under a path of ours and an official prefix."""
        return dataclasses.replace(
            self,
            layers={"/".join(filter(None, (ours, path))): (".".join(filter(None, (official, name))), kind)
                    for path, (name, kind) in self.layers.items()},
            constants={f"{official}.{name}": value for name, value in self.constants.items()})


_makers = {}


def layouts_of(module_class):
    """Decorator: the function gives (network, official arrays) -> the Layouts that its checkpoints can have."""
    def keep(function):
        _makers[module_class] = function
        return function
    return keep


def layouts(net, arrays):
    """The layouts a plain network's checkpoints can have.

    Raises:
      ValueError: none is known for this class.
    """
    if type(net) not in _makers:
        known = ", ".join(sorted(module_class.__name__ for module_class in _makers))
        raise ValueError(f"no official checkpoint is known for {type(net).__name__}; wanted one of {known}, or one of "
                         "these in a wrapper.")
    return _makers[type(net)](net, arrays)


@layouts_of(EDSR)
def _edsr(net, arrays):
    blocks = {f"ResidualBlock_{i}/conv{j}": (f"body.{i}.conv{j}", "conv") for i in range(net.blocks) for j in (1, 2)}
    # The shuffles between the convolutions count too: 0, 2, 4, ...
    steps = {f"upsample_{i}": (f"upsample.{2 * i}", "conv") for i in range(len(upsampling_steps(net.scale)))}
    after = {"conv_after_body": ("conv_after_body", "conv")} if net.body_conv else {}
    mean = np.asarray(net.mean or DIV2K_MEAN, np.float32)
    eye = np.eye(len(mean), dtype=np.float32)
    shifts = {"sub_mean.weight": eye, "sub_mean.bias": -mean, "add_mean.weight": eye, "add_mean.bias": mean}
    example = (1, 8, 8, net.channels)
    return [
        Layout({"head": ("conv_first", "conv"), **blocks, **after, **steps, "tail": ("conv_last", "conv")},
               constants={"mean": mean}, example=example),
        Layout({"head": ("head", "conv"), **blocks, **after, **steps, "tail": ("tail", "conv")},
               constants=shifts, example=example),
    ]


@layouts_of(StyleNet)
def _stylenet(net, arrays):
    encoder, residual, decoder = net.blocks
    layers = {"conv_in/conv": ("conv_in.conv", "conv"), "conv_in/norm": ("conv_in.norm", "gamma_beta")}
    place = 0
    order = [f"encoder_{scale}_{i}" for scale in range(net.scales) for i in range(encoder)]
    order += [f"ResidualBlock_{i}" for i in range(residual)]
    for scale in reversed(range(net.scales)):
        order += ["", *(f"decoder_{scale}_{i}" for i in range(decoder))]  # "": upsampling, which has a place too
    for place, name in enumerate(order):
        numbers = ("",) if not name.startswith("ResidualBlock") else ("1", "2")
        for number in numbers if name else ():
            layers[f"{name}/conv{number}"] = (f"encoder_decoder.{place}.conv{number}", "conv")
            layers[f"{name}/norm{number}"] = (f"encoder_decoder.{place}.norm{number}", "gamma_beta")
    layers["conv_out"] = ("conv_out.conv", "conv")
    constants = {"img_mean": np.asarray(IMAGENET_MEAN, np.float32), "img_std": np.asarray(IMAGENET_STD, np.float32)}
    return [Layout(layers, constants, ignored=("*.moving_mean", "*.moving_variance"))]


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
    return [Layout(layers, example=(1, net.size, net.size, _channels(arrays, "main.0.weight")))]


@layouts_of(UNet)
def _unet(net, arrays):
    """One sequence inside another: what goes down (activation, convolution, norm), the next level, what comes up."""
    layers = {"down1/conv": ("model.model.0", "conv"), f"up{net.levels}/conv": ("model.model.3", "conv_transpose")}
    for level in range(2, net.levels + 1):
        at = "model.model.1" + ".model.3" * (level - 2) + ".model."
        inner = level == net.levels
        down, up = f"down{level}", f"up{net.levels + 1 - level}"
        layers[f"{down}/conv"] = (at + "1", "conv")
        layers[f"{up}/conv"] = (at + ("3" if inner else "5"), "conv_transpose")
        layers[f"{up}/norm"] = (at + ("4" if inner else "6"), "norm")
        if not inner:
            layers[f"{down}/norm"] = (at + "2", "norm")
    side = 2**net.levels
    return [Layout(layers, example=(1, side, side, _channels(arrays, "model.model.0.weight")))]


@layouts_of(PatchCritic)
def _patch_critic(net, arrays):
    """Places in one sequence as in DCGAN's discriminator; a norm without parameters counts too."""
    last = net.layers + 1
    layers = {f"conv{i}": (f"model.{max(3 * i - 1, 0)}", "conv") for i in range(last + 1)}
    layers |= {f"norm{i}": (f"model.{3 * i}", "norm") for i in range(1, last)}
    side = 3 * 2**net.layers
    return [Layout(layers, example=(1, side, side, _channels(arrays, "model.0.weight")))]


def _channels(arrays, name):
    """Input channels of the first convolution, of a network that takes any number of them."""
    weight = arrays.get(name)
    return weight.shape[1] if weight is not None and weight.ndim == 4 else 3


@layouts_of(nn.Conv)
def _conv(net, arrays):
    weight = arrays.get("weight")
    channels = weight.shape[-3] * net.feature_group_count if weight is not None and weight.ndim >= 4 else 1
    return [Layout({"": ("", "conv")}, example=(1, 64, 64, channels))]


@layouts_of(nn.Dense)
def _dense(net, arrays):
    weight = arrays.get("weight")
    return [Layout({"": ("", "dense")}, example=(1, weight.shape[-1] if weight is not None else 1))]


@layouts_of(Parameter)
def _parameter(net, arrays):
    return [Layout({"data": ("", "array")}, example=(1, 1))]


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
                         "blocks around it with net.attach.")
