"""LPIPS against the official program: values, layers, map, published figures; its gradient."""
import importlib
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dynjax.metrics import lpips, lpips_distance, lpips_map, lpips_terms, lpips_weights

lpips_module = importlib.import_module("dynjax.metrics.lpips")      # the package's name lpips is the function
PAIRS = ("chelsea_noise25", "coffee_blur", "astro_jpeg10")
RNG = np.random.default_rng(0)


def pictures(case, name):
    return tuple(case[f"in/lpips_{name}_{which}"][None] / np.float32(255) for which in "ab")


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_official_values_layers_and_map(parity, net):
    case = parity("torch_metrics")
    a, b = pictures(case, PAIRS[0])
    both = jax.jit(lambda weights, a, b: (lpips_terms(weights, a, b, net=net), lpips_map(weights, a, b, net=net)))
    terms, places = both(lpips_weights(net), a, b)
    np.testing.assert_allclose(np.concatenate(list(terms.values())), case[f"out/lpips_{net}_layers/{PAIRS[0]}"],
                               atol=1e-5, rtol=0)
    np.testing.assert_allclose(sum(terms.values()), [case[f"out/lpips_{net}/{PAIRS[0]}"]], atol=1e-5, rtol=0)
    np.testing.assert_allclose(places, case[f"out/lpips_{net}_spatial/{PAIRS[0]}"][:, 0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [PAIRS[1], pytest.param(PAIRS[2], marks=pytest.mark.slow)])
def test_official_values_of_other_pictures(parity, name):
    case = parity("torch_metrics")
    a, b = pictures(case, name)
    for net in ("alex", "vgg"):
        np.testing.assert_allclose(lpips(a, b, net=net), [case[f"out/lpips_{net}/{name}"]], atol=1e-5, rtol=0)


def test_linear_layers_are_the_official_ones(shared):
    official = np.load(shared("data/weights/lpips_lin_v0.1.npz"))
    for net in ("alex", "vgg"):
        for k, weights in enumerate(lpips_weights(net)["linear"].values()):
            np.testing.assert_array_equal(weights, official[f"{net}/lin{k}"])


@pytest.mark.slow
def test_published_figures(shared):
    folder = shared("data/metric_calibration")
    expected = json.loads((folder / "expected.json").read_text())
    read = lambda name: np.asarray(Image.open(folder / name).convert("RGB"))[None] / np.float32(255)
    for pair in expected["tid2013"]["pairs"].values():
        a, b = read(pair["ref"]), read(pair["dist"])
        np.testing.assert_allclose(lpips(a, b), pair["published"]["lpips_alex_v0.1"], atol=1e-4)
        np.testing.assert_allclose(lpips(a, b, net="vgg"), pair["recomputed"]["lpips_vgg16_v0.1"], atol=1e-5)
    for name, known in expected["lpips_examples"]["pairs"].items():
        a, b = read(expected["lpips_examples"]["ref"]), read(name)
        np.testing.assert_allclose(lpips(a, b), known["published_alex"], atol=1e-3)
        np.testing.assert_allclose(lpips(a, b), known["recomputed_alex"], atol=1e-5)


def test_batch_equality_and_grey():
    a, b = RNG.random((2, 3, 33, 40, 3)).astype(np.float32)
    b[1] = a[1]
    values = lpips(a, b)
    assert values.shape == (3,)
    assert values[1] == 0
    assert values[0] > 0.01
    np.testing.assert_allclose(lpips(a[::-1], jnp.asarray(b[::-1])), values[::-1], rtol=1e-5)
    grey = a[..., :1]
    np.testing.assert_allclose(lpips(grey, b[..., :1]), lpips(grey.repeat(3, -1), b[..., :1].repeat(3, -1)), rtol=1e-6)


def test_equal_pictures_are_exactly_0_apart():
    """Of any content, by every form, in jit and out of it, one target for many too; an almost equal one is not 0."""
    rng = np.random.default_rng(1)
    noise = rng.random((5, 33, 40, 3)).astype(np.float32)
    pictures = np.concatenate([noise, np.zeros_like(noise[:1]), np.ones_like(noise[:1]), noise[:1] * 1.4 - 0.2])
    weights = lpips_weights("alex")
    forms = [lambda a, b: lpips(a, b), lambda a, b: lpips_distance(weights, a, b, net="alex"),
             jax.jit(lambda a, b: lpips_distance(weights, a, b, net="alex")),
             jax.jit(lambda a, b: lpips_map(weights, a, b, net="alex").max((1, 2)))]
    for form in forms:
        np.testing.assert_array_equal(form(pictures, pictures.copy()), 0)
        mixed = form(pictures, np.concatenate([pictures[:4], pictures[:4]]))
        assert (mixed[:4] == 0).all() and mixed[4:].min() > 1e-3
    np.testing.assert_array_equal(lpips(pictures, pictures[2:3])[2], 0)
    np.testing.assert_array_equal(lpips(pictures.astype(np.float64), jnp.asarray(pictures)), 0)


@pytest.mark.slow
def test_where_pictures_are_equal_slope_and_curvature_stay():
    rng, weights = np.random.default_rng(1), lpips_weights("alex")
    point, direction = rng.random((1, 33, 40, 3), np.float32), rng.normal(0, 1, (1, 33, 40, 3)).astype(np.float32)
    along = lambda step: lpips_distance(weights, point + step * direction, point, net="alex")[0]
    assert jax.grad(along)(0.0) == pytest.approx(0, abs=1e-6)
    curvature = jax.jit(jax.grad(jax.grad(along)))(0.0)
    difference = (along(1e-3) + along(-1e-3)) / 1e-6                     # the second, which is 0 at 0
    np.testing.assert_allclose(curvature, difference, rtol=0.05)


@pytest.mark.parametrize("net, sizes", [
    ("alex", [(31, 31), (47, 33)]), pytest.param("vgg", [(31, 47)], marks=pytest.mark.slow)])
def test_padding_changes_no_value(net, sizes):
    """Against the distance of the same pictures without padding, by a program of their size."""
    weights, plain = lpips_weights(net), jax.jit(lpips_distance, static_argnames="net")
    for size in sizes:
        a, b = np.random.default_rng(size).random((2, 2, *size, 3)).astype(np.float32)
        np.testing.assert_allclose(lpips(a, b, net=net), plain(weights, a, b, net=net), atol=1e-6, rtol=0)


def test_one_target_for_many_is_looked_at_once(monkeypatch):
    looked_at = []
    monkeypatch.setattr(lpips_module, "PART", 2 * 48 * 48)      # three pictures in two parts
    target = lpips_module._target
    monkeypatch.setattr(lpips_module, "_target", lambda *given, **net: looked_at.append(given) or target(*given, **net))
    a, b = np.random.default_rng(1).random((2, 3, 33, 40, 3)).astype(np.float32)
    once = lpips(a, b[:1])
    assert len(looked_at) == 1 and looked_at[0][1].shape == (1, 48, 48, 3)
    np.testing.assert_allclose(once, lpips(a, b[:1].repeat(3, 0)), atol=1e-7)
    assert np.ptp(once) > 1e-4
    grey = a[..., :1]
    assert lpips(grey, grey[1:2])[1] == 0


@pytest.mark.parametrize("count, targets, parts", [(5, 5, [2, 2, 2]), (5, 1, [2, 2, 2]), (4, 4, [2, 2]), (1, 1, [1]),
                                                   (0, 0, []), (0, 1, [])])
def test_large_batches_are_computed_in_equal_parts(monkeypatch, count, targets, parts):
    """By stand-ins: features are the picture's mean, the distance their difference."""
    seen = []
    monkeypatch.setattr(lpips_module, "PART", 2 * 48 * 64 + 1)
    monkeypatch.setattr(lpips_module, "_target", lambda weights, images, size, net: images.sum((1, 2, 3)))
    monkeypatch.setattr(lpips_module, "_distances", lambda weights, images, size, target, net: (
        seen.append(len(images)) or images.sum((1, 2, 3)) - target))
    a, b = np.arange(5)[:count] / 8, 0.9 - 0.7 ** np.arange(5)[:targets] / 2
    whole = lambda values: np.broadcast_to(values.reshape(-1, 1, 1, 1), (len(values), 35, 50, 3)).astype(np.float32)
    np.testing.assert_allclose(lpips(whole(a), whole(b)) / (35 * 50 * 3), a - b, rtol=1e-5)
    assert seen == parts


@pytest.mark.slow
def test_many_sizes_compile_few_programs():
    compiled = []
    for program in (lpips_module._target, lpips_module._distances):
        program.clear_cache()
    listener = lambda event, duration, **_: compiled.append(event) if "backend_compile" in event else None
    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        for size in [(33, 49), (34, 50), (48, 64), (41, 57), (44, 55), (33, 64), (45, 49)]:
            a = np.full((2, *size, 1), 0.5, np.float32)
            lpips(a, a[:1])
            lpips(jax.device_put(a.repeat(3, -1)), a[:1].repeat(3, -1))
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)
    assert len(compiled) == 2      # the target's features and the distances from them


