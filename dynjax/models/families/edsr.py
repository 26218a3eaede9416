"""EDSR: BasicSR's program and mindediting's tunable one."""
import numpy as np

from dynjax.control import Tunable
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official, tuning
from dynjax.models.recognition import DetectedArchitecture, Question, recognises
from dynjax.networks import EDSR
from dynjax.networks.edsr import DIV2K_MEAN, upsampling_steps


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


@recognises
def _like(entries):
    if not entries.has("body.0.conv1.weight") or entries.has("upconv1.weight"):
        return None
    blocks = entries.count("body.{}.conv1")
    if entries.stacked:
        features = entries.outputs("head")
        return DetectedArchitecture("TunableEDSR", {
            "img_channels": entries.inputs("head"), "num_blocks": blocks, "num_channels": features,
            "scale": entries.enlarged("upsample.{}", features)})
    features, channels = entries.outputs("conv_first"), entries.inputs("conv_first")
    questions = {"res_scale": Question("1 or 0.1 (BasicSR's networks of 64 and of 256 features)", 1)}
    if channels != len(DIV2K_MEAN):
        questions["rgb_mean"] = Question(f"{channels} numbers, such as {[0.0] * channels}", [0.0] * channels)
    return DetectedArchitecture(
        "EDSR", {"num_in_ch": channels, "num_out_ch": entries.outputs("conv_last"), "num_feat": features,
        "num_block": blocks, "upscale": entries.enlarged("upsample.{}", features)},
        questions=questions)


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
