"""Pairs of noisy and clean pictures: two folders, SIDD's layout, through the pipeline and the task."""
import importlib
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image
from scipy.io import savemat

import dynjax
from dynjax.data import evaluation_images, open_source, training_batches
from dynjax.data.pair_source import open_sidd
from dynjax.evaluation import measure_run
from dynjax.experiment import build
from dynjax.networks import DnCNN
from dynjax.tasks import PairedDenoise
from dynjax.training import train

RNG = np.random.default_rng(0)


def picture(height=24, width=20):
    return RNG.integers(40, 200, (height, width, 3), np.uint8)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return array


@pytest.fixture
def folders(tmp_path):
    """Three pairs; the noisy ones are brighter by 20."""
    for name in "abc":
        save(tmp_path / "noisy" / f"{name}.png", save(tmp_path / "clean" / f"{name}.png", picture()) + np.uint8(20))
    return tmp_path


@pytest.mark.parametrize("spec", ["pairs:{0}", "pairs:{0}/noisy:{0}/clean"])
def test_two_folders_become_pairs(folders, spec):
    source = open_source(spec.format(folders))
    assert len(source) == 3 and source.names == ("a", "b", "c") and source[1].shape == (24, 20, 6)
    np.testing.assert_array_equal(source[2][..., 3:], source[2][..., :3] + 20)
    halved = open_source(spec.format(folders), size=10)
    assert halved[0].shape == (12, 10, 6)
    name, image = next(evaluation_images(source))
    assert name == "a" and image.shape == (24, 20, 6)


def test_both_pictures_of_a_pair_are_cut_turned_and_permuted_alike(folders):
    batches = training_batches(open_source(f"pairs:{folders}"), batch_size=6, patch_size=12, seed=0, scales=(1.0, 0.7),
                               permute_channels=True, threads=0)
    batch = next(batches).astype(int)
    assert batch.shape == (6, 12, 12, 6)
    assert np.abs(batch[..., 3:] - batch[..., :3] - 20).max() <= 1               # to the rounding of the reduced ones


def test_what_does_not_go_together_is_told(folders):
    save(folders / "noisy" / "alone.png", picture())
    with pytest.raises(ValueError, match=r"4 noisy and 3 clean pictures do not go together: .* is alone;"):
        open_source(f"pairs:{folders}")
    (folders / "noisy" / "alone.png").rename(folders / "noisy" / "b.jpg")
    with pytest.raises(ValueError, match=r"are b, b\.jpg, b\.png; .* every noisy one\. In .*noisy the name b is "
                                         r"there several times: keep one of b\.jpg, b\.png\."):
        open_source(f"pairs:{folders}")
    (folders / "noisy" / "b.jpg").unlink()
    save(folders / "noisy" / "b.png", picture(10, 20))
    source = open_source(f"pairs:{folders}")
    with pytest.raises(ValueError, match=r"the noisy b has 10 x 20 pixels .* the clean b 24 x 20; wanted the same"):
        source.read(1)
    assert source[1].shape == (24, 20, 6) and source.skipped == 1                # the next one stands in
    for wrong, count in (("a:b:c", 3), (":b", 1)):
        with pytest.raises(ValueError, match=f"names {count} folders; wanted NOISY:CLEAN"):
            open_source(f"pairs:{wrong}")


