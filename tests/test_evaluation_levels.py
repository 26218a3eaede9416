"""Several levels, sets and fixed networks side by side, of networks whose answers are known."""
import csv

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable
from dynjax.evaluation import evaluate, measure
from dynjax.evaluation.restoration.layout import layout_rows
from dynjax.networks.layers import reflect
from dynjax.tasks import Denoise

RNG = np.random.default_rng(0)
TASK = Denoise(levels_255=(5.0, 25.0))


class Fade(nn.Module):
    """(1 - bias) x + bias / 2: at bias 0 the noisy picture itself, at bias 1 flat grey."""

    @nn.compact
    def __call__(self, x):
        bias = self.param("bias", nn.initializers.zeros, ())
        return (1 - bias) * x + bias / 2


MODEL = Tunable(Fade(), alpha=("fidelity", "noise"), phi="identity")
VARIABLES = {"params": {"kernels": {"bias": jnp.array([0.4, 0.0])}}}
POINTS = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
FIXED = {"half": (Fade(), {"params": {"bias": jnp.array(0.5)}}, np.array([0.5, 0.5])),
         "unsaid": (Fade(), {"params": {"bias": jnp.array(0.5)}}, None)}


def pictures(count):
    return [(f"p{index}", RNG.uniform(0.49, 0.51, (32, 36, 3)).astype(np.float32)) for index in range(count)]


def test_every_picture_is_measured_at_every_level():
    rows = measure(MODEL, VARIABLES, TASK, pictures(2), POINTS, fixed=FIXED, metrics=["psnr_rgb"], progress=False).rows
    assert [(row["image"], row["level"], row["method"]) for row in rows[:7]] == [
        ("p0", "sigma 5", "noisy"), ("p0", "sigma 5", "half"), ("p0", "sigma 5", "unsaid"),
        *[("p0", "sigma 5", "tunable")] * 3, ("p0", "sigma 25", "noisy")]
    assert len(rows) == 2 * 2 * 6
    noisy, half, unsaid, *tuned = rows[:6]
    # 20 log10(255 / 5) is 34.15 dB; at alpha (0, 1) nothing is taken away, and 90 % is what the aim keeps.
    assert noisy["psnr_rgb"] == pytest.approx(34.15, abs=0.2) and np.isnan(noisy["psnr_aim"])
    assert tuned[-1]["noise_left"] == pytest.approx(1, abs=1e-5) and half["noise_left"] == pytest.approx(0.5, abs=0.05)
    # Half a level apart, a tenth of the noise, and both rounded, which adds a variance of 1/12 each.
    assert tuned[-1]["psnr_aim"] == pytest.approx(10 * np.log10(255**2 / (0.25 + 2 / 12)), abs=0.1)
    # A fixed network stands at the alpha that it was trained for; where none is known, it has no aim.
    assert half["alpha_noise"] == 0.5 and unsaid["alpha_noise"] is None and np.isnan(unsaid["psnr_aim"])
    assert half["psnr_rgb"] == unsaid["psnr_rgb"]


def test_the_layout_has_a_column_for_every_set_and_point(tmp_path, capsys):
    rows = evaluate(MODEL, VARIABLES, TASK, {"a": pictures(1), "b": pictures(2)}, alphas=POINTS, out=tmp_path,
                    fixed=FIXED, metrics=["psnr_rgb"], progress=False)
    with (tmp_path / "layout.csv").open(newline="") as file:
        laid = list(csv.DictReader(file))
    assert list(laid[0]) == ["metric", "method", "a 1.00", "a 0.50", "a 0.00", "a -",
                             "b 1.00", "b 0.50", "b 0.00", "b -"]
    assert [(row["metric"], row["method"]) for row in laid[:4]] == [
        ("psnr_rgb", "half"), ("psnr_rgb", "unsaid"), ("psnr_rgb", "tunable"), ("psnr_aim", "half")]
    assert laid[1]["a -"] != "" and laid[1]["a 0.50"] == ""       # of an alpha that nobody knows
    of_b = [row["psnr_rgb"] for row in rows if row["set"] == "b" and row["method"] == "tunable"
            and row["alpha_noise"] == 1]
    assert len(of_b) == 4 and float(laid[2]["b 0.00"]) == pytest.approx(np.mean(of_b), rel=1e-6)
    assert laid[0]["b 0.00"] == "" and laid[0]["b 0.50"] != ""
    text = (tmp_path / "table.md").read_text()
    assert text in capsys.readouterr().out
    assert "3 pictures of 2 sets together at each of 2 levels" in text
    assert (tmp_path / "layout.md").read_text() in text
    assert not (tmp_path / "plot.png").exists() and (tmp_path / "sheet.png").exists()   # no LPIPS, no plot of it


def test_every_set_at_every_level_stands_by_itself(tmp_path, capsys):
    rows = evaluate(MODEL, VARIABLES, TASK, {"a": pictures(1), "b": pictures(2)}, alphas=POINTS, out=tmp_path,
                    fixed=FIXED, metrics=["psnr_rgb"], progress=False)
    with (tmp_path / "levels.csv").open(newline="") as file:
        laid = list(csv.DictReader(file))
    assert list(laid[0]) == ["metric", "method", "alpha", "a sigma 5", "a sigma 25", "b sigma 5", "b sigma 25"]
    assert {row["metric"] for row in laid} == {"psnr_rgb", "psnr_aim", "noise_left"}
    assert [(row["method"], row["alpha"]) for row in laid[:6]] == [
        ("noisy", "-"), ("half", "0.50"), ("unsaid", "-"), *[("tunable", at) for at in ("1.00", "0.50", "0.00")]]
    wanted = np.mean([row["psnr_rgb"] for row in rows if row["set"] == "b" and row["level"] == "sigma 25"
                      and row["alpha_noise"] == 0.0])
    assert float(laid[3]["b sigma 25"]) == pytest.approx(wanted, rel=1e-6)
    text = (tmp_path / "levels.md").read_text()
    assert text.startswith("PSNR RGB by level:") and "noise left by level:" in text
    assert text.partition("\n\nPSNR to aim")[0] in capsys.readouterr().out


