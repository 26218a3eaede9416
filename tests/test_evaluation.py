"""Measuring a model over pictures and points of alpha, and the files that come of it."""
import csv
import logging
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from dynjax import metrics
from dynjax.control import AlphaSpace, Tunable
from dynjax.data import evaluation_images, open_source
from dynjax.evaluation import evaluate, mean_rows, measure
from dynjax.files import read_picture
from dynjax.image.resize import resize_bicubic
from dynjax.metrics import table
from dynjax.tasks import SuperResolution

METRICS = ["psnr_rgb", "psnr_y", "ssim_rgb", "ssim_y", "lpips_alex", "lpips_vgg"]
traced = []   # the shape of every input the network was compiled for


class Enlarge(nn.Module):
    """Bicubic enlargement, brightened by a parameter; notes the shapes it is traced with."""
    scale: int = 2

    @nn.compact
    def __call__(self, x):
        traced.append(x.shape)
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return resize_bicubic(x, self.scale) + bias[None, None, None]


@pytest.fixture
def model():
    """Brighter by 0.1 times the second number of alpha; the parameters' tree is written out by hand."""
    return Tunable(Enlarge(), alpha=("plain", "bright"), phi="identity"), {
        "params": {"kernels": {"bias": jnp.array([[0.0] * 3, [0.1] * 3])}}}


@pytest.fixture
def quick_metrics(monkeypatch):
    """Stand-ins that cost nothing: the mean difference, and a NaN-free constant. Notes what they were given."""
    calls = []

    def standing_in(name):
        def metric(*images, **options):
            calls.append((name, *images, options))
            return np.abs(images[0] - images[-1]).mean((1, 2, 3)) * 255
        return metric

    for name in ("psnr", "ssim", "lpips", "niqe"):
        for module in (metrics, table):
            monkeypatch.setattr(module, name, standing_in(name), raising=False)
    return calls


