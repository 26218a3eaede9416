"""Official class names and constructor arguments, turned into our networks."""
import difflib
import inspect
from collections.abc import Mapping

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
from dynjax.networks.edsr import DIV2K_MEAN
from dynjax.tunable import Tunable, TunableConv, TunableDense

MODES = ("mlp", "linear")

_makers = {}


def official(name):
    """Decorator: the function takes the official constructor's arguments, with its defaults, and gives our network."""
    def keep(function):
        _makers[name] = function
        return function
    return keep


def network(class_name, **arguments):
    """Our network for an official class and its constructor's arguments; the official defaults hold for the rest.

    Tunable ones come as Tunable(network) with P = num_params unnamed objectives. `pretrained.load` reads their weights.

    Args:
      class_name: "EDSR" (BasicSR), "TunableEDSR", "TunableStyleNet", "TunableConv2d", "TunableDense",
        "TunableParameter" (mindediting); "DynamicStyleTransfer", "DynamicStyleTransferDual" and their "MainNet"
        (Dynamic-Net; they take and give images that are normalised by ImageNet's mean and deviation), "DynamicDcGan",
        its "MainNet" (with an argument of its own, such as ngf) and "Discriminator"; "UnetGenerator" and
        "NLayerDiscriminator" (the PyTorch port of pix2pix; norm_layer is "batch", "instance", or the norm's class as
        PyTorch prints it).
      arguments: as the official constructor has them.

    Raises:
      ValueError: unknown class or argument, or a value that the official class does not take.
    """
    if class_name not in _makers:
        close = difflib.get_close_matches(str(class_name), _makers, n=1)
        raise ValueError(f"no official class {class_name!r} is known{f'; did you mean {close[0]}' if close else ''}; "
                         f"wanted one of {', '.join(sorted(_makers))}.")
    known = inspect.signature(_makers[class_name]).parameters
    unknown = [name for name in arguments if name not in known]
    missing = [name for name, value in known.items() if value.default is value.empty and name not in arguments]
    if unknown or missing:
        said = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise ValueError(f"the arguments do not fit {class_name} ({'; '.join(said)}); it takes {', '.join(known)}.")
    return _makers[class_name](**arguments)


def tuning(num_params, mode, expand_params=1):
    """The fields of Tunable for the official arguments: `expand_params` kernels an objective make phi affine."""
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; wanted one of {', '.join(MODES)}.")
    if num_params < 1 or expand_params < 1:
        raise ValueError(f"num_params is {num_params} and expand_params {expand_params}; wanted 1 or more of each.")
    if mode == "linear" and expand_params == 1:
        return {"alpha": num_params, "phi": "identity"}
    return {"alpha": num_params, "kernels": num_params * expand_params, "phi": "affine"}


@official("EDSR")
def _edsr(num_in_ch, num_out_ch, num_feat=64, num_block=16, upscale=4, res_scale=1, img_range=255.0,
          rgb_mean=DIV2K_MEAN):
    if num_in_ch != num_out_ch:
        raise ValueError(f"EDSR got num_in_ch={num_in_ch} and num_out_ch={num_out_ch}; wanted the same number, as many "
                         "as rgb_mean has.")
    return EDSR(features=num_feat, blocks=num_block, scale=upscale, channels=num_in_ch, residual_scale=res_scale,
                mean=tuple(rgb_mean), image_range=img_range, skip="none")


@official("TunableEDSR")
def _tunable_edsr(img_channels=3, num_blocks=16, num_channels=64, scale=4, num_params=1, mode="mlp"):
    plain = EDSR(features=num_channels, blocks=num_blocks, scale=scale, channels=img_channels, residual_scale=0.1,
                 mean=DIV2K_MEAN, head_relu=True, body_conv=False, skip="none")
    return Tunable(plain, **tuning(num_params, mode))


