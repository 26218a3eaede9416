"""Tunable layers against the official ones, and the transposed convolution against zero-stuffing."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import TunableConv, TunableConvTranspose, TunableDense
from dynjax.networks.conv_transpose import ConvTranspose
from dynjax.networks.space_to_depth_conv import space_to_depth_conv
from dynjax.networks.upsample2x_conv import upsample2x_conv


def layer_of(case):
    """Our layer for an official constructor call."""
    count = case["num_params"] * case.get("expand_params", 1)
    identity = case["mode"] == "linear" and case.get("expand_params", 1) == 1
    shared = dict(use_bias=case.get("has_bias", case["layer"] == "TunableDense"), kernels=count,
                  phi="identity" if identity else "affine")
    if case["layer"] == "TunableDense":
        return TunableDense(case["out_channels"], **shared)
    pad = {"same": "SAME", "valid": "VALID", "pad": case.get("padding", 0)}[case.get("pad_mode", "same")]
    return TunableConv(case["out_channels"], case["kernel_size"], strides=case.get("stride", 1), padding=pad,
                       kernel_dilation=case.get("dilation", 1), feature_group_count=case.get("group", 1), **shared)


def converted(arrays):
    """Official names and layouts to our tree."""
    kernel = arrays["weight"][0]
    kernels = {"kernel": kernel.transpose(0, 3, 4, 2, 1) if kernel.ndim == 5 else kernel.transpose(0, 2, 1)}
    if "bias" in arrays:
        kernels["bias"] = arrays["bias"][0]
    params = {"kernels": kernels}
    if "mlp.weight" in arrays:
        params["phi"] = {"kernel": arrays["mlp.weight"].T, "bias": arrays["mlp.bias"]}
    return params


def close(ours, official, tolerance):
    official = np.asarray(official)
    np.testing.assert_allclose(ours, official, rtol=0, atol=tolerance * max(1, np.abs(official).max()))


LAYERS = [f"conv{index:02d}" for index in range(31)] + [f"dense{index:02d}" for index in range(4)]


@pytest.mark.parametrize("name", LAYERS)
def test_layer_equals_the_official_one(parity, name):
    file = parity("ms_tunable_layers")
    case = next(case for case in file.meta["cases"] if case["case"] == name)
    params, x, px = converted(file.params(f"{name}/param/")), file[f"{name}/in/x"], file[f"{name}/in/px"]
    y = file[f"{name}/out/y"]
    if name.startswith("conv"):   # dense layers take [B, ..., C] in both layouts
        x, y = x.transpose(0, 2, 3, 1), y.transpose(0, 2, 3, 1)
    ours = layer_of(case).apply({"params": params}, x, px)
    close(ours.reshape(y.shape), y, 1e-5)


@pytest.mark.parametrize("name", ["grad00", "grad01", "grad02"])
def test_gradients_equal_the_official_ones(parity, name):
    file = parity("ms_tunable_grads")
    case = next(case for case in file.meta["cases"] if case["case"] == name)
    arrays = file.params(f"{name}/")
    under = lambda prefix: {key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)}
    params = converted(under("param/"))
    x, cotangent = (arrays[f"in/{key}"].transpose(0, 2, 3, 1) for key in ("x", "cotangent"))
    loss = lambda params, x, px: jnp.sum(layer_of(case).apply({"params": params}, x, px) * cotangent)
    d_params, dx, dpx = jax.grad(loss, argnums=(0, 1, 2))(params, x, arrays["in/px"])
    expected = converted(under("out/d_"))
    jax.tree.map(lambda ours, official: close(ours, official, 1e-4), d_params, expected)
    close(dx, arrays["out/dx"].transpose(0, 2, 3, 1), 1e-4)
    close(dpx, arrays["out/dpx"], 1e-4)


@pytest.mark.parametrize("name", ["parameter00", "parameter01", "parameter02"])
def test_bare_parameter_equals_the_official_one(parity, name):
    from dynjax.control import Tunable

    file = parity("ms_tunable_layers")
    data, px, y = file[f"{name}/param/data"], file[f"{name}/in/px"], file[f"{name}/out/y"]

    class Bare(nn.Module):
        @nn.compact
        def __call__(self, x):
            return x + self.param("data", nn.initializers.zeros, data.shape[2:])[None]

    params = {"kernels": {"data": data[0]}}
    if f"{name}/param/mlp.weight" in file.arrays.files:
        params["phi"] = {"data": {"kernel": file[f"{name}/param/mlp.weight"].T, "bias": file[f"{name}/param/mlp.bias"]}}
    net = Tunable(Bare(), alpha=px.shape[1], kernels=data.shape[1], phi="affine" if "phi" in params else "identity")
    close(net.apply({"params": params}, jnp.zeros((len(px), *data.shape[2:])), px), y, 1e-5)


def zero_stuffing(x, kernel, bias, strides, padding, output_padding, groups, dilation):
    """Transposed convolution in numpy: every input pixel stamps the kernel, then the sides are cut."""
    batch, height, width, _ = x.shape
    kh, kw, per_group, features = kernel.shape
    rows, columns = dilation[0] * (kh - 1) + 1, dilation[1] * (kw - 1) + 1
    full = np.zeros((batch, (height - 1) * strides[0] + rows + output_padding[0],
                     (width - 1) * strides[1] + columns + output_padding[1], features))
    for group in range(groups):
        inputs = slice(group * per_group, (group + 1) * per_group)
        outputs = slice(group * features // groups, (group + 1) * features // groups)
        for i in range(height):
            for j in range(width):
                stamp = np.einsum("bi,uvio->buvo", x[:, i, j, inputs], kernel[..., outputs])
                top, left = i * strides[0], j * strides[1]
                full[:, top:top + rows:dilation[0], left:left + columns:dilation[1], outputs] += stamp
    cut = full[:, padding[0]:full.shape[1] - padding[0], padding[1]:full.shape[2] - padding[1]]
    return cut + bias


TRANSPOSED = [dict(), dict(strides=2), dict(strides=2, padding=1, output_padding=1),
              dict(feature_group_count=2, strides=2),
              dict(feature_group_count=4, strides=(3, 2), padding=(1, 0), output_padding=(0, 1)), dict(use_bias=False),
              dict(kernel_dilation=2), dict(kernel_dilation=(3, 2), strides=2, padding=(5, 1), output_padding=1),
              dict(kernel_dilation=(1, 2), feature_group_count=2, strides=(2, 3), padding=1, output_padding=(1, 0))]


@pytest.mark.parametrize("options", TRANSPOSED)
def test_transposed_convolutions_equal_zero_stuffing(options):
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 4)).astype(np.float32)
    layer = ConvTranspose(8, (4, 3), bias_init=nn.initializers.normal(1.0), **options)
    params = layer.init(jax.random.key(0), x)["params"]
    pair = lambda name, default: np.broadcast_to(options.get(name, default), 2)
    expected = zero_stuffing(x.astype(float), np.asarray(params["kernel"], float), np.asarray(params.get("bias", 0.0)),
                             pair("strides", 1), pair("padding", 0), pair("output_padding", 0),
                             options.get("feature_group_count", 1), pair("kernel_dilation", 1))
    np.testing.assert_allclose(layer.apply({"params": params}, x), expected, atol=1e-5)
    tunable = TunableConvTranspose(8, (4, 3), alpha=("a", "b"), **options)
    doubled = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), params)
    tuned = tunable.apply({"params": {"kernels": doubled, "phi": {"kernel": jnp.eye(2), "bias": jnp.zeros(2)}}}, x,
                          {"a": 0.5, "b": 0.25})
    np.testing.assert_allclose(tuned, expected, atol=1e-5)   # 0.5 * 1 + 0.25 * 2 = 1


# Shape, sum with weights, sum of magnitudes, start of the last row of the last channel and of the second of the first:
# torch.nn.functional.conv_transpose2d of PyTorch 2.13 on whole numbers made by counting.
OF_PYTORCH = [
    ((2, 3, (3, 2)), dict(kernel_dilation=2), (3, 7, 6), -1705, 1996, (3, -5, 27, 15), (-24, 42, -19, -29)),
    ((2, 3, (3, 2)), dict(kernel_dilation=(2, 3), strides=2, padding=1, output_padding=1),
     (3, 8, 9), -1181, 1378, (2, -5, -2, 31), (0, 44, 15, -17)),
    ((4, 6, (2, 3)), dict(kernel_dilation=(3, 2), strides=(3, 2), padding=(2, 0), output_padding=(2, 1),
                          feature_group_count=2), (6, 8, 12), -2119, 4100, (-2, 5, -27, 5), (-14, 0, 44, 0)),
    ((2, 3, (3, 3)), dict(kernel_dilation=2, strides=3, padding=(4, 2)),
     (3, 3, 10), 612, 1469, (19, 22, -25, -7), (-17, 16, 12, 21))]


@pytest.mark.parametrize("case", OF_PYTORCH)
def test_dilated_transposed_convolutions_equal_pytorch_s(case):
    (channels, features, size), options, shape, weighted, magnitude, last, second = case
    count = lambda *shape: np.arange(np.prod(shape)).reshape(shape)
    x = (count(1, channels, 3, 4) * 7 % 11 - 5).astype(np.float32).transpose(0, 2, 3, 1)
    weight = count(channels, features // options.get("feature_group_count", 1), *size) * 5 % 13 - 6
    groups = np.split(weight, options.get("feature_group_count", 1))         # input channels of each group
    kernel = np.concatenate([group.transpose(2, 3, 0, 1) for group in groups], -1).astype(np.float32)
    params = {"kernel": kernel, "bias": np.arange(features, dtype=np.float32)}
    tunable = TunableConvTranspose(features, size, alpha=("a", "b"), **options)
    halves = {"kernels": jax.tree.map(lambda leaf: np.stack([leaf, -leaf]), params),
              "phi": {"kernel": jnp.eye(2), "bias": jnp.zeros(2)}}
    for y in (ConvTranspose(features, size, **options).apply({"params": params}, x),
              tunable.apply({"params": halves}, x, {"a": 1.5, "b": 0.5})):
        y = np.asarray(y)[0].transpose(2, 0, 1)
        assert y.shape == shape
        np.testing.assert_allclose([y[-1, -1, :4], y[0, 1, :4]], [last, second], atol=1e-4)
        np.testing.assert_allclose(np.abs(y).sum(), magnitude, rtol=1e-6)
        np.testing.assert_allclose((y * (count(*shape) * 3 % 17 - 8)).sum(), weighted, rtol=1e-5)


def test_a_dilation_of_nothing_is_told():
    with pytest.raises(ValueError, match="kernel_dilation=0; wanted 1 or more"):
        ConvTranspose(4, 3, kernel_dilation=0).init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)))
    with pytest.raises(ValueError, match=r"kernel_dilation=\(1, 2, 3\); wanted one number or two"):
        ConvTranspose(4, 3, kernel_dilation=(1, 2, 3)).init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)))


@pytest.mark.parametrize("layer", [ConvTranspose, TunableConvTranspose])
@pytest.mark.parametrize(("options", "sentence"), [
    (dict(kernel_dilation=1.5), r"kernel_dilation=1\.5; wanted one number or two, all whole"),
    (dict(kernel_dilation=(1.5, 1)), r"kernel_dilation=\(1\.5, 1\); wanted one number or two"),
    (dict(strides="22"), "strides='22'; wanted one number or two, all whole"),
    (dict(padding=(5, 0), kernel_dilation=(3, 2)), r"4 x 5 pixels, of which padding=\(5, 0\) leaves 0 x 9;"),
    (dict(padding=6, strides=2), r"4 x 5 pixels, of which padding=6 leaves -3 x -1")])
def test_sizes_that_a_transposed_convolution_cannot_have(layer, options, sentence):
    net, x = layer(2, (3, 3), **options), jnp.ones((1, 4, 5, 2))
    with pytest.raises(ValueError, match=sentence):
        net.init(jax.random.key(0), x, *([[1.0]] if layer is TunableConvTranspose else []))


def test_wrong_groups_are_told():
    with pytest.raises(ValueError, match="3 input and 4 output channels for feature_group_count=2"):
        ConvTranspose(4, 3, feature_group_count=2).init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)))


def test_a_nameless_layer_refuses_alpha_by_name():
    with pytest.raises(ValueError, match="has no names"):
        TunableConv(2, 3).init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)), {"a": 1.0})


def test_a_single_layer_with_a_deeper_phi():
    layer, x = TunableConv(2, 3, alpha=2, hidden=(4,)), jnp.ones((1, 4, 4, 3))
    params = layer.init(jax.random.key(0), x, [0.5, 0.5])["params"]
    assert [pair["kernel"].shape for pair in params["phi"]] == [(2, 4), (4, 2)]
    assert np.abs(layer.apply({"params": params}, x, [1, 0]) - layer.apply({"params": params}, x, [0, 1])).max() > 0.01


@pytest.mark.parametrize("shape, kernel, padding", [
    ((2, 12, 11, 3), (9, 9), "VALID"), ((1, 9, 10, 2), (7, 8), "SAME"), ((1, 5, 4, 1), (7, 7), ((3, 4), (5, 2)))])
def test_a_convolution_of_blocks_is_the_convolution(shape, kernel, padding):
    rng = np.random.default_rng(1)
    x, kernel = (rng.normal(size=size).astype(np.float32) for size in (shape, (*kernel, shape[-1], 5)))
    plain = lambda x, kernel: jax.lax.conv_general_dilated(x, kernel, (1, 1), padding,
                                                           dimension_numbers=("NHWC", "HWIO", "NHWC"))
    blocked = lambda x, kernel: space_to_depth_conv(x, kernel, (1, 1), padding)
    expected, pull = jax.vjp(plain, x, kernel)
    found, pull_found = jax.vjp(blocked, x, kernel)
    np.testing.assert_allclose(found, expected, atol=2e-5)
    cotangent = rng.normal(size=expected.shape).astype(np.float32)
    for one, other in zip(pull_found(cotangent), pull(cotangent), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("before, after", [("edge", "reflect"), ("constant", "constant")])
def test_a_convolution_of_a_doubled_image(before, after):
    rng = np.random.default_rng(2)
    x, kernel = (rng.normal(size=size).astype(np.float32) for size in ((2, 4, 3, 3), (3, 3, 3, 5)))
    border = ((0, 0), (1, 1), (1, 1), (0, 0))

    def plain(x, kernel):
        large = jnp.pad(jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2), border, mode=after)
        return jax.lax.conv_general_dilated(large, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    expected, pull = jax.vjp(plain, x, kernel)
    found, pull_found = jax.vjp(lambda x, kernel: upsample2x_conv(jnp.pad(x, border, mode=before), kernel), x, kernel)
    assert found.shape == (2, 8, 6, 5)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    cotangent = rng.normal(size=expected.shape).astype(np.float32)
    for one, other in zip(pull_found(cotangent), pull(cotangent), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
