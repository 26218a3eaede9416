"""RRDBNet in the forms that most published files have, and IRCNN: recognised, and with PyTorch's outputs.

The outputs are of the published computations written in PyTorch for these tests, which agree with those of spandrel
0.4.2 bit for bit; the weights are random, the outputs computed in float64.
"""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax
from dynjax.models import pretrained
from dynjax.networks import IRCNN, RRDBNet

NAMES = ["first_x1", "first_x2", "first_x4", "first_x8", "first_plus_x4", "first_x2_unshuffle", "first_x1_unshuffle2",
         "second_x2", "second_x4", "third_x1", "third_x8_grey"]


def case_of(parity, name):
    """(arrays by the program's names, constructor's arguments, input, output), NHWC."""
    case = parity("torch_esrgan")
    meta, arrays, start = case.meta[name], {}, 0
    for layer, shape in meta["shapes"].items():
        size = int(np.prod(shape))
        arrays[layer] = case[f"{name}/param"][start:start + size].reshape(shape)
        start += size
    return arrays, meta["arguments"], *(np.moveaxis(case[f"{name}/{part}"], 1, -1) for part in ("in/x", "out/y"))


def close(net, variables, x, official):
    y = jax.jit(net.apply)(variables, jnp.asarray(x))
    assert y.shape == official.shape
    assert np.max(np.abs(y - official)) <= 5e-7 * max(1.0, np.max(np.abs(official)))


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_recognised_and_gives_the_program_s_output(parity, tmp_path, name):
    arrays, _, x, official = case_of(parity, name)
    np.savez(tmp_path / "x.npz", **arrays)
    net, variables = dynjax.load(tmp_path / "x.npz")
    assert isinstance(net, RRDBNet) and official.shape[1] == net.scale * x.shape[1]
    close(net, variables, x, official)


@pytest.mark.parametrize("name", [*NAMES, "first_x3"])
def test_the_same_by_the_constructor_s_arguments(parity, name):
    arrays, arguments, x, official = case_of(parity, name)
    net = pretrained.build("ESRGAN", **arguments)
    close(net, pretrained.load(net, {"params_ema": arrays}), x, official)


def test_scale_3_is_said_for_its_arrays_are_those_of_scale_2(parity, tmp_path):
    arrays, _, x, official = case_of(parity, "first_x3")
    np.savez(tmp_path / "x.npz", **arrays)
    assert dynjax.load(tmp_path / "x.npz")[0].scale == 2
    close(*dynjax.load(tmp_path / "x.npz", upscale=3), x, official)


def test_basicsr_s_class_reads_all_names_of_scale_4(parity):
    for name in ("first_x4", "second_x4"):
        arrays, sizes, x, official = case_of(parity, name)
        net = pretrained.build("RRDBNet", num_in_ch=3, num_out_ch=3, num_feat=sizes["nf"], num_block=sizes["nb"],
                                 num_grow_ch=sizes["gc"])
        close(net, pretrained.load(net, arrays), x, official)


def test_ircnn(parity, tmp_path):
    arrays, arguments, x, official = case_of(parity, "ircnn")
    net = pretrained.build("IRCNN", **arguments)
    close(net, pretrained.load(net, arrays), x, official)
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=r"no array tells its architecture \(.*'DnCNN' or 'IRCNN', whose files"):
        dynjax.load(tmp_path / "x.npz")
    close(*dynjax.load(tmp_path / "x.npz", architecture="IRCNN"), x, official)
    assert dynjax.load(tmp_path / "x.npz", architecture="DnCNN")[0].layers == 7


def test_published_sizes():
    def count(net):
        shapes = jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, 8, 8, net.channels)))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    assert count(pretrained.build("ESRGAN")) == 16_697_987   # ESRGAN's own count for RRDB_ESRGAN_x4
    # 64 to 64 channels more and less, and 69 convolutions of 1 x 1 from 64 to 32 channels without bias.
    assert count(pretrained.build("ESRGAN", upscale=8)) == 16_697_987 + 9 * 64 * 64 + 64
    assert count(pretrained.build("ESRGAN", upscale=1)) == 16_697_987 - 2 * (9 * 64 * 64 + 64)
    assert count(pretrained.build("ESRGAN", plus=True)) == 16_697_987 + 69 * 64 * 32
    assert count(IRCNN()) == (9 + 1) * 64 + 5 * (9 * 64 + 1) * 64 + 9 * 64 + 1


def test_sentences():
    key, x = jax.random.key(0), jnp.zeros((1, 8, 8, 3))
    for net, sentence in [(RRDBNet(scale=8), "RRDBNet got scale=8; wanted 1, 2 or 4. With unshuffle=1 it"),
                          (RRDBNet(scale=6, unshuffle=1), "wanted 1, 3 or a power of two"),
                          (RRDBNet(unshuffle=0), "RRDBNet got unshuffle=0; wanted 1 or more"),
                          (IRCNN(), r"IRCNN got an array of shape \(1, 8, 8, 3\)")]:
        with pytest.raises(ValueError, match=sentence):
            jax.eval_shape(net.init, key, x)
