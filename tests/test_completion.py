"""configs/completion_dynamic.py: both phases, what stays bit for bit, its data, and what a user may get wrong."""
import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import dynjax
from configs.completion_dynamic import get_config
from dynjax.data import evaluation_images, training_batches
from dynjax.evaluation import measure, measure_run
from dynjax.experiment import build
from dynjax.networks import tuning_points
from dynjax.training import train

HOLE = np.zeros((32, 32), bool)
HOLE[8:24, 8:24] = True


def picture(path, height, width, seed=0):
    corners = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC).save(path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Folders of one picture of odd sides to train on; and of two to evaluate on, the first of which is too small."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("one", "two"):
        (folder / name).mkdir()
    picture(folder / "one" / "a.png", 37, 41)
    picture(folder / "two" / "a.png", 31, 60, 1)
    picture(folder / "two" / "b.png", 45, 33, 2)
    return folder


def smoke(pictures):
    config = get_config("smoke")
    config.network.features = config.critic.features = 2
    config.data.update(source=f"folder:{pictures / 'one'}", size=0)
    config.evaluation.update(source=f"folder:{pictures / 'two'}", size=0)
    config.update(checkpoint_every=0)
    return config


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """A run of both phases: (its folder, config, the variables after the first phase)."""
    workdir, config = tmp_path_factory.mktemp("run"), smoke(pictures)
    config.phases.names = ("main",)
    assert train(config, workdir) == 0
    _, first = dynjax.load(workdir / "model.safetensors")
    config.phases.names = ("main", "blocks")
    config.phases.main.steps, config.init_from = 0, str(workdir / "model.safetensors")
    assert train(config, workdir / "second") == 0
    return workdir / "second", config, first


@pytest.fixture(scope="module")
def model(run):
    return dynjax.load(run[0] / "model.safetensors")


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def test_the_second_phase_leaves_weights_and_statistics_of_the_main_network(run, model):
    net, variables = model
    first = run[2]
    assert same(variables["params"]["main"], first["params"]["main"])
    assert same(variables["batch_stats"], first["batch_stats"])
    assert np.abs(first["batch_stats"]["main"]["down2"]["norm"]["mean"]).max() > 0     # the first phase moved them
    assert not same(variables["params"]["blocks"], first["params"]["blocks"])
    x = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32))
    main, apply = {name: tree["main"] for name, tree in variables.items()}, jax.jit(net.apply)
    plain = jax.jit(net.main.apply)(main, x)
    np.testing.assert_array_equal(apply(variables, x, 0.0), plain)
    louder = jax.tree.map(lambda leaf: 100 * leaf, variables["params"]["blocks"])      # hardly trained, they whisper
    louder = {**variables, "params": {**variables["params"], "blocks": louder}}
    assert np.abs(apply(louder, x, 1.0) - plain).max() > 1e-3
    assert net.main.axis_name is None                                                  # runs anywhere


def test_outside_the_hole_the_input_comes_back_bit_for_bit(run, model):
    task = build(run[1]).task
    pictures = jnp.asarray(np.random.default_rng(1).random((3, 32, 32, 3)).astype(np.float32))
    example = task.example(pictures, jax.random.split(jax.random.key(0), 3))
    answers = jax.jit(lambda alpha: task.answer(model[0].apply(model[1], example["input"], alpha), example))
    for alpha in (0.0, 0.6, [[0.0] * 3, [1.0] * 3, [-0.5, 2.0, 0.1]]):
        answer = np.asarray(answers(jnp.asarray(alpha)))
        np.testing.assert_array_equal(answer[:, ~HOLE], pictures[:, ~HOLE])
        assert np.abs(answer[:, HOLE] - pictures[:, HOLE]).max() > 0.05