def test_what_is_left_out_of_one_of_several_sets_is_named_with_it(tmp_path):
    class Task(Denoise):
        def evaluation_example(self, image, key=None):
            if min(image.shape[:2]) < 8:
                raise ValueError("too small")
            return super().evaluation_example(image, key)

    sets = {name: [("tiny", np.ones((4, 4, 3), np.float32)), *pictures(1)] for name in ("a", "b")}
    evaluate(MODEL, VARIABLES, Task(), sets, alphas=POINTS, out=tmp_path, metrics=["psnr_rgb"], progress=False)
    assert "left out: a: tiny, b: tiny." in (tmp_path / "table.md").read_text()


def test_a_picture_too_small_for_a_network_is_left_out():
    class Padded(nn.Module):
        @nn.compact
        def __call__(self, x):
            side = x.shape[1]
            return reflect(Fade(name="fade")(x), 5, 5, 5, 5)[:, 5:5 + side, 5:-5]

    model = Tunable(Padded(), alpha=("fidelity", "noise"), phi="identity")
    variables = {"params": {"kernels": {"fade": {"bias": jnp.array([0.4, 0.0])}}}}
    three = [*pictures(1), ("tiny", np.ones((3, 9, 3), np.float32)), *pictures(1)]
    found = measure(model, variables, TASK, three, POINTS, metrics=["psnr_rgb"], progress=False, keep=2)
    assert found.left_out == ["tiny"] and len(found.rows) == 2 * 2 * 4
    with pytest.raises(ValueError, match=r"can be used: an image of 3 x 9 is too small .* above these\. Give other"):
        measure(model, variables, TASK, three[1:2], POINTS, metrics=["psnr_rgb"], progress=False)


def test_points_that_are_on_no_line_keep_all_their_numbers():
    row = lambda a, b: {"image": "p", "method": "tunable", "alpha_a": a, "alpha_b": b, "psnr_rgb": 1.0}
    assert list(layout_rows([row(1.0, 0.0), row(1.0, 1.0)])[0]) == ["metric", "method", "1.00, 0.00", "1.00, 1.00"]
    close = layout_rows([row(0.5, 0.5), row(0.495, 0.505), row(0.5025, 0.4975)])[0]
    assert list(close) == ["metric", "method", "0.500", "0.495", "0.502"]         # as many digits as tell them apart


def test_a_picture_is_counted_at_all_levels_or_at_none():
    class Task(Denoise):
        def evaluation_example(self, image, key=None):
            if self.levels_255 == (25.0,) and image[0, 0, 0] == np.float32(1):
                raise ValueError("too bright")
            return super().evaluation_example(image, key)

    task = Task(levels_255=(5.0, 25.0))
    two = [("bright", np.ones((24, 24, 3), np.float32)), *pictures(1)]
    found = measure(MODEL, VARIABLES, task, two, POINTS, metrics=["psnr_rgb"], progress=False)
    assert found.left_out == ["bright"] and {row["image"] for row in found.rows} == {two[1][0]}


def test_a_network_that_must_be_told_the_noise_is_told_it():
    class Told(nn.Module):
        @nn.compact
        def __call__(self, x, sigma):
            return x + self.param("zero", nn.initializers.zeros, ()) + sigma

    found = measure(MODEL, VARIABLES, Denoise(levels_255=(51.0,)), pictures(1), POINTS, metrics=["psnr_rgb"],
                    fixed={"told": (Told(), {"params": {"zero": jnp.zeros(())}}, None)}, keep=1, progress=False)
    shift = found.kept[0].baselines["told"].astype(int) - found.kept[0].baselines["noisy"]
    assert set(shift[found.kept[0].baselines["told"] < 255].ravel()) <= {*range(52)} and shift.max() == 51
    with pytest.raises(ValueError, match="fixed network odd has an alpha of 3 numbers; wanted 2"):
        measure(MODEL, VARIABLES, TASK, pictures(1), POINTS, metrics=["psnr_rgb"], progress=False,
                fixed={"odd": (Fade(), {"params": {"bias": jnp.array(0.5)}}, np.ones(3))})
    with pytest.raises(ValueError, match="a fixed network is called noisy, as another row is"):
        measure(MODEL, VARIABLES, TASK, pictures(1), POINTS, metrics=["psnr_rgb"], progress=False,
                fixed={"noisy": (Fade(), VARIABLES, None)})


def test_unknown_metrics_are_told():
    with pytest.raises(ValueError, match="metrics are psnr; wanted some of psnr_rgb, psnr_y"):
        measure(MODEL, VARIABLES, TASK, pictures(1), POINTS, metrics=["psnr"])


def test_a_fixed_network_that_fails_is_named():
    wrong = {"wrong": (Fade(), {"params": {"bias": jnp.array(np.nan)}}, None)}
    with pytest.raises(ValueError, match="the output for p0 at wrong is not finite"):
        measure(MODEL, VARIABLES, TASK, pictures(1), POINTS, fixed=wrong, metrics=["psnr_rgb"], progress=False)
