"""The models that come with the library do what their cards say."""
import jax
import numpy as np
import pytest

import dynjax
from dynjax.data import evaluation_images, open_source
from dynjax.models.files import _shelf
from dynjax.tasks import Denoise, SuperResolution

TASKS = {"sr-edsr": SuperResolution(4), "denoise-edsr": Denoise(levels_255=(25.0,))}


def test_every_shipped_model_is_tested():
    assert set(dynjax.shipped()) == set(TASKS)


@pytest.mark.parametrize("name", dynjax.shipped())
def test_the_card_s_decibels_are_found_again(name):
    task, card = TASKS[name], dynjax.models.load_card(name)
    assert (_shelf() / f"{name}.safetensors").stat().st_size <= 6e6
    assert {"task", "steps", "trained_on", "licence", "measured"} <= set(card) and card["alpha"]
    net, variables = dynjax.load(name)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(variables))
    image = dict(evaluation_images(open_source("samples", split="test")))["chelsea"]
    example = task.evaluation_example(image)
    for share in (1.0, 0.0):
        output = jax.jit(net.apply)(variables, example["input"][None], np.array([share, 1 - share], np.float32))
        found = dynjax.metrics.psnr(np.asarray(output), example["target"][None], border=task.border)[0]
        # Stored with half the digits, and measured before that.
        assert found == pytest.approx(card["measured"]["chelsea"][f"fidelity {share:g}"]["psnr_rgb"], abs=0.02)