def test_outside_the_hole_the_evaluation_s_pictures_are_the_target_s(run, model):
    experiment = build(run[1])
    found = measure(*model, experiment.task, evaluation_images(experiment.evaluation_source()), experiment.points(3),
                    keep=1, progress=False)
    (kept,) = found.kept
    assert kept.name == "b" and found.left_out == ["a"]                                # a is too small
    for output in kept.outputs:
        np.testing.assert_array_equal(output[~HOLE], kept.target[~HOLE])
    np.testing.assert_array_equal(kept.input[HOLE], 0)
    assert np.any(kept.outputs[:, HOLE] != kept.target[HOLE])
    assert list(found.rows[0])[-6:] == ["l1", "psnr_rgb", "ssim_rgb", "lpips_alex", "lpips_vgg", "sharpness"]
    difference = np.abs(kept.outputs[0][HOLE].astype(float) - kept.target[HOLE]).mean() / 255
    assert found.rows[0]["l1"] == pytest.approx(difference, rel=1e-6)                  # of the hole alone


def test_one_picture_does_not_depend_on_the_rest_of_its_batch(model):
    net, variables = model
    x = jnp.asarray(np.random.default_rng(2).uniform(-1, 1, (5, 32, 32, 3)).astype(np.float32))
    apply = jax.jit(net.apply)
    together = apply(variables, x, 0.7)
    for batch in (x[:1], x[:3]):
        np.testing.assert_allclose(apply(variables, batch, 0.7), together[:len(batch)], atol=1e-5)


def test_evaluate_draws_the_figure(run, tmp_path):
    workdir, config, _ = run
    measure_run(config, workdir=workdir, out=tmp_path)
    text = (tmp_path / "table.md").read_text()
    assert "PSNR (dB) and SSIM, higher is better, of the hole alone" in text and "| alpha |     L1 |" in text
    assert "Sharpness: mean squared Laplacian of the hole alone divided by the target's" in text
    assert "best common alpha" in text
    with (tmp_path / "grid.csv").open(newline="") as file:
        assert [row["alpha_2"] for row in csv.DictReader(file)] == ["0", "0.5", "1"]
    # The input with its hole, three alphas, the target.
    assert Image.open(tmp_path / "sheet.png").width > 5 * 200
    assert (tmp_path / "choice.csv").exists() and (tmp_path / "choice.png").exists()
    for flags, said in ((dict(appearance=True, grid=3),
                         "--grid belongs to .* objectives, and this one is of appearance. .* or add --objectives"),
                        (dict(kernels=True), "--kernels looks at a Tunable, and the model is a DynamicNet"),
                        (dict(kernels=True, objectives=True), "--objectives and --kernels cannot be had: each is an"),
                        (dict(objectives=True, data=["a=samples", "b=samples"]), "--data names 2 sets; wanted one")):
        with pytest.raises(ValueError, match=said):
            measure_run(config, workdir=workdir, out=tmp_path, **flags)


def test_previews_need_one_picture_that_can_be_used(pictures):
    config = smoke(pictures)
    (pictures / "small").mkdir()
    picture(pictures / "small" / "a.png", 20, 20)
    config.evaluation.source = f"folder:{pictures / 'small'}"
    with pytest.raises(ValueError, match=r"no evaluation picture can be used.*20 x 20 pixels; wanted 32 x 32"):
        train(config, pictures / "unused")


def test_alpha_for_some_blocks_only_is_told(model):
    x = jnp.zeros((1, 32, 32, 3))
    with pytest.raises(ValueError, match=r"missing: down5, join2\); wanted one alpha for each of down4, down5, join2"):
        model[0].apply(model[1], x, {"down4": 1.0})
    with pytest.raises(ValueError, match=r"alpha has shape \(2,\) for K = 3 blocks \(down4, down5, join2\)"):
        model[0].apply(model[1], x, jnp.ones(2))