def test_gradient_is_the_slope_and_finite_where_features_vanish():
    weights = lpips_weights("alex")
    value_and_gradient = jax.jit(jax.value_and_grad(lambda a, weights, b: lpips_distance(weights, a, b, net="alex")[0]))
    a, b = RNG.random((2, 1, 35, 35, 3)).astype(np.float32)
    direction = RNG.normal(0, 1, a.shape).astype(np.float32)
    slope = (value_and_gradient(a + 1e-2 * direction, weights, b)[0]
             - value_and_gradient(a - 1e-2 * direction, weights, b)[0]) / 2e-2
    np.testing.assert_allclose(np.sum(value_and_gradient(a, weights, b)[1] * direction), slope, rtol=0.05)
    assert np.isfinite(value_and_gradient(a, weights, a)[1]).all()
    # all features zero at every pixel of every layer: kernels zero, biases negative
    dead = {"trunk": jax.tree.map(lambda leaf: np.full_like(leaf, -1 if leaf.ndim == 1 else 0), weights["trunk"]),
            "linear": weights["linear"]}
    value, gradient = value_and_gradient(a, dead, b)
    assert value == 0
    np.testing.assert_array_equal(gradient, 0)


def test_weights_are_arguments_and_not_constants():
    weights, x = lpips_weights("alex"), np.zeros((1, 35, 35, 3), np.float32)
    jaxpr = jax.make_jaxpr(lambda weights, a, b: lpips_distance(weights, a, b, net="alex"))(weights, x, x)
    assert sum(constant.size for constant in jaxpr.consts) < 100


def test_sentences():
    a = np.zeros((1, 40, 40, 3), np.float32)
    for x, y, net, said in (
            (a, a, "squeeze", "net='squeeze'; wanted 'alex' or 'vgg'"),
            (a, a[:, 1:], "alex", r"shapes \(1, 40, 40, 3\) and \(1, 39, 40, 3\)"),
            (a, np.concatenate([a, a]), "alex", r"one target \[1, H, W, C\]"),
            (a[0], a[0], "alex", r"wanted two equal shapes \[B, H, W, C\]"),
            (a.astype(np.uint8), a, "alex", "got uint8; wanted arrays of floats"),
            (a[:, :20], a[:, :20], "alex", "pictures of 20 x 40, of which nothing is left at pool2")):
        with pytest.raises(ValueError, match=said):
            lpips(x, y, net=net)
    with pytest.raises(ValueError, match=r"shapes \(2, 40, 40, 3\) and \(1, 40, 40, 3\); wanted two equal .* 1: add"):
        lpips_distance(lpips_weights("alex"), np.concatenate([a, a]), a, net="alex")
    with pytest.raises(ValueError, match="wanted lpips_distance"):
        jax.jit(lpips)(a, a)
