"""DnCNN and FFDNet: the official programs' outputs, with random weights and with the released ones."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable
from dynjax.models import pretrained
from dynjax.networks import DnCNN, FFDNet
from dynjax.networks.dncnn import merged


def nhwc(array):
    return jnp.asarray(np.moveaxis(array, 1, -1))


def close(ours, official, factor=1e-5):
    """Within factor * max(1, max|official|), the form and the factor that the parity family asks for."""
    official = np.moveaxis(official, 1, -1) if official.ndim == 4 else official
    assert ours.shape == official.shape
    assert np.max(np.abs(ours - official)) <= factor * max(1.0, np.max(np.abs(official)))


def test_dncnn_with_batch_norm(parity):
    case = parity("torch_dncnn")
    net = pretrained.build("DnCNN", **case.meta["config"])
    variables = pretrained.load(net, case.params())
    x = nhwc(case["in/x"])
    close(jax.jit(net.apply)(variables, x), case["out/y"])
    y, after = jax.jit(lambda v, x: net.apply(v, x, train=True, mutable="batch_stats"))(variables, x)
    close(y, case["out/y_train"])
    statistics = {f"model.{3 * i}.running_{name}": values for i in (1, 2, 3)
                  for name, values in after["batch_stats"][f"norm_{i}"].items()}
    assert set(statistics) == set(case.names("out/after_train/"))
    for name, values in statistics.items():
        close(values, case[f"out/after_train/{name}"])
    plain, folded = merged(net, variables)
    close(jax.jit(plain.apply)(folded, x), case["out/y"])


def test_dncnn_without_norms(parity):
    case = parity("torch_dncnn_merged_color")
    net = pretrained.build("DnCNN", **case.meta["config"])
    close(jax.jit(net.apply)(pretrained.load(net, case.params()), nhwc(case["in/x"])), case["out/y"])


def test_ffdnet(parity):
    case = parity("torch_ffdnet_color")
    net = pretrained.build("FFDNet", **case.meta["config"])
    variables, x, sigma = pretrained.load(net, case.params()), nhwc(case["in/x"]), jnp.asarray(case.meta["sigma"])
    apply = jax.jit(net.apply)
    close(apply(variables, x, sigma), case["out/y"])
    close(apply(variables, x[1:], sigma[1]), case["out/y"][1:])


@pytest.mark.parametrize(("weights", "name", "arguments"), [
    ("dncnn_25.pth", "DnCNN", {"nb": 17, "act_mode": "R"}),
    ("dncnn_color_25.npz", "DnCNN", {"in_nc": 3, "out_nc": 3, "nb": 20, "act_mode": "R"}),
    ("ffdnet_color.npz", "FFDNet", {"in_nc": 3, "out_nc": 3, "nc": 96, "nb": 12})])
def test_released_weights(parity, shared, weights, name, arguments):
    case = parity("torch_pretrained_denoisers")
    net = pretrained.build(name, **arguments)
    variables = pretrained.load(net, shared(f"data/weights/{weights}"))
    apply = jax.jit(net.apply)
    for picture in ("chelsea", "coffee"):
        x = nhwc(case[f"in/{picture}_noisy"])
        if weights == "dncnn_25.pth":
            close(apply(variables, x[..., 1:2]), case[f"out/{picture}_dncnn_25_gray_of_channel1"])
        elif name == "DnCNN":
            close(apply(variables, x), case[f"out/{picture}_dncnn_color_25"])
        else:
            for sigma_255 in (25, 50):
                close(apply(variables, x, sigma_255 / 255), case[f"out/{picture}_ffdnet_color_s{sigma_255}"])


def test_published_sizes():
    def count(net, *further):
        x = jnp.zeros((1, 16, 16, net.channels))
        return sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0), x, *further)))

    assert count(pretrained.build("DnCNN", act_mode="R")) == 555_137
    assert count(pretrained.build("DnCNN", in_nc=3, out_nc=3, nb=20, act_mode="R")) == 668_227
    assert count(DnCNN()) == 555_137 + 15 * 4 * 64   # scale, bias, mean and variance of 15 norms besides
    assert count(pretrained.build("FFDNet"), 0.1) == 485_316
    assert count(FFDNet(features=96, layers=12, channels=3), 0.1) == 852_108


@pytest.mark.parametrize(("net", "further"), [(DnCNN(4, 3, 3), ()), (FFDNet(4, 3, 3), (jnp.asarray([0.1, 0.2]),))])
def test_tuned_on_odd_sides_with_finite_gradients(net, further):
    x = jax.random.uniform(jax.random.key(0), (2, 37, 53, 3))
    tuned = Tunable(net, alpha=("a", "b"))
    variables = jax.jit(tuned.init)(jax.random.key(0), x, jnp.ones(2), *further)
    layers = {"conv_0", "conv_1", "conv_2"} | ({"norm_1"} if isinstance(net, DnCNN) else set())
    assert set(variables["params"]["phi"]) == layers

    def loss(params, alpha):
        y = tuned.apply({**variables, "params": params}, x, alpha, *further)
        return jnp.square(y).mean(), y

    of = jax.jit(jax.grad(loss, has_aux=True))
    gradient, y = of(variables["params"], jnp.asarray([[0.9, 0.1], [0.2, 0.8]]))
    assert y.shape == x.shape and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    # Every image by its own alpha, and by its own noise level.
    baked, plain = tuned.bake(variables, [0.2, 0.8])
    alone = jax.jit(baked.apply)(plain, x[1:], *(level[1:] for level in further))
    np.testing.assert_allclose(y[1:], alone, atol=1e-5)


def test_sentences():
    key, x = jax.random.key(0), jnp.zeros((2, 8, 8, 3))
    for net, further, sentence in [
            (DnCNN(), (), r"DnCNN got an array of shape \(2, 8, 8, 3\); wanted images \(N, H, W, 1\)"),
            (DnCNN(channels=3, norm="layer"), (), "wanted one of batch, none and 2 layers or more"),
            (FFDNet(), (0.1,), r"FFDNet got an array of shape \(2, 8, 8, 3\); wanted images \(N, H, W, 1\)"),
            (FFDNet(channels=3), (jnp.ones((2, 1)),), r"sigma of shape \(2, 1\) for 2 images; wanted one number"),
            (FFDNet(channels=3, layers=1), (0.1,), "wanted 2 or more")]:
        with pytest.raises(ValueError, match=sentence):
            jax.eval_shape(net.init, key, x, *further)
    with pytest.raises(ValueError, match="wanted a DnCNN with batch norm"):
        merged(DnCNN(norm="none"), {})
    for name, arguments in [("DnCNN", {"act_mode": "L"}), ("FFDNet", {"in_nc": 3})]:
        with pytest.raises(ValueError, match="wanted the same number of channels twice and one of"):
            pretrained.build(name, **arguments)
