"""The tasks of Dynamic-Net: what the network sees, what is judged, and what comes back."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.tasks import Completion, Faces, Style

RNG = np.random.default_rng(0)
PICTURES = RNG.random((2, 12, 12, 3), np.float32)
KEYS = jax.random.split(jax.random.key(0), 2)


def test_the_hole_is_missing_and_nothing_else_changes():
    task = Completion(size=12, hole=4, rim=2)
    example = task.example(jnp.asarray(PICTURES), KEYS)
    hole = np.zeros((12, 12), bool)
    hole[4:8, 4:8] = True
    np.testing.assert_array_equal(example["input"][:, hole], -1)
    np.testing.assert_array_equal(np.asarray(example["input"])[:, ~hole], PICTURES[:, ~hole] * 2 - 1)
    output = jnp.asarray(RNG.uniform(-1, 1, PICTURES.shape).astype(np.float32))
    answer = np.asarray(task.answer(output, example))
    np.testing.assert_array_equal(answer[:, ~hole], PICTURES[:, ~hole])          # bit for bit
    np.testing.assert_allclose(answer[:, hole], (output[:, hole] + 1) / 2, rtol=1e-6)
    np.testing.assert_array_equal(task.loss_view(PICTURES), PICTURES[:, 4:8, 4:8])
    np.testing.assert_array_equal(task.critic_view(PICTURES), PICTURES[:, 2:10, 2:10] * 2 - 1)


def test_completion_is_evaluated_on_the_middle_of_larger_pictures():
    task = Completion(size=8, hole=2, rim=1)
    example = task.evaluation_example(PICTURES[0])
    np.testing.assert_array_equal(example["target"], PICTURES[0, 2:10, 2:10])
    training = task.example(jnp.asarray(PICTURES[:1, 2:10, 2:10]), KEYS[:1])
    np.testing.assert_array_equal(example["input"], training["input"][0])
    with pytest.raises(ValueError, match="12 x 12 pixels; wanted 16 x 16 or more"):
        Completion(size=16, hole=2).evaluation_example(PICTURES[0])


@pytest.mark.parametrize("hole, rim", [(16, 0), (8, 3), (5, 1), (0, 1)])
def test_holes_that_do_not_fit_are_told(hole, rim):
    with pytest.raises(ValueError, match=f"task.hole is {hole} for pictures of 12 pixels"):
        Completion(size=12, hole=hole, rim=rim)


def test_noise_comes_from_each_image_s_own_key():
    task = Faces(latent=5)
    both, second = task.example(PICTURES, KEYS), task.example(PICTURES[1:], KEYS[1:])
    np.testing.assert_array_equal(both["input"][1:], second["input"])
    assert both["input"].shape == (2, 5) and np.abs(both["input"][0] - both["input"][1]).max() > 0.1
    np.testing.assert_allclose(task.answer(jnp.asarray([-1.0, 0.0, 1.0]), both), [0, 0.5, 1])
    np.testing.assert_allclose(task.critic_view(PICTURES), PICTURES * 2 - 1)
    np.testing.assert_array_equal(task.evaluation_example(PICTURES[0], KEYS[0])["input"], both["input"][0])


def test_style_is_evaluated_on_multiples_of_four():
    example = Style().evaluation_example(RNG.random((13, 10, 3)))
    assert example["input"].shape == (12, 8, 3) and example["target"] is example["input"]