def test_sidd_as_it_is_distributed(tmp_path):
    clean = save(tmp_path / "Data" / "0001_x" / "0001_GT_SRGB_010.PNG", picture())
    noisy = save(tmp_path / "Data" / "0001_x" / "0001_NOISY_SRGB_010.PNG", picture())
    save(tmp_path / "Data" / "0002_x" / "0002_GT_SRGB_011.PNG", picture())
    save(tmp_path / "Data" / "0002_x" / "0002_NOISY_SRGB_011.PNG", picture())
    source = open_source(f"sidd:{tmp_path}", split="train")
    assert source.names == ("0001_SRGB_010", "0002_SRGB_011")
    assert open_source(f"sidd:{tmp_path}/Data").names == source.names
    np.testing.assert_array_equal(source[0], np.concatenate([clean, noisy], -1))
    twin = tmp_path / "Data" / "0003_x"                  # several scenes may have files of one name
    for kind in ("GT", "NOISY"):
        save(twin / f"0001_{kind}_SRGB_010.PNG", picture())
    assert open_sidd(tmp_path).names == ("0001_x/0001_SRGB_010", "0002_SRGB_011", "0003_x/0001_SRGB_010")
    (twin / "0001_NOISY_SRGB_010.PNG").unlink()
    with pytest.raises(ValueError, match=r"beside the clean pictures there is no .*0003_x/0001_NOISY_SRGB_010.PNG;"):
        open_source(f"sidd:{tmp_path}")
    (twin / "0001_GT_SRGB_010.PNG").unlink()
    (tmp_path / "Data" / "0002_x" / "0002_GT_SRGB_011.PNG").unlink()
    with pytest.raises(ValueError, match=r"beside the noisy pictures there is no .*0002_GT_SRGB_011.PNG"):
        open_source(f"sidd:{tmp_path}")
    with pytest.raises(ValueError, match="SIDD has no split 'test'"):
        open_source(f"sidd:{tmp_path}", split="test")
    (tmp_path / "empty").mkdir()
    save(tmp_path / "other" / "a.png", picture())
    for place, said in (("nowhere", "no folder .*nowhere;"), ("empty", "empty holds no pictures;"),
                        ("other", "other is not laid out as SIDD: .* no picture called")):
        with pytest.raises(ValueError, match=rf"{said}.*[Ww]anted .*Data/<scene>/\*_NOISY_SRGB_\*\.PNG beside"):
            open_source(f"sidd:{tmp_path / place}")


def test_sidd_s_validation_blocks(tmp_path):
    blocks = {name: RNG.integers(0, 256, (2, 3, 8, 8, 3), np.uint8)
              for name in ("ValidationNoisyBlocksSrgb", "ValidationGtBlocksSrgb")}
    for name, array in blocks.items():
        savemat(tmp_path / f"{name}.mat", {name: array})
    source = open_source(f"sidd:{tmp_path}", split="valid")
    assert len(source) == 6 and source.names[4] == "01_01"
    np.testing.assert_array_equal(source[4][..., 3:], blocks["ValidationNoisyBlocksSrgb"][1, 1])
    np.testing.assert_array_equal(source[4][..., :3], blocks["ValidationGtBlocksSrgb"][1, 1])
    path = tmp_path / "ValidationGtBlocksSrgb.mat"
    savemat(path, {"blocks": array, "note": "x"})
    with pytest.raises(ValueError, match=r"GtBlocksSrgb.mat holds blocks, note; wanted ValidationGtBlocksSrgb"):
        open_source(f"sidd:{tmp_path}", split="valid")
    savemat(path, {})
    with pytest.raises(ValueError, match=r"GtBlocksSrgb.mat holds nothing; wanted ValidationGtBlocksSrgb"):
        open_source(f"sidd:{tmp_path}", split="valid")
    savemat(path, {path.stem: array})
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"ValidationGtBlocksSrgb.mat cannot be read as a MATLAB file"):
        open_source(f"sidd:{tmp_path}", split="valid")
    path.unlink()
    with pytest.raises(ValueError, match=r"there is no file .*ValidationGtBlocksSrgb.mat"):
        open_source(f"sidd:{tmp_path}", split="valid")


def test_the_task_takes_the_pair_apart():
    pair = np.concatenate([np.full((1, 4, 4, 3), 0.5), np.full((1, 4, 4, 3), 0.7)], -1).astype(np.float32)
    example = PairedDenoise().example(jnp.asarray(pair), None)
    aim = PairedDenoise().aims(example, {"noise": jnp.asarray([0.5])})["preserved"]
    np.testing.assert_allclose(aim, 0.5 + 0.9 * 0.5 * 0.2, rtol=1e-5)
    one = PairedDenoise().evaluation_example(pair[0])
    assert PairedDenoise().measured(one["input"], one)["noise_left"] == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="denoise_pairs got pictures of 3 channels; wanted pairs, of 6"):
        PairedDenoise().example(jnp.zeros((1, 4, 4, 3)), None)


