"""NAFNet: megvii-research's program, also in its local test-time form, and mindediting's tunable one."""
from dynjax.control import Tunable
from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official, tuning
from dynjax.models.recognition import DetectedArchitecture, recognises
from dynjax.networks import NAFNet

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")


@official("NAFNet")
def _nafnet(img_channel=3, width=16, middle_blk_num=1, enc_blk_nums=(), dec_blk_nums=()):
    return NAFNet(features=width, encoder_blocks=tuple(enc_blk_nums), middle_blocks=middle_blk_num,
                  decoder_blocks=tuple(dec_blk_nums), channels=img_channel)


@official("NAFNetLocal")
def _nafnet_local(img_channel=3, width=16, middle_blk_num=1, enc_blk_nums=(), dec_blk_nums=(),
                  train_size=(1, 3, 256, 256), fast_imp=False):
    plain = _nafnet(img_channel, width, middle_blk_num, enc_blk_nums, dec_blk_nums)
    return plain.clone(pool="local_fast" if fast_imp else "local", train_size=tuple(train_size)[-2:])


@official("TunableNAFNet")
def _tunable_nafnet(img_channels=3, width=32, middle_blk_num=12, enc_blk_nums=None, dec_blk_nums=None, num_params=1,
                    mode="mlp"):
    plain = _nafnet(img_channels, width, middle_blk_num, (2, 2, 4, 8) if enc_blk_nums is None else enc_blk_nums,
                    (2, 2, 2, 2) if dec_blk_nums is None else dec_blk_nums)
    return Tunable(plain, **tuning(num_params, mode), frozen=("**/norm*",))


@recognises
def _like(entries):
    if not entries.has("intro.weight", "ending.weight"):
        return None
    blocks = lambda part: [entries.count(f"{part}.{level}." + "{}.") for level in range(entries.count("downs.{}"))]
    channels = "img_channels" if entries.stacked else "img_channel"
    return DetectedArchitecture("TunableNAFNet" if entries.stacked else "NAFNet", {
        channels: entries.inputs("intro"), "width": entries.outputs("intro"),
        "middle_blk_num": entries.count("middle_blks.{}"), "enc_blk_nums": blocks("encoders"),
        "dec_blk_nums": blocks("decoders")})


@layouts_of(NAFNet)
def _layouts(net, arrays):
    # Where a pool without parameters or a pixel shuffle stands beside a convolution, PyTorch counts both.
    return [_layout(net, sca="sca.1", up="ups.{}.0"), _layout(net, sca="sca", up="ups.{}")]


def _layout(net, *, sca, up):
    layers = {"intro": ("intro", "conv"), "ending": ("ending", "conv")}
    blocks = {f"middle_{i}": f"middle_blks.{i}" for i in range(net.middle_blocks)}
    for ours, theirs, counts in (("encoder", "encoders", net.encoder_blocks), ("decoder", "decoders",
                                                                               net.decoder_blocks)):
        blocks |= {f"{ours}_{level}_{i}": f"{theirs}.{level}.{i}" for level, n in enumerate(counts) for i in range(n)}
    for ours, theirs in blocks.items():
        layers |= {f"{ours}/{name}": (f"{theirs}.{name}", "conv") for name in LAYERS}
        layers |= {f"{ours}/{name}": (f"{theirs}.{name}", "norm") for name in ("norm1", "norm2")}
        layers |= {f"{ours}/{name}": (f"{theirs}.{name}", "vector") for name in ("beta", "gamma")}
        layers[f"{ours}/sca"] = (f"{theirs}.{sca}", "conv")
    for level in range(len(net.encoder_blocks)):
        layers[f"down_{level}"] = (f"downs.{level}", "conv")
        layers[f"up_{level}"] = (up.format(level), "conv")
    return Layout(layers, example=(1, 16, 16, net.channels))
