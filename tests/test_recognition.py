"""A checkpoint of another variant is told which one it looks like: what is named then reads it."""
import numpy as np
import pytest

from dynjax.models import pretrained
from dynjax.models.recognition import recognised
from dynjax.networks import EDSR
from dynjax.tunable import Tunable

FILES = ["torch_edsr", "torch_edsr_x3", "torch_msrresnet", "torch_rrdbnet", "torch_rrdbnet_x2", "torch_srvgg",
         "torch_dncnn_merged_color", "torch_ffdnet_color", "torch_nafnet", "torch_swinir_classical_x3",
         "torch_swinir_lightweight_x2", "torch_swinir_real_x4_3conv", "torch_swinir_color_dn",
         "torch_swinir_jpeg_color_w7", "ms_tunable_edsr_x2", "ms_tunable_nafnet_linear", "ms_tunable_swinir_light_x2"]


@pytest.mark.parametrize("name", FILES)
def test_what_is_named_reads_the_checkpoint(parity, name):
    arrays = parity(name).params()
    said = recognised(arrays)
    net = eval(said, {"pretrained": pretrained})
    assert pretrained.load(net, arrays)["params"]
    other = EDSR(features=2, blocks=1, scale=1)
    other = Tunable(other, alpha=2) if name.startswith("ms_") else other
    with pytest.raises(ValueError, match=r"does not fit the network .*It looks like that of pretrained.network"):
        pretrained.load(other, arrays)


def test_what_is_not_known_is_not_guessed():
    assert recognised({"a.weight": np.zeros((2, 3))}) is None
    assert recognised({"body.0.conv1.weight": np.zeros((4, 4, 3, 3))}) is None       # no first convolution
    with pytest.raises(ValueError, match="Build the network with the arguments"):
        pretrained.load(EDSR(features=2, blocks=1, scale=1), {"a.weight": np.zeros((2, 3))})


@pytest.mark.parametrize("name", ["torch_srvgg", "torch_dncnn_merged_color", "torch_ffdnet_color"])
def test_the_order_of_the_names_and_strays_do_not_matter(parity, name):
    arrays = parity(name).params()
    last = sorted(arrays)[-1]
    strays = {"optimizer.state": np.zeros(2), "step": np.zeros(()), "zoom.weight": np.zeros((1, 2, 3, 3)),
              last.rsplit(".", 1)[0] + ".inner.weight": np.zeros((1, 2, 3, 3))}
    for source in (dict(sorted(arrays.items())), dict(reversed(arrays.items())), {**arrays, **strays}):
        assert recognised(source) == recognised(arrays)


def zeros(layers):
    """The arrays of 3 x 3 convolutions, {name: (inputs, outputs)}."""
    kernels = {f"{name}.weight": np.zeros((outputs, inputs, 3, 3)) for name, (inputs, outputs) in layers.items()}
    return kernels | {f"{name}.bias": np.zeros(outputs) for name, (_, outputs) in layers.items()}


@pytest.mark.parametrize("layers", [
    {"conv_first": (1, 4), "body.0.conv1": (4, 4), "body.0.conv2": (4, 4), "upconv1": (4, 16), "conv_hr": (4, 4),
     "conv_last": (4, 1)},                                                           # MSRResNet of grey pictures
    {"body.0": (3, 4), "body.2": (4, 4), "body.4": (4, 12)},                         # SRVGGNetCompact with ReLU
    {f"model.{2 * i}": (1 if i == 0 else 4, 1 if i == 6 else 4) for i in range(7)}])   # DnCNN, past model.10
def test_variants_by_hand(layers):
    arrays = zeros(layers)
    net = eval(recognised(dict(sorted(arrays.items()))), {"pretrained": pretrained})
    assert pretrained.load(net, arrays)["params"]
