"""Objectives over alpha: against values worked out with numpy from what the blocks are known to do."""
import csv
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import DynamicNet, Tunable
from dynjax.evaluation import (
    figures,
    measure_objectives,
    objective_plane,
    picture_rows,
    plot_objectives,
    report_objectives,
)
from dynjax.evaluation.pareto.objective_plane import curve_order
from dynjax.files import read_picture
from dynjax.networks import EDSR
from dynjax.objectives import build_multi_loss
from dynjax.tasks import Completion, SuperResolution

L1_AND_VARIATION = build_multi_loss({"fidelity": {"terms": {"l1": 2.0}, "weight": 7.0},
                                     "roughness": {"terms": {"total_variation": 1.0}}})
seen = []   # what the counting objective was given, while it ran


class Same(nn.Module):
    """Leaves a picture as it is."""

    def __call__(self, x):
        return x


class Three(nn.Module):
    """Three layers that change nothing, so that a DynamicNet around them does what its blocks do."""

    @nn.compact
    def __call__(self, x):
        for name in ("bright", "fade", "last"):
            x = Same(name=name)(x)
        return x


class Adds(nn.Module):
    """psi(z) = amount."""
    amount: float

    def __call__(self, z):
        return jnp.full_like(z, self.amount)


class Fades(nn.Module):
    """psi(z) = -z."""

    def __call__(self, z):
        return -z


class Multiply(nn.Module):
    """A fixed network with one parameter."""

    @nn.compact
    def __call__(self, x):
        return x * self.param("factor", nn.initializers.ones, ())


class Itself(SuperResolution):
    """The picture itself is input and target."""

    def evaluation_example(self, image, key):
        if image.shape[0] < 3:
            raise ValueError("too small")
        return {"input": image, "target": image}

    def baselines(self, example):
        return {"grey": np.full_like(example["input"], 0.5)}


