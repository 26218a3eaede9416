"""mindediting's tunable StyleNet."""
import numpy as np

from dynjax.control import Tunable
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official, tuning
from dynjax.networks import StyleNet
from dynjax.networks.vgg import IMAGENET_MEAN, IMAGENET_STD


@official("TunableStyleNet")
def _tunable_stylenet(img_channels=3, num_scales=2, num_channels=64, num_blocks=None, num_params=1, mode="mlp",
                      norm="instance"):
    # `norm` is no argument of the original; descriptions of a run name the instance norm's implementation by it.
    if img_channels != 3 or "instance" not in str(norm).lower():
        raise ValueError(f"TunableStyleNet got img_channels={img_channels} and norm={norm!r}; wanted 3 channels and "
                         "instance norm.")
    plain = StyleNet(features=num_channels, scales=num_scales, blocks=tuple(num_blocks or (2, 6, 2)))
    return Tunable(plain, **tuning(num_params, mode), frozen=("**/norm*",))


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
