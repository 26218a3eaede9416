"""The plain networks: what a fresh one computes, sizes, types and refusals. Their numbers: test_pretrained.py."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.image.resize import resize_bicubic
from dynjax.networks import EDSR, JohnsonNet, Parameter, StyleNet
from dynjax.networks.edsr import upsampling_steps
from dynjax.networks.initialisers import torch_bias, torch_kernel
from dynjax.networks.layers import pixel_shuffle, reflect
from dynjax.networks.vgg import imagenet_denormalise, imagenet_normalise

X = jax.random.uniform(jax.random.key(0), (2, 9, 7, 3))


@pytest.mark.parametrize("scale", [1, 3])
def test_a_fresh_edsr_is_bicubic_upsampling(scale):
    net = EDSR(features=4, blocks=1, scale=scale, mean=(0.4, 0.5, 0.6), image_range=2.0)
    variables = net.init(jax.random.key(1), X)
    wanted = X if scale == 1 else resize_bicubic(X, scale)
    np.testing.assert_array_equal(net.apply(variables, X), wanted)
    gradient = jax.jit(jax.grad(lambda v: jnp.sum(net.apply(v, X) ** 2)))(variables)["params"]["tail"]["kernel"]
    assert jnp.any(gradient != 0)  # and it learns from there


def test_edsr_in_bfloat16_gives_float32_near_the_same():
    net = EDSR(features=4, blocks=1, scale=2, skip="none")
    variables = net.init(jax.random.key(1), X)
    exact, rounded = (jax.jit(n.apply)(variables, X) for n in (net, net.clone(dtype=jnp.bfloat16)))
    assert rounded.dtype == jnp.float32
    assert 0 < np.abs(exact - rounded).max() < 0.05


@pytest.mark.parametrize(("scale", "steps"), [(1, ()), (2, (2,)), (3, (3,)), (4, (2, 2)), (8, (2, 2, 2))])
def test_upsampling_steps(scale, steps):
    assert upsampling_steps(scale) == steps


def test_pixel_shuffle_by_hand():
    # One pixel of 8 channels: channel c * 4 + dy * 2 + dx goes to row dy, column dx of channel c (PyTorch).
    y = pixel_shuffle(jnp.arange(8.0).reshape(1, 1, 1, 8), 2)
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(y[0, :, :, 1], [[4, 5], [6, 7]])


def test_starts_like_pytorch():
    # Uniform in +-1 / sqrt(fan in): 3 * 3 * 16 inputs give 1 / 12.
    kernel = torch_kernel(jax.random.key(0), (3, 3, 16, 64))
    bias = torch_bias(144)(jax.random.key(1), (64,))
    for array in (kernel, bias):
        assert 0.9 / 12 < jnp.abs(array).max() <= 1 / 12
    np.testing.assert_allclose(kernel.std(), 1 / 12 / 3**0.5, rtol=0.03)


def test_stylenet_keeps_odd_sizes():
    net = StyleNet(features=2, scales=2, blocks=(1, 0, 1))
    y, variables = jax.eval_shape(net.init_with_output, jax.random.key(1), X)
    assert y.shape == X.shape
    blocks = ["encoder_0_0", "encoder_1_0", "decoder_1_0", "decoder_0_0"]
    assert set(variables["params"]) == {"conv_in", *blocks, "conv_out"}


def test_johnson_net_rounds_sizes_up_to_four_and_has_both_spaces():
    net = JohnsonNet(widths=(2, 2, 2, 2, 2), blocks=1)
    shapes = jax.eval_shape(net.init, jax.random.key(1), X)
    with jax.enable_x64(True):   # the norms of such small maps enlarge the roundings of two float32 programs
        x = jnp.asarray(X, jnp.float64)
        variables = jax.tree.map(lambda leaf: jnp.linspace(-1, 1, leaf.size).reshape(leaf.shape), shapes)
        y = jax.jit(net.apply)(variables, x)
        assert y.shape == (2, 12, 8, 3)
        inner = jax.jit(net.clone(space="imagenet").apply)(variables, imagenet_normalise(x))
        np.testing.assert_allclose(y, imagenet_denormalise(inner), atol=1e-5)


def test_parameter_repeats_its_array_for_the_batch():
    y = Parameter((2, 1)).apply({"params": {"data": jnp.array([[1.0], [2.0]])}}, X)
    np.testing.assert_array_equal(y, [[[1], [2]], [[1], [2]]])


@pytest.mark.parametrize(("net", "x", "sentence"), [
    (EDSR(), X[0], r"EDSR got an array of shape \(9, 7, 3\); wanted images \(N, H, W, 3\)"),
    (EDSR(), X[..., :1], r"shape \(2, 9, 7, 1\)"),
    (StyleNet(), (X * 255).astype(jnp.uint8), "StyleNet got images of type uint8; wanted floats"),
    (EDSR(scale=6), X, "scale is 6; wanted 1, 3 or a power of two"),
    (EDSR(scale=0), X, "scale is 0; wanted 1, 3 or a power of two"),
    (EDSR(skip="bilinear"), X, "skip='bilinear'; wanted one of bicubic, none"),
    (EDSR(mean=(0.5,)), X, "mean of 1 numbers for images of 3 channels"),
    (StyleNet(scales=0), X, "scales=0"),
    (StyleNet(blocks=(0, 1, 1)), X, r"blocks=\(0, 1, 1\)"),
    (JohnsonNet(space="rgb"), X, "space='rgb'"),
    (JohnsonNet(), X[:, :4], "4 x 7 is too small to be padded by reflection with 4 rows"),
])
def test_what_is_refused(net, x, sentence):
    with pytest.raises(ValueError, match=sentence):
        net.init(jax.random.key(0), x)


def test_reflection_leaves_the_edge_alone():
    x = jnp.arange(3.0).reshape(1, 1, 3, 1)
    np.testing.assert_array_equal(reflect(x, 0, 0, 2, 1)[0, 0, :, 0], [2, 1, 0, 1, 2, 1])


def test_direct_upsampling_starts_as_bicubic_and_reaches_every_pixel():
    net, x = EDSR(features=4, blocks=1, upsampler="direct"), jax.random.uniform(jax.random.key(0), (1, 5, 6, 3))
    variables = net.init(jax.random.key(1), x)
    np.testing.assert_allclose(net.apply(variables, x), resize_bicubic(x, 4), atol=1e-6)
    # Channel 5 of the tail is colour 0, row 1, column 1 of each patch (PyTorch's order).
    variables["params"]["tail"]["bias"] = variables["params"]["tail"]["bias"].at[5].set(1.0)
    changed = np.asarray(net.apply(variables, x) - resize_bicubic(x, 4))
    np.testing.assert_allclose(changed[0, 1::4, 1::4, 0], 1, atol=1e-6)
    assert np.abs(changed).sum() == pytest.approx(30, abs=1e-3) and "upsample_0" not in variables["params"]