def pictures(*sizes, channels=3):
    """Smooth pictures without black or white, so that brightening clips nothing."""
    for number, (height, width) in enumerate(sizes):
        noise = np.random.default_rng(number).uniform(0.3, 0.7, (height // 8 + 2, width // 8 + 2, channels))
        smooth = resize_bicubic(noise, 8)[:height, :width]
        yield f"p{number}", (np.round(smooth * 255) / 255).astype(np.float32)


def test_rows_are_one_a_picture_and_method_with_the_floor_first(model, quick_metrics):
    found = measure(*model, SuperResolution(2), pictures((40, 48), (33, 32)), AlphaSpace(("a", "b")).sweep(3), keep=1)
    assert [(row["image"], row["method"], row["alpha_plain"], row["alpha_bright"]) for row in found.rows[:4]] == [
        ("p0", "bicubic", None, None), ("p0", "tunable", 1, 0), ("p0", "tunable", 0.5, 0.5), ("p0", "tunable", 0, 1)]
    assert [row["image"] for row in found.rows] == ["p0"] * 4 + ["p1"] * 4
    assert all(list(row) == ["image", "method", "alpha_plain", "alpha_bright", *METRICS] for row in found.rows)
    (kept,) = found.kept
    assert kept.name == "p0" and kept.rows == found.rows[:4]
    assert kept.input.shape == (20, 24, 3) and kept.outputs.shape == (3, 40, 48, 3) and kept.target.dtype == np.uint8


def test_alpha_reaches_the_network_and_results_are_in_their_place(model, quick_metrics):
    found = measure(*model, SuperResolution(2), pictures((40, 48)), [[1, 0], [0, 2]], keep=1)
    outputs = found.kept[0].outputs.astype(int)
    # At (1, 0) the enlargement itself; at (0, 2), outside the simplex, brighter by 0.2, which is 51 of 255.
    np.testing.assert_allclose(outputs[0], found.kept[0].baselines["bicubic"].astype(int), atol=1)
    np.testing.assert_allclose(outputs[1] - outputs[0], 51, atol=1)


def test_padding_changes_nothing_but_the_edge(model, quick_metrics):
    """Beyond the edge bicubic enlargement sees a mirror image by itself, so here not even the edge changes."""
    rows = [measure(*model, SuperResolution(2), pictures((50, 34)), [[1.0, 0.0]], exact_sizes=exact, keep=1)
            for exact in (0, None)]
    assert (rows[0].padded, rows[1].padded) == (["p0"], [])
    np.testing.assert_array_equal(rows[0].kept[0].outputs, rows[1].kept[0].outputs)


def test_many_sizes_compile_few_programs(model, quick_metrics):
    sizes = [(height, width) for height in (66, 70, 80, 96) for width in (34, 44, 50, 64)]
    traced.clear()
    found = measure(*model, SuperResolution(2), pictures(*sizes), [[1, 0], [0, 1]], exact_sizes=2, progress=False)
    assert set(traced) == {(1, 33, 17, 3), (1, 33, 22, 3), (1, 48, 32, 3)}
    # All but the first two and the one that has a bucket's size, 96 x 64 halved.
    assert found.padded == [f"p{number}" for number in range(2, 15)]
    several = len(traced)
    measure(*model, SuperResolution(2), pictures(*sizes), [[1, 0], [0, 1]], exact_sizes=2, progress=False)
    assert len(traced) == several   # nothing new


def test_metrics_get_8_bit_pictures_and_the_task_s_border(model, quick_metrics):
    measure(*model, SuperResolution(2), pictures((32, 32)), [[1.0, 0.0]], niqe_statistics="file.npz")
    called = quick_metrics[1:]      # the first call tries the file of statistics
    cut = dict(border=2, quantize=True)
    options = [dict(channel=channel, **cut) for channel in ("rgb", "y") for _ in range(2)]   # the floor and the model
    assert [(name, given) for name, *_, given in called] == [
        *(("psnr", given) for given in options), *(("ssim", given) for given in options),
        ("lpips", dict(net="alex")), ("lpips", dict(net="vgg")), *[("niqe", dict(statistics="file.npz"))] * 2]
    for name, result, *target, _ in called:
        assert result.shape == ((2 if name == "lpips" else 1), 32, 32, 3)   # LPIPS sees the target once for both
        for image in (result, *target):
            assert image.dtype == np.float32
            np.testing.assert_allclose(image * 255, np.round(image * 255), atol=1e-4)
        assert not target or target[0].shape == (1, 32, 32, 3)


def test_a_metric_that_cannot_be_computed_is_nan_and_warned_of(model, quick_metrics, monkeypatch, caplog):
    def too_small(*_, **__):
        raise ValueError("lpips wants 32 pixels")

    monkeypatch.setattr(table, "lpips", too_small)
    with caplog.at_level(logging.WARNING, "dynjax.evaluation"):
        rows = measure(*model, SuperResolution(2), pictures((16, 16)), [[1.0, 0.0], [0.0, 1.0]]).rows
    assert all(math.isnan(row["lpips_vgg"]) and row["psnr_y"] >= 0 for row in rows)
    # One warning a picture, not one a metric and result.
    assert [record.getMessage() for record in caplog.records] == [
        "p0 has no lpips_alex, lpips_vgg: lpips wants 32 pixels"]


def test_pictures_too_small_for_every_metric_are_an_error_not_a_table_of_dashes(model, tmp_path):
    with pytest.raises(ValueError, match="measure got 1 picture for which no metric has a value"):
        evaluate(*model, SuperResolution(2), pictures((4, 4)), alphas=[[1.0, 0.0]], out=tmp_path, progress=False)
    assert not list(tmp_path.iterdir())


def test_pictures_that_cannot_be_read_are_named_with_those_left_out(model, quick_metrics, tmp_path):
    for name, image in pictures((16, 16), (16, 16)):
        Image.fromarray(np.round(image * 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "p0.png").write_bytes((tmp_path / "p0.png").read_bytes()[:60])
    found = measure(*model, SuperResolution(2), evaluation_images(open_source(f"folder:{tmp_path}")), [[1.0, 0.0]])
    assert found.left_out == ["p0"] and {row["image"] for row in found.rows} == {"p1"}


def test_pictures_that_the_task_cannot_use_are_left_out_and_named(model, quick_metrics):
    found = measure(*model, SuperResolution(2), pictures((16, 1), (16, 16)), [[1.0, 0.0]])
    assert found.left_out == ["p0"] and {row["image"] for row in found.rows} == {"p1"}
    with pytest.raises(ValueError, match=r"no picture that can be used: .*nothing is left"):
        measure(*model, SuperResolution(2), pictures((16, 1)), [[1.0, 0.0]])
    with pytest.raises(ValueError, match="there were none"):
        measure(*model, SuperResolution(2), [], [[1.0, 0.0]])


def test_an_output_that_is_not_finite_names_picture_and_alpha(model, quick_metrics):
    net, _ = model
    variables = {"params": {"kernels": {"bias": jnp.array([[0.0] * 3, [jnp.inf] * 3])}}}
    with pytest.raises(ValueError, match=r"output for p0 at alpha \(plain 0.00, bright 1.00\) is not finite"):
        measure(net, variables, SuperResolution(2), pictures((16, 16)), [[0.0, 1.0]])


@pytest.mark.parametrize("exact", [0, None])
def test_a_network_of_another_scale_is_refused(model, quick_metrics, exact):
    net = Tunable(Enlarge(1), alpha=2, phi="identity")
    with pytest.raises(ValueError, match=r"makes .* of \(.*\), the input of p0; wanted \(\d+, \d+, 3\)"):
        measure(net, model[1], SuperResolution(2), pictures((16, 16)), [[1, 0]], exact_sizes=exact)


def test_a_wrong_file_of_statistics_shows_before_anything_is_measured(model, tmp_path):
    measured = []
    images = (measured.append(name) or (name, image) for name, image in pictures((16, 16)))
    np.savez(tmp_path / "other.npz", mean=np.zeros(3))
    for path, why in ((tmp_path / "absent.npz", "no file"), (tmp_path / "other.npz", "mu_pris_param")):
        with pytest.raises(ValueError, match=why):
            measure(*model, SuperResolution(2), images, [[1.0, 0.0]], niqe_statistics=path)
    assert not measured


def test_a_task_that_draws_gets_a_key_of_its_own_for_every_picture(model, quick_metrics):
    keys = []

    class Noisy(SuperResolution):
        def evaluation_example(self, image, key):
            keys.append(tuple(jax.random.key_data(key).tolist()))
            return super().evaluation_example(image, key)

    for seed in (0, 0, 1):
        measure(*model, Noisy(2), pictures((16, 16), (16, 16)), [[1.0, 0.0]], seed=seed)
    assert keys[:2] == keys[2:4] and len(set(keys)) == 4


def test_grey_pictures_are_measured_as_rgb(quick_metrics):
    net = Tunable(Enlarge(), alpha=("strength",), phi="identity")
    variables = {"params": {"kernels": {"bias": jnp.array([[0.1]])}}}
    rows = measure(net, variables, SuperResolution(2), pictures((32, 32), channels=1), [[0.0], [1.0]]).rows
    assert [row["alpha_strength"] for row in rows] == [None, 0.0, 1.0]
    assert {image.shape[1:] for _, *images, _ in quick_metrics for image in images} == {(32, 32, 3)}


def test_the_files_hold_what_the_rows_say(model, tmp_path, capsys):
    """With the metrics themselves; PSNR is checked against its formula."""
    out = tmp_path / "deep" / "evaluation"
    rows = evaluate(*model, SuperResolution(2), pictures((64, 72), (64, 72)), out=out, progress=False,
                    alphas=AlphaSpace(("plain", "bright")).sweep(2))
    assert sorted(path.name for path in out.iterdir()) == ["grid.csv", "plot.png", "sheet.png", "table.csv", "table.md"]

    with (out / "grid.csv").open(newline="") as file:
        grid = list(csv.DictReader(file))
    assert list(grid[0]) == ["image", "method", "alpha_plain", "alpha_bright", *METRICS]
    for written, row in zip(grid, rows, strict=True):
        assert [float(written[name]) for name in METRICS] == pytest.approx([row[name] for name in METRICS], rel=1e-6)
    with (out / "table.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["psnr_rgb"]) for row in table] == pytest.approx(
        [np.mean([row["psnr_rgb"] for row in rows[index::3]]) for index in range(3)], rel=1e-6)
    assert [row["images"] for row in table] == ["2"] * 3

    text = (out / "table.md").read_text()
    assert text in capsys.readouterr().out
    assert "2 pixels cut off every side" in text and f"{mean_rows(rows)[0]['psnr_rgb']:.2f}" in text
    # Brighter by 25.5 levels everywhere: 10 log10(255^2 / 25.5^2) is 20 dB, less what the enlargement loses.
    assert rows[2]["psnr_rgb"] == pytest.approx(20, abs=0.2) and rows[1]["psnr_rgb"] > 30
    assert rows[2]["lpips_alex"] > rows[1]["lpips_alex"] >= 0
    assert read_picture(out / "sheet.png").shape[1] > 5 * 200 and read_picture(out / "plot.png").shape[0] > 400