def config_of(folders, preset="sidd"):
    config = importlib.import_module("configs.nafnet_denoise_tunable").get_config(preset)
    config.network = ConfigDict(dict(name="DnCNN", features=4, layers=3, channels=3, norm="none"))
    config.control.frozen = ()
    config.update(dict(batch_size=4, steps=2, checkpoint_every=2, preview_every=2, log_every=1))
    config.data.patch_size, config.evaluation.alphas = 16, 2
    config.data.source = config.evaluation.source = f"pairs:{folders}"
    return config


def test_a_run_on_pairs_is_trained_and_measured(folders, capsys):
    config = config_of(folders)
    assert train(config, folders / "run") == 0
    measure_run(config, workdir=folders / "run", metrics=["psnr_rgb"])
    # Brighter by 20 levels everywhere is 10 log10(255^2 / 400).
    said = capsys.readouterr().out
    assert "| noisy   |                |             |    22.11 |" in said
    # What was not measured is not explained, and what an earlier evaluation left is not announced.
    assert "PSNR (dB), higher" in said and "LPIPS" not in said and "SSIM" not in said
    (folders / "run" / "evaluation" / "mine.txt").touch()
    os.utime(folders / "run" / "evaluation" / "mine.txt", (1, 1))
    measure_run(config, workdir=folders / "run", metrics=["psnr_rgb"])
    assert "mine.txt" not in capsys.readouterr().out.rpartition("Written to")[2]
    config.alpha.names = ("noise", "fidelity")
    with pytest.raises(ValueError, match="tuned by fidelity, noise, the config by noise, fidelity; wanted the same"):
        measure_run(config, workdir=folders / "run")
    for flags, sentence in ((dict(objectives=True), "--objectives cannot be had: what the objectives compare with"),
                            (dict(kernels=True, data="samples"), "--data belongs to an evaluation of"),
                            (dict(grid=0), "--grid belongs to an evaluation of objectives")):
        with pytest.raises(ValueError, match=sentence):
            measure_run(config_of(folders), workdir=folders / "run", **flags)


def test_a_model_without_names_is_measured_under_those_of_the_config(folders, tmp_path, capsys):
    """Official tunable networks know how many numbers they take, not what these are called."""
    config, plain = config_of(folders), DnCNN(features=4, layers=3, channels=3, norm="none")
    x, place = jnp.zeros((1, 16, 16, 3)), tmp_path / "model.safetensors"

    def measured(net, *alpha):
        dynjax.save(place, net, net.init(jax.random.key(0), x, *alpha))
        measure_run(config, model=place, out=tmp_path / "out", metrics=["psnr_rgb"])

    measured(dynjax.Tunable(plain, alpha=2), np.ones(2))
    assert "alpha fidelity | alpha noise" in capsys.readouterr().out
    with pytest.raises(ValueError, match="is tuned by 3 numbers, the config by fidelity, noise; wanted the same"):
        measured(dynjax.Tunable(plain, alpha=3), np.ones(3))
    with pytest.raises(ValueError, match=r"holds a DnCNN, which alpha does not tune; wanted a Tunable.* by --fixed"):
        measured(plain)
    with pytest.raises(ValueError, match=r"holds a DynamicNet; wanted a Tunable, .* config that it was trained with"):
        measured(dynjax.DynamicNet(plain, after={"conv_1": dynjax.TuningBlock()}), 1.0)


def test_a_source_of_the_other_kind_is_told(folders):
    config = config_of(folders)
    config.data.source = f"folder:{folders}/clean"
    with pytest.raises(ValueError, match=r"are single pictures; the task PairedDenoise wanted pairs .* pairs:NOISY"):
        build(config).training_source()
    config = config_of(folders, "default")
    with pytest.raises(ValueError, match="are pairs of a noisy and a clean picture; the task Denoise wanted single"):
        build(config).evaluation_source()
