"""What alpha does to generated pictures: against numbers worked out with numpy from what the networks compute."""
import csv
import functools
import importlib
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

import dynjax
from dynjax.control import DynamicNet
from dynjax.evaluation import Attributes, attribute_figures, measure_attributes, measure_run, report_attributes
from dynjax.evaluation import run as measure
from dynjax.evaluation.attributes.report import attribute_table
from dynjax.evaluation.devices import over_devices
from dynjax.experiment import Experiment
from dynjax.files import read_picture
from dynjax.tasks import Faces, Style

RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=(7, 4)).astype(np.float32)
ALPHAS = np.array([[-0.5], [0.0], [0.25], [0.5], [1.0]], np.float32)
SHIFT = np.array([0.3, -0.2, 0.1], np.float32)   # psi: the block's bias, its kernel is zero
RED = {"red": lambda pictures: pictures[..., 0].mean((1, 2))}


@dynjax.models.register
class TinyGenerator(nn.Module):
    """Noise [N, 4] to pictures [N, size, size, 3]."""
    size: int = 8

    @nn.compact
    def __call__(self, z, train=False):
        y = nn.Dense(self.size**2 * 2, name="grow")(z).reshape(-1, self.size, self.size, 2)
        y = nn.BatchNorm(use_running_average=not train, name="norm")(y)
        return nn.Conv(3, (1, 1), name="paint")(y)


class InTraining:
    """Uses the batch's own statistics, as the published program does."""

    def __init__(self, model):
        self.model = model

    def apply(self, variables, x, alpha):
        return self.model.apply(variables, x, alpha, train=True, mutable=["batch_stats"])[0]


@functools.cache
def built(size=8):
    """A generator with a block behind its last layer that adds SHIFT, and running statistics of its own."""
    model = DynamicNet(TinyGenerator(size), after={"paint": dynjax.TuningBlock(layers=1, kernel_size=1)})
    variables = model.init(jax.random.key(0), jnp.asarray(NOISE[:1]), 0.0)
    variables["params"]["blocks"]["paint"]["conv0"] = {"kernel": jnp.zeros((1, 1, 3, 3)), "bias": jnp.asarray(SHIFT)}
    variables["batch_stats"]["main"]["norm"] = {"mean": jnp.array([0.5, -1.0]), "var": jnp.array([4.0, 0.25])}
    return model, variables


def grown(variables, noise):
    """What reaches the batch norm, [N, 8, 8, 2], by numpy."""
    grow = variables["params"]["main"]["grow"]
    return (noise @ np.asarray(grow["kernel"]) + np.asarray(grow["bias"])).reshape(-1, 8, 8, 2)


def painted(variables, y, mean, var):
    """The main network's pictures of it, by numpy; scale 1, offset 0."""
    paint = variables["params"]["main"]["paint"]
    return (y - mean) / np.sqrt(np.asarray(var) + 1e-5) @ np.asarray(paint["kernel"])[0, 0] + np.asarray(paint["bias"])


def answer(output, example):
    return (output + 1) / 2