class Counting:
    """An objective whose two values say nothing; counts the targets and the outputs it reads."""
    names = ("one", "two")

    def constants(self):
        return {}

    def values(self, constants, output, example):
        def read(which):
            def note(x):
                seen.append((which, x.size // np.prod(x.shape[-3:])))
                return x
            return lambda x: jnp.mean(jax.pure_callback(note, jax.ShapeDtypeStruct(x.shape, x.dtype), x,
                                                        vmap_method="broadcast_all"))

        return jnp.stack([read("output")(output), read("target")(example["target"])])[None]


@pytest.fixture
def three():
    dynamic = DynamicNet(Three(), before={"last": Adds(0.2), "bright": Adds(0.1)}, after={"fade": Fades()})
    return dynamic, {"params": {"main": {}, "blocks": {"last": {}, "bright": {}, "fade": {}}}}, Itself(1)


def pictures(*sizes):
    for number, (height, width) in enumerate(sizes):
        yield f"p{number}", np.random.default_rng(number).uniform(0.2, 0.8, (height, width, 3)).astype(np.float32)


def expected(image, output):
    """2 |output - image| and the total variation, in double precision."""
    output = np.asarray(output, np.float64)
    variation = np.abs(np.diff(output, axis=0)).mean() + np.abs(np.diff(output, axis=1)).mean()
    return [2 * np.abs(output - image).mean(), variation]


def moved(image, last, bright, fade):
    """What the three blocks make of a picture."""
    return (image.astype(np.float64) + 0.1 * bright) * (1 - fade) + 0.2 * last


def measured(three, alphas, *sizes, objectives=L1_AND_VARIATION, **options):
    return measure_objectives(*three, objectives, pictures(*sizes or [(5, 6)]), alphas, progress=False, **options)


def test_curve_grid_fixed_and_blends_are_measured_a_picture(three):
    sizes, axes = [(5, 6), (4, 7)], [[0, 1], [-1, 0.5, 2], [0.25, 0.75]]
    fixed = {"half": (Multiply(), {"params": {"factor": 0.5}}), "same": (Multiply(), {"params": {"factor": 1.0}})}
    space = measured(three, [0, 0.5, 1.5], *sizes, product=axes, fixed=fixed, shares=3, blends={
        "halves": ("half", "same"), "to grey": ("input", "grey"), "ends": (0.5, [1, 0, 0])})
    assert space.objectives == ("fidelity", "roughness") and space.images == ["p0", "p1"]
    assert space.alpha == ("last", "bright", "fade")
    np.testing.assert_array_equal(space.curve.alphas, [[0] * 3, [0.5] * 3, [1.5] * 3])
    np.testing.assert_allclose(space.grid.alphas[[0, 1, 2, 11]],
                               [[0, -1, .25], [0, -1, .75], [0, .5, .25], [1, 2, .75]])
    assert space.curve.values.shape == (3, 2, 2) and space.grid.values.shape == (12, 2, 2)
    for index, (_, image) in enumerate(pictures(*sizes)):
        for points in (space.curve, space.grid):
            wanted = [expected(image, moved(image, *alpha)) for alpha in points.alphas]
            np.testing.assert_allclose(points.values[:, index], wanted, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(space.fixed["half"][index], expected(image, image / 2), rtol=1e-5)
        ends = {"halves": (image / 2, image), "to grey": (image, np.full_like(image, 0.5)),
                "ends": (moved(image, .5, .5, .5), moved(image, 1, 0, 0))}
        for name, (first, second) in ends.items():
            wanted = [expected(image, (1 - share) * first + share * second) for share in (0, 0.5, 1)]
            np.testing.assert_allclose(space.blends[name].values[:, index], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(space.curve.means, space.curve.values.mean(1))


def test_the_target_is_read_once_for_all_points(three):
    seen.clear()
    measured(three, np.linspace(0, 1, 6), objectives=Counting(), product=3, chunk=3)
    counts = {which: sum(count for name, count in seen if name == which) for which in ("target", "output")}
    assert counts == {"target": 2, "output": 6 + 27}   # once for the curve and once for the grid


def test_a_task_says_what_is_judged(three):
    """Outputs are pictures plus 1 here, and only the left column counts."""
    class Shifted(Itself):
        def answer(self, output, example):
            return output - example["offset"][:, None, None, None]

        def loss_view(self, pictures):
            return pictures[:, :, :1]

        def evaluation_example(self, image, key):
            return {**super().evaluation_example(image, key), "offset": np.float32(1)}

    space = measured((*three[:2], Shifted(1)), [[0, 0, 0]], objectives=build_multi_loss({
        "fidelity": {"terms": {"l1": 2.0}}, "other": {"terms": {"l2": 1.0}}}),
        fixed={"half": (Multiply(), {"params": {"factor": 0.5}})}, shares=2, blends={"b": ("half", "input")})
    np.testing.assert_allclose(space.curve.values[0, 0], [2, 1], rtol=1e-5)   # |x - 1 - x| = 1, twice
    off = 1 + next(pictures((5, 6)))[1][:, :1] / 2                             # |x / 2 - 1 - x|
    half = [2 * off.mean(), (off**2).mean()]
    np.testing.assert_allclose(space.fixed["half"][0], half, rtol=1e-5)
    np.testing.assert_allclose(space.blends["b"].values[:, 0], [half, [0, 0]], rtol=1e-5, atol=1e-6)
    whole = measured(three, [[1, 0, 0]], objectives=build_multi_loss({"fidelity": {"terms": {"l2": 1.0}}}))
    np.testing.assert_allclose(whole.curve.values[0, 0], [0.04], rtol=1e-4)


def test_pictures_that_the_task_cannot_use_are_left_out(three):
    space = measured(three, [0, 1], (5, 6), (2, 6))
    assert space.images == ["p0"] and space.left_out == ["p1"]
    with pytest.raises(ValueError, match="no picture that can be used: too small"):
        measured(three, [0, 1], (2, 6))


def test_rows_are_of_the_first_pictures_that_the_task_can_use(three, tmp_path):
    """Two rows of input and two points, 256 pixels wide with 2 lines of 19 pixels under each and 10 between them."""
    draw = lambda task, *sizes: picture_rows(
        *three[:2], task, pictures(*sizes), np.array([[0.0] * 3, [1.0] * 3], np.float32), ["no", "yes"],
        tmp_path / "rows.png", pictures=2)
    draw(three[2], (2, 256), (256, 256), (2, 256), (256, 256), (5, 5))
    assert read_picture(tmp_path / "rows.png").shape == (2 * (256 + 4 + 38) + 3 * 10, 3 * 256 + 4 * 10, 3)
    draw(Completion(size=260, hole=20), (300, 280), (256, 256))   # more than is shown of other pictures
    assert read_picture(tmp_path / "rows.png").shape == (260 + 4 + 38 + 2 * 10, 3 * 260 + 4 * 10, 3)
    with pytest.raises(ValueError, match="picture_rows got no picture that can be used: too small"):
        draw(three[2], (2, 256))


@pytest.mark.parametrize("options, why", [
    (dict(alphas=[]), r"alphas of shape \(0,\); wanted \(A,\)"),
    (dict(alphas=[0.0, np.nan]), r"fidelity, roughness for p0 at alpha \(last nan.*is not finite"),
    (dict(alphas=[[0, 1]]), "alpha has shape"),
    (dict(product=1), "product=1; wanted 2 or more"),
    (dict(product=[[0, 1]]), "wanted a list of numbers for each of last, bright, fade"),
    (dict(fixed={"a": Multiply()}), "fixed network 'a' is a Multiply; wanted"),
    (dict(blends={"b": "input"}), "blend 'b' is 'input'; wanted its two ends"),
    (dict(blends={"b": ("inputs", 0)}), "has the end 'inputs'; wanted one of input, grey"),
    (dict(blends={"b": ("input", 0)}, shares=[]), "shares of shape"),
    (dict(fixed={"large": (EDSR(2, 0, 2), None)}), r"fixed network large makes \(10, 12, 3\) of \(5, 6, 3\)"),
])
def test_bad_input_gets_a_sentence(three, options, why):
    if "large" in options.get("fixed", {}):
        net = EDSR(2, 0, 2)
        shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.ones((1, 5, 6, 3))))
        options = dict(fixed={"large": (net, jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes))})
    with pytest.raises(ValueError, match=why):
        measured(three, **{"alphas": [0.0, 1.0], **options})


def test_the_curve_is_sorted_where_all_blocks_have_one_alpha(three):
    plane = objective_plane(measured(three, [0.75, 0.25, 0.5]))
    np.testing.assert_array_equal(plane.alphas[:, 0], [0.25, 0.5, 0.75])
    assert plane.curve[0, 1] > plane.curve[1, 1] > plane.curve[2, 1]   # it fades
    np.testing.assert_array_equal(curve_order(np.array([[1.0, 1], [-1, -1], [0, 0]])), [1, 2, 0])
    np.testing.assert_array_equal(curve_order(np.array([[1.0, 0], [0.5, 0.5], [0, 1]])), [0, 1, 2])


def test_the_figures_are_those_of_the_trained_curve(three):
    """Without the first two blocks the picture fades to (1 - a) x: fidelity 2 a mean|x|, roughness (1 - a) TV(x)."""
    alphas = [[0, 0, alpha] for alpha in (-0.5, 0.25, 0.5, 0.75)]
    fixed = {f"{factor}": (Multiply(), {"params": {"factor": factor}}) for factor in (0.75, 0.625, 0.25)}
    space = measured(three, alphas, (5, 6), (4, 7), fixed=fixed, shares=5, blends={"chord": ([0, 0, .25], [0, 0, .75])},
                     product=[[0], [0, 1], [0.25, 0.5, 0.75]])
    plane = objective_plane(space)
    assert plane.log and plane.names == ("fidelity", "roughness") and plane.dropped == 0
    np.testing.assert_array_equal(plane.trained, [False, True, True, True])
    found = figures(space, plane)
    assert found["monotonicity"] == {"fidelity": {"means": 1, "median": 1, "weakest": 1},
                                     "roughness": {"means": -1, "median": -1, "weakest": -1}}
    # 0.75 x and 0.25 x are points of the curve, 0.625 x lies between two of them.
    assert found["fixed"]["0.75"]["distance"] == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(found["fixed"]["0.25"]["nearest"], [0, 0, 0.75], atol=1e-5)
    assert 0.3 < found["fixed"]["0.625"]["nearest"][2] < 0.45 and 0 < found["fixed"]["0.625"]["distance"] < 0.1
    assert found["inverse"] == pytest.approx(1)
    # From (log .25, log .75) over (log .5, log .5) to (log .75, log .25): (log 2, log 1.5), then (log 1.5, log 2).
    assert found["length"] == pytest.approx(2 * math.hypot(math.log(2), math.log(1.5)), rel=1e-5)
    # Hypervolume: the curve's middle dominates log(1.5) log(2) in the rectangle of side log(3); the chord is finer.
    side, strip = math.log(3), math.log(1.5) * math.log(1.5)
    assert found["hypervolume"]["curve"] == pytest.approx(strip / side**2, rel=1e-4)
    assert found["hypervolume"]["chord"] > found["hypervolume"]["curve"]
    assert found["turns"] == {"chord": {"fidelity": 0, "roughness": 0}}
    # Triangle of the three points; the grid adds brighter ones.
    steps = np.log([[2, 1 / 1.5], [3, 1 / 3]])
    assert found["area"]["curve"] == pytest.approx(abs(np.linalg.det(steps)) / 2, rel=1e-4)
    assert found["area"]["grid"] > found["area"]["curve"]


def test_the_weakest_picture_is_the_one_that_goes_the_other_way(three):
    values = np.array([[[1.0, 0], [5, 0], [2, 9]], [[2, 1], [6, 1], [1, 8]]])    # [2 points, 3 images, 2 objectives]
    space = measured(three, [0, 1])
    space.curve.values = values
    found = figures(space, objective_plane(space))["monotonicity"]
    assert found["fidelity"] == {"means": 1, "median": 1, "weakest": -1}


def test_a_plane_with_zeros_is_measured_in_the_curve_s_own_extent(three):
    """At alpha 0 the output is the target: no logarithm of its L1."""
    space = measured(three, [0, 0.5, 1], fixed={"same": (Multiply(), {"params": {"factor": 1.0}})}, shares=3,
                     blends={"b": ("input", "grey")})
    plane = objective_plane(space, ("roughness", "fidelity"))
    assert not plane.log and plane.names == ("roughness", "fidelity") and plane.dropped == 0
    np.testing.assert_allclose(np.ptp(plane.scaled(plane.curve), axis=0), [1, 1])
    assert figures(space, plane)["fixed"]["same"]["distance"] == pytest.approx(0, abs=1e-5)
    # With a curve that has logarithms, a blend that starts at the target loses that point.
    plane = objective_plane(measured(three, [0.25, 0.5], shares=3, blends={"b": ("input", [0, 0, 0.5])}))
    assert plane.log and len(plane.blends["b"]) == 2 and plane.dropped == 1
    for names in (("fidelity",), ("fidelity", "fidelity"), ("fidelity", "style")):
        with pytest.raises(ValueError, match="wanted two of fidelity, roughness"):
            objective_plane(space, names)


def test_the_files_say_what_was_measured(three, tmp_path, capsys):
    out = tmp_path / "deep" / "objectives"
    fixed = {"half": (Multiply(), {"params": {"factor": 0.5}})}
    space = report_objectives(*three, L1_AND_VARIATION, pictures((5, 6), (4, 7), (2, 2)), [1.2, 0.25, 0.5, 0.75],
                              product=2, fixed=fixed, blends={"ends": (0.25, 0.75)}, shares=3, out=out, progress=False)
    assert sorted(path.name for path in out.iterdir()) == ["objectives.csv", "objectives.md", "objectives.png"]
    with (out / "objectives.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["image", "kind", "name", "alpha_last", "alpha_bright", "alpha_fade", "share", "fidelity",
                             "roughness"]
    assert [row["kind"] for row in rows] == 2 * (["curve"] * 4 + ["grid"] * 8 + ["fixed"] + ["blend"] * 3)
    second = rows[16:]
    assert float(second[0]["alpha_fade"]) == pytest.approx(1.2) and second[0]["name"] == second[0]["share"] == ""
    assert float(second[1]["roughness"]) == pytest.approx(space.curve.values[1, 1, 1], rel=1e-6)
    assert float(second[11]["fidelity"]) == pytest.approx(space.grid.values[7, 1, 0], rel=1e-6)
    assert (second[12]["name"], second[12]["alpha_last"]) == ("half", "")
    assert (second[14]["name"], second[14]["share"]) == ("ends", "0.5")
    text = (out / "objectives.md").read_text()
    assert text in capsys.readouterr().out
    for part in ("each of 2 pictures", "neither clipped nor rounded", "natural logarithms",
                 "1 of 4 points of alpha lie", "5 points of the grid or the blends have",   # fade 1; all 0
                 "1 picture could not be read or used: p2", f"{space.curve.means[2, 0]:.4g}",
                 f"{space.fixed['half'].mean(0)[1]:.4g}", "Rank correlation (Spearman)", "| half ", "Hypervolume",
                 "grid of 3 points"):
        assert part in text, part
    assert read_picture(out / "objectives.png").shape[0] > 400
    with pytest.raises(ValueError, match="A single one has no plane"):
        report_objectives(*three, build_multi_loss({"only": {"terms": {"l1": 1.0}}}), [], [0, 1], out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_it_works_unchanged_for_a_tunable_super_resolution_network(tmp_path):
    net = EDSR(features=4, blocks=1, scale=2, upsampler="direct")
    shapes = jax.eval_shape(lambda: net.init(jax.random.key(0), jnp.ones((1, 8, 8, 3))))
    random = np.random.default_rng(0)
    draw = lambda: jax.tree.map(lambda leaf: jnp.asarray(random.normal(0, 0.1, leaf.shape), leaf.dtype), shapes)
    ends = [draw(), draw()]
    tunable = Tunable(net, alpha=("sharp", "smooth"), phi="identity")
    kernels = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(end["params"] for end in ends))
    variables = {"params": {"kernels": kernels}}
    images = list(pictures((16, 18), (16, 18)))
    space = report_objectives(tunable, variables, SuperResolution(2), L1_AND_VARIATION, images,
                              [[1, 0], [0.5, 0.5], [0, 1]], product=[[0, 1], [0, 1]], shares=2, out=tmp_path,
                              fixed={"first": (net, ends[0])}, blends={"bicubic": ("bicubic", [0, 1])}, progress=False)
    assert space.alpha == ("sharp", "smooth") and space.grid.values.shape == (4, 2, 2)
    # alpha (1, 0) is the first network itself; the grid's (1, 0) and (0, 1) are the curve's ends.
    np.testing.assert_allclose(space.curve.values[0], space.fixed["first"], rtol=1e-5)
    np.testing.assert_allclose(space.grid.values[[2, 1]], space.curve.values[[0, 2]], rtol=1e-5)
    np.testing.assert_allclose(space.blends["bicubic"].values[1], space.curve.values[2], rtol=1e-5)
    task = SuperResolution(2)
    for index, (_, image) in enumerate(images):
        bicubic = task.baselines(task.evaluation_example(image))["bicubic"]
        np.testing.assert_allclose(space.blends["bicubic"].values[0, index], expected(image, bicubic), rtol=1e-5)
    with pytest.raises(ValueError, match=r"numbers sharp, smooth; wanted \(A, 2\)"):
        measure_objectives(tunable, variables, task, L1_AND_VARIATION, images, [0.0, 1.0], progress=False)
    with pytest.raises(ValueError, match="take a baseline instead of the input"):
        measure_objectives(tunable, variables, task, L1_AND_VARIATION, images, [[1, 0]], progress=False,
                           blends={"b": ("input", [1, 0])})


def test_the_plot_draws_what_there_is(three, tmp_path):
    """A curve alone, and one that is extrapolated throughout."""
    for alphas in ([0.25, 0.5], [1.5, 2.0]):
        space = measured(three, alphas)
        plot_objectives(objective_plane(space), tmp_path / "plane.png", alpha_names=space.alpha)
        assert read_picture(tmp_path / "plane.png").std() > 0
        assert figures(space, objective_plane(space))["length"] > 0
