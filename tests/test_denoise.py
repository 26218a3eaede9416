"""Denoising, alone and with deblurring: what is made of a picture, and what an answer should be at each alpha."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.image import gaussian_blur
from dynjax.objectives import build_multi_loss
from dynjax.tasks import Denoise, DenoiseDeblur

PICTURES = np.random.default_rng(0).uniform(0.2, 0.8, (4, 64, 64, 3)).astype(np.float32)
KEYS = jax.random.split(jax.random.key(0), 4)


def test_every_image_draws_its_own_level_of_noise():
    example = Denoise(sigma_255=(5, 50)).example(jnp.asarray(PICTURES), KEYS)
    levels = np.std(example["input"] - PICTURES, axis=(1, 2, 3)) * 255
    assert levels.min() > 4.8 and levels.max() < 52 and np.ptp(levels) > 5
    alone = Denoise(sigma_255=(5, 50)).example(jnp.asarray(PICTURES[2:3]), KEYS[2:3])
    np.testing.assert_allclose(alone["input"][0], example["input"][2], atol=1e-6)
    same = Denoise(sigma_255=(25, 25)).example(jnp.asarray(PICTURES), KEYS)["input"] - PICTURES
    np.testing.assert_allclose(np.std(same, axis=(1, 2, 3)) * 255, 25, rtol=0.03)
    bright = jnp.full((1, 8, 8, 3), 0.99)
    assert Denoise().example(bright, KEYS[:1])["input"].max() > 1                     # not clipped by default
    assert Denoise(clip=True).example(bright, KEYS[:1])["input"].max() == 1


@pytest.mark.parametrize("preserve", ["scaled", "fixed"])
def test_the_noisy_aim_follows_alpha_or_keeps_all(preserve):
    task = Denoise(preserve=preserve)
    example = task.example(jnp.asarray(PICTURES), KEYS)
    aim = task.aims(example, {"fidelity": jnp.ones(4), "noise": jnp.asarray([0.0, 0.5, 1.0, 1.0])})["preserved"]
    for index, kept in enumerate([0.0, 0.5, 1.0, 1.0] if preserve == "scaled" else [1.0] * 4):
        wanted = PICTURES[index] + 0.9 * kept * (example["input"][index] - PICTURES[index])     # equation 9
        np.testing.assert_allclose(aim[index], wanted, atol=1e-6)
    assert task.aims(example, {"fidelity": jnp.ones(4)}) == {}


@pytest.mark.parametrize("task", [Denoise(), DenoiseDeblur()])
def test_an_evaluation_example_takes_a_batch_axis(task):
    """As previews and aims give it one."""
    example = task.evaluation_example(PICTURES[0])
    assert all(value[None].shape == (1, *np.shape(value)) for value in example.values())


def test_the_evaluation_s_noise_is_numpy_s_of_seed_0_anew_for_every_picture(parity):
    case = parity("ms_degradations")
    image = (case["in/image_u8_hwc"] / np.float32(255)).astype(np.float32)
    for sigma, task in zip(case.meta["sigmas"], Denoise(levels_255=case.meta["sigmas"], clip=True).variants().values(),
                           strict=True):
        example = task.evaluation_example(image)
        np.testing.assert_allclose(example["input"], case[f"out/noisy_s{sigma}_seed0"], atol=1e-5)
    # Blur first, then noise, then clipped.
    for sigma in case.meta["blurs"]:
        example = DenoiseDeblur(levels=((50.0, sigma),), clip=True).evaluation_example(image)
        np.testing.assert_allclose(example["input"], case[f"out/blur_{sigma}_noise_50.0_seed0"], atol=1e-5)


def test_the_second_target_of_the_evaluation_follows_alpha_whatever_training_does():
    task = Denoise(preserve="fixed", levels_255=(25.0,))
    example = task.evaluation_example(PICTURES[0])
    noise = example["input"] - PICTURES[0]
    aim = task.aim(example, {"fidelity": 0.75, "noise": 0.25})
    np.testing.assert_allclose(aim, PICTURES[0] + 0.225 * noise, atol=1e-6)
    assert task.measured(PICTURES[0] + 0.3 * noise, example)["noise_left"] == pytest.approx(0.3, rel=1e-4)
    assert task.measured(PICTURES[0], example)["noise_left"] == pytest.approx(0, abs=1e-6)
    assert task.measured(task.baselines(example)["noisy"], example)["noise_left"] == pytest.approx(1)


def test_the_two_knobs_of_the_joint_task():
    task = DenoiseDeblur(gamma=1.5)
    example = task.example(jnp.asarray(PICTURES), KEYS)
    noise = np.asarray(example["noise"])
    alpha = {"denoise": jnp.asarray([1.0, 0.0, 1.0, 0.25]), "sharpen": jnp.asarray([0.0, 0.0, 1.0, 0.5])}
    aim = np.asarray(task.aims(example, alpha)["restored"])
    detail = PICTURES - np.asarray(gaussian_blur(PICTURES, 1.5, support=9))
    for index, (kept, sharp) in enumerate([(0, 0), (0.9, 0), (0, 1.5), (0.9 * 0.75, 0.75)]):
        np.testing.assert_allclose(aim[index], PICTURES[index] + kept * noise[index] + sharp * detail[index], atol=1e-5)
        one = {name: value[index] for name, value in example.items()}
        at = {name: float(value[index]) for name, value in alpha.items()}
        np.testing.assert_allclose(task.aim(one, at), aim[index], atol=1e-6)
        found = task.measured(aim[index], one)
        assert found["noise_left"] == pytest.approx(kept, abs=0.02)
        assert found["detail_gain"] == pytest.approx(sharp, abs=0.02)
    # Noise that is kept is sharpened with the rest where asked.
    task = DenoiseDeblur(sharpen_noise=True)
    both = task.aims(example, {"denoise": jnp.zeros(4), "sharpen": jnp.ones(4)})["restored"]
    noisy = PICTURES + 0.9 * noise
    np.testing.assert_allclose(both, noisy + noisy - np.asarray(gaussian_blur(noisy, 1.5, support=9)), atol=1e-5)


def test_the_blur_is_drawn_for_each_image():
    example = DenoiseDeblur(sigma_255=(0, 0)).example(jnp.asarray(PICTURES), KEYS)
    kept = np.var(example["input"], axis=(1, 2, 3)) / np.var(PICTURES, axis=(1, 2, 3))
    assert kept.min() < 0.1 and np.ptp(kept) > 0.01 and (kept <= 1).all()


def test_terms_compare_with_the_aim_of_their_name():
    loss = build_multi_loss({"fidelity": {"terms": {"l1": 1.0}},
                             "noise": {"terms": {"l1": {"scale": 2.0, "target": "preserved"}}}})
    example = {"target": jnp.zeros((1, 4, 4, 3)), "preserved": jnp.full((1, 4, 4, 3), 0.5)}
    output = jnp.full((1, 4, 4, 3), 0.1)
    np.testing.assert_allclose(loss.values(loss.constants(), output, example), [[0.1, 0.8]], rtol=1e-6)
    with pytest.raises(ValueError, match="compares with 'preserved', but the task gives target; wanted one of these"):
        loss.values(loss.constants(), example["target"], {"target": example["target"]})


@pytest.mark.parametrize(("task", "options", "sentence"), [
    (Denoise, dict(sigma_255=(30, 5)), r"task.sigma_255 is \(30, 5\); wanted the lowest and the highest"),
    (Denoise, dict(preserve="all"), "task.preserve is 'all'; wanted one of scaled, fixed"),
    (Denoise, dict(levels_255=()), r"task.levels_255 is \(\); wanted one level or more"),
    (Denoise, dict(levels_255=(15.0, 15.0)), "each once"), (Denoise, dict(levels_255="high"), "numbers from 0"),
    (Denoise, dict(levels_255=(15.0, -1.0)), "numbers from 0"), (Denoise, dict(sigma_255=("a", "b")), "numbers from 0"),
    (Denoise, dict(delta=-3.0), r"task.delta is -3.0; wanted a number from 0 to 1\."),
    (DenoiseDeblur, dict(levels=((15.0, -1.0),)), "numbers from 0"),
    (DenoiseDeblur, dict(gamma=-1.0), r"task.gamma is -1.0; wanted a number from 0\."),
    (DenoiseDeblur, dict(sharpen_std=-1.0), "task.sharpen_std is -1.0"),
    (DenoiseDeblur, dict(blur=(-1, 4)), r"task.blur is \(-1, 4\)"),
    (DenoiseDeblur, dict(levels=(15.0,)), r"task.levels is .* such as \(\(15.0, 2.0\)")])
def test_settings_that_make_no_sense_are_told(task, options, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        task(**options)
