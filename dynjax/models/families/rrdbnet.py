"""RRDBNet under all its names: ESRGAN's first program and its second, Real-ESRGAN, BSRGAN, RealSR, ESRGAN+."""
import math
from typing import NamedTuple

from dynjax.models.layouts import Layout, layouts_of
from dynjax.models.official import official
from dynjax.models.recognition import DetectedArchitecture, recognises
from dynjax.networks import RRDBNet


class Names(NamedTuple):
    """What one program calls the layers; {} stand for numbers."""
    head: str
    dense: str   # a convolution of a dense block: number of the RRDB, of the block and of the convolution
    dense_1x1: str
    after: str   # behind the RRDBs, of which {} is the number
    up: str
    hr: str
    tail: str

    def up_name(self, index):
        """The upsampling convolution of that number, counted from 1."""
        return self.up.format(3 * index if self.sequence else index)

    def last_names(self, count):
        """The two last convolutions behind `count` upsampling ones."""
        return tuple(name.format(3 * count + place) for name, place in ((self.hr, 2), (self.tail, 4)))

    @property
    def sequence(self):
        """Whether the layers are places in one sequence, in which upsampling and activations count too."""
        return self.head == "model.0"


BASICSR = Names("conv_first", "body.{}.rdb{}.conv{}", "body.{}.rdb{}.conv1x1", "conv_body", "conv_up{}", "conv_hr",
                "conv_last")
ESRGAN = Names("conv_first", "RRDB_trunk.{}.RDB{}.conv{}", "RRDB_trunk.{}.RDB{}.conv1x1", "trunk_conv", "upconv{}",
               "HRconv", "conv_last")
FIRST = Names("model.0", "model.1.sub.{}.RDB{}.conv{}.0", "model.1.sub.{}.RDB{}.conv1x1", "model.1.sub.{}", "model.{}",
              "model.{}", "model.{}")


@official("RRDBNet")
def _rrdbnet(num_in_ch, num_out_ch, scale=4, num_feat=64, num_block=23, num_grow_ch=32):
    return RRDBNet(features=num_feat, blocks=num_block, growth=num_grow_ch, scale=scale, channels=num_out_ch,
                   in_channels=None if num_in_ch == num_out_ch else num_in_ch)


@official("ESRGAN")
def _esrgan(in_nc=3, out_nc=3, nf=64, nb=23, gc=32, upscale=4, plus=False, shuffle_factor=1):
    # The original's class is called RRDBNet, as BasicSR's is; shuffle_factor is of later programs.
    return RRDBNet(features=nf, blocks=nb, growth=gc, scale=upscale, channels=out_nc,
                   in_channels=None if in_nc == out_nc else in_nc, unshuffle=shuffle_factor, plus=plus)


@recognises
def _like(entries):
    for names in (BASICSR, ESRGAN, FIRST):
        if entries.has(names.dense.format(0, 1, 1) + ".weight"):
            return _described(entries, names)
    return None


def _described(entries, names):
    first, dense = names.dense.split("{}", 1)
    sizes = {"features": entries.outputs(names.head), "blocks": entries.count(first + "{}" + dense.format(1, 1)),
             "growth": entries.outputs(names.dense.format(0, 1, 1))}
    count = 0
    while entries.has(names.up_name(count + 1) + ".weight"):
        count += 1
    if names.sequence and 2 in (places := entries.places("model.{}")) and places[-1] != 4:
        return DetectedArchitecture(
            "ESRGAN", None, "another upsampling than by nearest neighbours (a pixel shuffle, a transposed "
            "convolution)")
    hr, tail = names.last_names(count)
    count = count if names.sequence or entries.has(f"{hr}.weight") else 2   # too little is there to tell
    images, inside = entries.outputs(tail), entries.inputs(names.head)
    # Pixels that are unshuffled before the network, as Real-ESRGAN does for the smaller scales.
    side = math.isqrt(inside // images) if inside in (4 * images, 16 * images) else 1
    side = side if 2**count % side == 0 else 1
    taken, scale = inside // side**2, 2**count // side   # one convolution can also be of scale 3, which no file tells
    plus = entries.has(names.dense_1x1.format(0, 1) + ".weight")
    if count == 2 and not names.sequence and not plus:
        return DetectedArchitecture(
            "RRDBNet", {"num_in_ch": taken, "num_out_ch": images, "scale": scale, "num_feat":
            sizes["features"], "num_block": sizes["blocks"], "num_grow_ch": sizes["growth"]})
    return DetectedArchitecture(
        "ESRGAN", {"in_nc": taken, "out_nc": images, "nf": sizes["features"], "nb": sizes["blocks"],
        "gc": sizes["growth"], "upscale": scale, **({"plus": True} if plus else {}),
        **({"shuffle_factor": side} if side > 1 else {})})


@layouts_of(RRDBNet)
def _layouts(net, arrays):
    return [_layout(net, names) for names in (BASICSR, ESRGAN, FIRST)]


def _layout(net, names):
    layers = {f"RRDB_{i}/rdb{j}/conv{k}": (names.dense.format(i, j, k), "conv")
              for i in range(net.blocks) for j in (1, 2, 3) for k in (1, 2, 3, 4, 5)}
    if net.plus:
        layers |= {f"RRDB_{i}/rdb{j}/conv1x1": (names.dense_1x1.format(i, j), "conv")
                   for i in range(net.blocks) for j in (1, 2, 3)}
    count = len(net.upsampling)
    layers |= {f"conv_up{i}": (names.up_name(i), "conv") for i in range(1, count + 1)}
    hr, tail = names.last_names(count)
    layers |= {"head": (names.head, "conv"), "conv_after_body": (names.after.format(net.blocks), "conv"),
               "conv_hr": (hr, "conv"), "tail": (tail, "conv")}
    return Layout(layers, example=(1, 8, 8, net.channels if net.in_channels is None else net.in_channels))