@official("TunableStyleNet")
def _tunable_stylenet(img_channels=3, num_scales=2, num_channels=64, num_blocks=None, num_params=1, mode="mlp",
                      norm="instance"):
    # `norm` is no argument of the original; descriptions of a run name the instance norm's implementation by it.
    if img_channels != 3 or "instance" not in str(norm).lower():
        raise ValueError(f"TunableStyleNet got img_channels={img_channels} and norm={norm!r}; wanted 3 channels and "
                         "instance norm.")
    plain = StyleNet(features=num_channels, scales=num_scales, blocks=tuple(num_blocks or (2, 6, 2)))
    return Tunable(plain, **tuning(num_params, mode), fixed=("**/norm*",))


@official("TunableConv2d")
def _tunable_conv(in_channels, out_channels, kernel_size, stride=1, pad_mode="same", padding=0, dilation=1, group=1,
                  has_bias=False, num_params=1, expand_params=1, mode="mlp"):
    if pad_mode not in ("same", "valid", "pad") or (padding and pad_mode != "pad"):
        raise ValueError(f"TunableConv2d got pad_mode={pad_mode!r} with padding={padding}; wanted same or valid with "
                         "0, or pad.")
    if in_channels % group or out_channels % group:
        raise ValueError(f"TunableConv2d got {in_channels} and {out_channels} channels for group={group}; wanted "
                         "multiples of it.")
    sides = ((padding, padding), (padding, padding)) if pad_mode == "pad" else pad_mode.upper()
    return TunableConv(out_channels, (kernel_size, kernel_size), strides=(stride, stride), padding=sides,
                       kernel_dilation=(dilation, dilation), feature_group_count=group, use_bias=has_bias,
                       **tuning(num_params, mode, expand_params))


@official("TunableDense")
def _tunable_dense(in_channels, out_channels, has_bias=True, num_params=1, expand_params=1, mode="mlp"):
    return TunableDense(out_channels, use_bias=has_bias, **tuning(num_params, mode, expand_params))


@official("TunableParameter")
def _tunable_parameter(shape, num_params=1, expand_params=1, mode="mlp"):
    return Tunable(Parameter(tuple(shape)), **tuning(num_params, mode, expand_params))


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
                      after={"layer2": TuningBlock(start="normal")})


@official("Discriminator")
def _discriminator(in_size=3, ndf=128):
    return DCGANDiscriminator(features=ndf, sigmoid=True)


@official("UnetGenerator")
def _unet_generator(input_nc, output_nc, num_downs, ngf=64, norm_layer="batch", use_dropout=False, norm=None):
    # `norm` is no argument of the original; descriptions of a run name the norm's class by it.
    if num_downs < 5:
        raise ValueError(f"UnetGenerator got num_downs={num_downs}; wanted 5 or more, for the official class has 5 "
                         "levels at least. UNet(levels=...) takes fewer.")
    return UNet(features=ngf, levels=num_downs, channels=output_nc, dropout=0.5 if use_dropout else 0.0,
                norm=_pix2pix_norm(norm_layer if norm is None else norm))


@official("NLayerDiscriminator")
def _n_layer_discriminator(input_nc, ndf=64, n_layers=3, norm_layer="batch", use_sigmoid=False, norm=None,
                           sigmoid=None):
    # `norm` and `sigmoid` are no arguments of the original; descriptions of a run have these names.
    return PatchCritic(features=ndf, layers=n_layers, norm=_pix2pix_norm(norm_layer if norm is None else norm),
                       sigmoid=bool(use_sigmoid if sigmoid is None else sigmoid))


def _pix2pix_norm(layer):
    """"batch" or "instance" of a name, a class or a partial of one, or of how PyTorch prints these."""
    said = str(layer).lower()
    plain = "affine=true" not in said and "track_running_stats=true" not in said
    if "instance" in said and plain:
        return "instance"
    if "batch" in said and "affine=false" not in said:
        return "batch"
    raise ValueError(f"the norm is {layer!r}; wanted batch norm with scale and bias ('batch') or instance norm "
                     "without ('instance').")
