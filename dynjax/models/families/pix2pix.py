"""The PyTorch port of pix2pix: U-Net and PatchGAN."""
from dynjax.models.layouts import Layout, input_channels, layouts_of
from dynjax.models.official import official
from dynjax.networks import PatchCritic, UNet


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
    return [Layout(layers, example=(1, side, side, input_channels(arrays, "model.model.0.weight")))]


@layouts_of(PatchCritic)
def _patch_critic(net, arrays):
    """Places in one sequence as in DCGAN's discriminator; a norm without parameters counts too."""
    last = net.layers + 1
    layers = {f"conv{i}": (f"model.{max(3 * i - 1, 0)}", "conv") for i in range(last + 1)}
    layers |= {f"norm{i}": (f"model.{3 * i}", "norm") for i in range(1, last)}
    side = 3 * 2**net.layers
    return [Layout(layers, example=(1, side, side, input_channels(arrays, "model.0.weight")))]