@pytest.mark.parametrize("change, match", [
    ({"task.hole": 48}, "task.hole is 48 for pictures of 32 pixels and a rim of 4; wanted 1 to 24"),
    ({"task.hole": 15}, "even where the pictures are"),
    ({"task.size": 6, "task.hole": 2}, "the pictures are too small for a rim of 4"),
    ({"task.size": 48}, "got pictures of 32 x 32 pixels; wanted 48 x 48: set data.patch_size to task.size"),
    ({"task.size": 40, "data.patch_size": 40}, "UNet with levels=5 got images of 40 x 40"),
    ({"data.patch_size": 64, "task.size": 64, "network.levels": 6, "control.after": ("down4", "down6", "join3")},
     "31 x 31 pixels; wanted 64 x 64 or more"),
    ({"batch_statistics": "runing"}, "batch_statistics is 'runing'; wanted one of batch, frozen"),
])
def test_what_does_not_fit_is_told(pictures, tmp_path, change, match):
    config = smoke(pictures)
    config.update_from_flattened_dict(change)
    with pytest.raises(ValueError, match=match):
        train(config, tmp_path)


def test_the_paper_s_setup_reads_celeba_and_holds_the_first_thousand_out(tmp_path):
    """178 x 218 pixels, cut to 128 in the middle: rows from 45, columns from 25; the hole at 32 to 95 of those."""
    folder = tmp_path / "img_align_celeba"
    folder.mkdir()
    image = np.zeros((218, 178, 3), np.uint8)
    image[45:173, 25:153] = 200
    for index in range(1, 1003):
        path = folder / f"{index:06d}.png"
        if index in (1, 1001):
            Image.fromarray(image).save(path)
        else:
            path.hardlink_to(folder / ("000001.png" if index < 1001 else "001001.png"))
    config = get_config("paper")
    config.data.source = config.evaluation.source = f"celeba:{tmp_path}"
    experiment = build(config)
    source, held_out = experiment.training_source(), experiment.evaluation_source()
    assert (len(source), len(held_out)) == (2, 1000) and set(source.names) == {"001001", "001002"}
    assert held_out.names[0] == "000001" and held_out.names[-1] == "001000"
    batches = training_batches(source, batch_size=2, seed=0, patch_size=128, flips=False, crop="centre", threads=0)
    assert next(batches).min() == 200                                                  # the right 128 x 128
    example = experiment.task.evaluation_example(held_out[0] / np.float32(255))
    missing = (example["masked"] == 0).all(-1)
    assert missing[32:96, 32:96].all() and missing.sum() == 64 * 64
    main, blocks = experiment.phases
    assert main.critic.features == 64 and blocks.critic is None
    assert set(main.objectives.names) == {"adversarial", "l1"}
    assert blocks.objectives.names == ("l1",) and (main.call, blocks.call) == ({"train": True}, {"train": False})
    assert main.model.net.axis_name == "devices"                              # statistics of the whole batch
    assert jax.eval_shape(main.task.critic_view, jnp.zeros((1, 128, 128, 3))).shape == (1, 72, 72, 3)


@pytest.mark.parametrize("preset, levels, size, changes", [
    ("default", 6, 64, {}), ("paper", 7, 128, {}), ("smoke", 5, 32, {}),
    ("paper", 8, 256, {"task.size": 256, "task.hole": 128, "network.levels": 8, "data.patch_size": 256,
                       "control.after": ("down4", "down8", "join5")})])
def test_the_blocks_are_at_the_published_points(preset, levels, size, changes):
    config = get_config(preset)
    config.update_from_flattened_dict(changes)
    experiment = build(config)
    assert experiment.config.control.after == tuning_points(levels)
    x, shapes = experiment.example_input(), jax.eval_shape(experiment.fresh_variables)
    assert x.shape == (1, size, size, 3)
    features = 8 * config.network.features
    channels = [shapes["params"]["blocks"][path]["conv0"]["kernel"].shape[2] for path in tuning_points(levels)]
    assert channels == [features, features, 2 * features]
    output = jax.eval_shape(experiment.model.apply, shapes, x, jnp.ones(3))
    assert output.shape == x.shape


def test_an_unknown_preset_is_told():
    with pytest.raises(ValueError, match="wanted one of default, paper, smoke"):
        get_config("large")