def test_values_and_pictures_by_hand():
    """Seven inputs in chunks of three: the last is filled up, and what fills it is not measured."""
    model, variables = built()
    sizes, compiled = [], []

    def counting(pictures):
        sizes.append(len(pictures))
        return RED["red"](pictures)

    def counted(output, example):
        compiled.append(example["input"].shape)   # only while it is traced
        return answer(output, example)

    with jax.default_device(jax.local_devices()[0]):
        found = measure_attributes(model, variables, NOISE, ALPHAS, answer=counted, measures={"red": counting},
                                   chunk=3, keep=4)
    assert sizes == [3] * 10 + [1] * 5
    assert compiled == [(3, 4), (1, 4)]
    plain = painted(variables, grown(variables, NOISE), [0.5, -1.0], [4.0, 0.25])
    pictures = (plain + ALPHAS[:, :, None, None, None] * SHIFT + 1) / 2          # [A, N, 8, 8, 3]
    assert found.names == ("red", "distance", "variety") and found.alpha == ("paint",)
    assert found.pictures.shape == (5, 4, 8, 8, 3)
    np.testing.assert_allclose(found.pictures, pictures[:, :4], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.values[..., 0], pictures[..., 0].mean((2, 3)), rtol=1e-5, atol=1e-5)
    # Half of the shift, for the pictures are halved: sqrt((0.09 + 0.04 + 0.01) / 3) / 2.
    distances = np.abs(ALPHAS) * math.sqrt(0.14 / 3) / 2
    np.testing.assert_allclose(found.values[..., 1], np.repeat(distances, 7, axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.values[1, :, 1], 0)
    following = pictures[:, [1, 2, 0, 4, 5, 3, 0]]   # the next of its chunk; the last is filled from the first
    varieties = np.sqrt(((pictures - following) ** 2).mean((2, 3, 4)))
    np.testing.assert_allclose(found.values[..., 2], varieties, rtol=1e-5)
    np.testing.assert_allclose(found.means, found.values.mean(1))
    assert found.independence < 1e-6
    figures = attribute_figures(found)                                           # alpha -0.5 was not trained
    assert figures["red"] == pytest.approx({"monotonicity": 1, "monotone": 1, "range": 0.15, "largest_step": 0.5},
                                           abs=1e-5)
    assert figures["distance"]["monotonicity"] == pytest.approx(1)
    assert attribute_figures(found, trained=(-1, 1))["distance"]["monotonicity"] < 0.9


def test_nothing_depends_on_the_number_of_devices(monkeypatch):
    model, variables = built()
    measured = lambda: measure_attributes(model, variables, NOISE, ALPHAS, answer=answer, measures=RED, chunk=2, keep=3)
    module, used = importlib.import_module("dynjax.evaluation.attributes.measure"), []
    shared_out = lambda work, items, shared: over_devices(
        lambda variables, item: used.append(jax.tree.leaves(variables)[0].devices()) or work(variables, item), items,
        shared)
    monkeypatch.setattr(module, "over_devices", shared_out)
    many = measured()
    assert set.union(*used) == set(jax.local_devices()[:4])   # four chunks
    with jax.default_device(jax.local_devices()[0]):
        one = measured()
    np.testing.assert_array_equal(many.values, one.values)
    np.testing.assert_array_equal(many.pictures, one.pictures)
    assert many.independence == one.independence


def test_pictures_that_depend_on_their_batch_are_told():
    """With the batch's own statistics the first picture alone is another than among three."""
    model, variables = built()
    found = measure_attributes(InTraining(model), variables, NOISE[:3], ALPHAS, answer=answer, measures={}, chunk=3)
    y = grown(variables, NOISE[:3])
    among = painted(variables, y, y.mean((0, 1, 2)), y.var((0, 1, 2)))[0]
    alone = painted(variables, y[:1], y[:1].mean((0, 1, 2)), y[:1].var((0, 1, 2)))[0]
    expected = np.abs(among - alone).max() / 2
    assert expected > 0.1
    assert found.independence == pytest.approx(expected, rel=1e-4)
    assert "pictures depend on what else is in their batch" in attribute_table(found)
    assert "No measure of an attribute is known" in attribute_table(found)
    single = measure_attributes(model, variables, NOISE[:3], ALPHAS[:2], answer=answer, measures={}, chunk=1)
    assert math.isnan(single.independence) and "made alone" in attribute_table(single)


def curves(*inputs, alphas=None, name="hair"):
    values = np.array(inputs, np.float64).T[..., None]
    alphas = np.linspace(0, 1, len(values)) if alphas is None else alphas
    pictures = np.zeros((len(values), 1, 2, 2, 3))
    return Attributes((name,), ("block",), np.asarray(alphas, np.float32)[:, None], values, pictures, 0.0)


def test_share_of_monotone_inputs_by_hand():
    """Rising; back by 4 % of its range; back by 6 %; falling; unchanged: two of five follow the rising mean."""
    found = curves([0, 1, 2, 3], [0, 0.5, 0.46, 1], [0, 0.5, 0.44, 1], [0.3, 0.2, 0.1, 0], [5, 5, 5, 5])
    row = attribute_figures(found)["hair"]
    # Means 1.06, 1.44, 1.6, 2.
    assert row == pytest.approx({"monotonicity": 1, "monotone": 0.4, "range": 0.94, "largest_step": 0.4 / 0.94})
    assert attribute_figures(found, tolerance=0.07)["hair"]["monotone"] == pytest.approx(0.6)
    assert attribute_figures(found, tolerance=0.0)["hair"]["monotone"] == pytest.approx(0.2)
    falling = attribute_figures(curves([3, 2, 1, 0], [1, 0.46, 0.5, 0]))["hair"]
    assert (falling["monotonicity"], falling["monotone"]) == pytest.approx((-1, 1))


def test_many_small_steps_back_are_a_fall():
    """Forty points: each step is 2.6 % of the range, and the input goes the other way all along."""
    up = np.linspace(0, 1, 40)
    assert attribute_figures(curves(2 * up, 1 - up))["hair"]["monotone"] == 0.5


def test_figures_of_points_that_were_trained_and_of_a_mean_that_stays():
    beyond = curves([9, 0, 2, 1, 9], alphas=[-0.5, 0, 0.5, 1, 1.5])
    assert attribute_figures(beyond)["hair"]["monotonicity"] == pytest.approx(0.5)   # ranks 1, 3, 2
    assert attribute_figures(beyond)["hair"]["range"] == 2
    only = curves([0, 2, 1], alphas=[2, 3, 4])
    assert attribute_figures(only)["hair"]["range"] == 2 and "No point of alpha lies within" in attribute_table(only)
    backwards = curves([0, 2, 3], alphas=[1, 0.5, 0])
    assert attribute_figures(backwards)["hair"]["monotonicity"] == pytest.approx(-1)
    still = curves([0, 1, 2], [2, 1, 0])
    assert all(math.isnan(attribute_figures(still)["hair"][key]) for key in ("monotonicity", "monotone"))
    assert "| hair    |        - |" in attribute_table(still)
    rounding = curves([0.5, 0.5, 0.5 + 1e-7])
    assert math.isnan(attribute_figures(rounding)["hair"]["monotonicity"])


def test_files_of_a_report(tmp_path, capsys):
    model, variables = built()
    alphas = np.array([[0.0], [0.5], [1.0], [1.5]], np.float32)
    found = report_attributes(model, variables, NOISE, alphas, answer=answer, measures=RED, out=tmp_path / "new",
                              labels=["0", "0.5", "1", "1.5"], rows=2, chunk=4)
    with open(tmp_path / "new/attributes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["input", "alpha_paint", "red", "distance", "variety"] and len(rows) == 7 * 4
    row = rows[2 * 4 + 1]                                                       # input 2 at alpha 0.5
    assert (row["input"], float(row["alpha_paint"])) == ("2", 0.5)
    assert float(row["red"]) == pytest.approx(found.values[1, 2, 0], rel=1e-6)
    text = (tmp_path / "new/attributes.md").read_text()
    assert text in capsys.readouterr().out
    assert "each of 7 fixed inputs" in text and "1 of 4 points of alpha lie beyond" in text
    line = next(line for line in text.splitlines() if line.startswith("| red"))
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["red", "1.000", "100.0%", "0.1500", "50.0%"]
    assert read_picture(tmp_path / "new/attributes.png").shape[1] == 3 * 504    # 4.2 inches of 120 dots each
    # Pictures of 8 pixels, 32 times as large, with 10 pixels around; under each a line of 19 and 4 between.
    assert read_picture(tmp_path / "new/rows.png").shape == (2 * (256 + 23) + 3 * 10, 4 * 256 + 5 * 10, 3)


@pytest.mark.parametrize("change, sentence", [
    (dict(inputs=NOISE[:0]), r"inputs of shape \(0, 4\); wanted \(N, ...\)"),
    (dict(alphas=[0.0, 1.0]), r"alphas of shape \(2,\); wanted \(A, K\)"),
    (dict(alphas=[[math.nan]]), "alphas that are not finite"),
    (dict(chunk=0), "chunk=0; wanted 1 or more"),
    (dict(measures={"distance": RED["red"]}), "'distance', the name of a built-in one"),
    (dict(measures={"red": lambda pictures: pictures[..., 0]}), r"red gave shape \(3, 8, 8\) for 3 pictures"),
    (dict(measures={"red": lambda pictures: np.full(len(pictures), np.nan)}), "red gave values that are not finite"),
    (dict(answer=lambda output, example: output[0]), r"pictures of shape \(8, 8, 3\) for 3 inputs"),
    (dict(answer=lambda output, example: output / 0), r"alpha \[0.0\] the pictures have values that are not finite"),
    (dict(labels=["one"]), "1 labels for 2 points"),
    (dict(rows=0), "rows=0; wanted 1 or more"),
])
def test_what_a_user_can_put_right_is_a_sentence(tmp_path, change, sentence):
    model, variables = built()
    options = dict(inputs=NOISE[:3], alphas=ALPHAS[1:3], answer=answer, measures=RED, labels=["0", "1"]) | change
    options["labels"] = options["labels"] if "labels" in change else [""] * len(options["alphas"])
    with pytest.raises(ValueError, match=sentence):
        report_attributes(model, variables, options.pop("inputs"), options.pop("alphas"), out=tmp_path, **options)


def test_faces_know_their_measures():
    assert Faces().generates and not Style().generates
    assert list(Faces().measures("drawn-faces")) == ["hair", "smile"]
    assert Faces().measures("celeba:faces") == {} and Style().measures("drawn-faces") == {}


def run_of(tmp_path, monkeypatch, model, variables, **evaluation):
    """A trained run of faces, and the function that measures it."""
    dynjax.save(tmp_path / "model.safetensors", model, variables)
    config = ConfigDict(dict(seed=3, data=dict(patch_size=32), evaluation=dict(
        source="drawn-faces", alphas=3, range=(0.0, 1.0), outside=0.5, inputs=5) | evaluation))
    phase = type("Phase", (), {"task": Faces(latent=4), "steps": 1})()
    monkeypatch.setattr(measure, "build", lambda config: Experiment(config, model, (phase,), (config,)))
    return lambda **flags: measure_run(config, workdir=tmp_path, **flags)


def test_a_run_of_faces_is_measured_by_its_attributes(tmp_path, monkeypatch, capsys):
    """Hair of drawn faces, of noise that comes of the seed, also beyond the trained range; no picture is read."""
    model, variables = built(size=32)
    evaluate = run_of(tmp_path, monkeypatch, model, variables)
    evaluate()
    with open(tmp_path / "evaluation/attributes.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["alpha_paint"]) for row in rows[:5]] == [-0.5, 0, 0.5, 1, 1.5] and len(rows) == 25
    noise = [jax.random.normal(jax.random.fold_in(jax.random.key(3), index), (4,)) for index in range(5)]
    pictures = (np.asarray(TinyGenerator(32).apply(
        {name: tree["main"] for name, tree in variables.items()}, jnp.stack(noise))) + 1) / 2
    hair = [float(row["hair"]) for row in rows if float(row["alpha_paint"]) == 0]
    np.testing.assert_allclose(hair, dynjax.data.measure_hair(pictures), rtol=1e-4, atol=1e-5)
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == {
        "attributes.csv", "attributes.md", "attributes.png", "rows.png"}
    capsys.readouterr()
    evaluate(data="folder:nowhere", out=tmp_path / "others", alphas=2)
    assert "No measure of an attribute is known" in capsys.readouterr().out
    for flags, said in ((dict(objectives=True), "--objectives cannot be had: a task that makes pictures from noise"),
                        (dict(appearance=True), "--appearance cannot be had"),
                        (dict(grid=3), "--grid belongs to an evaluation of objectives, and this one is of attributes"),
                        (dict(fixed=["a"]), "--fixed belongs to an evaluation of objectives or targets"),
                        (dict(niqe="file"), "--niqe belongs to an evaluation of targets")):
        with pytest.raises(ValueError, match=said):
            evaluate(**flags)


def test_cut_faces_have_no_known_measure(tmp_path, monkeypatch, capsys):
    evaluate = run_of(tmp_path, monkeypatch, *built(), crop=48, alphas=2, outside=0.0)
    evaluate()
    assert "No measure of an attribute is known" in capsys.readouterr().out
    evaluate = run_of(tmp_path, monkeypatch, *built(), inputs=0)
    with pytest.raises(ValueError, match=r"evaluation\.inputs is 0"):
        evaluate()
