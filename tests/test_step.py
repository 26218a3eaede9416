"""The training step: the number of devices changes nothing but rounding."""
import dataclasses
import os
import subprocess
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from dynjax.control import Tunable
from dynjax.experiment import Phase
from dynjax.objectives import build_multi_loss, build_sampler
from dynjax.tasks import Task
from dynjax.training import initial_state, make_step, replicate, shard, unreplicate
from dynjax.training.step import group_size


class Tiny(nn.Module):
    """One convolution with batch statistics."""

    @nn.compact
    def __call__(self, x):
        y = nn.BatchNorm(use_running_average=False, momentum=0.5, axis_name=None)(nn.Conv(3, (3, 3))(x))
        return x + 0.1 * y


class Noisy(Task):
    """A task with noise from each image's own key, to see that it does not depend on the devices."""

    def example(self, images, keys):
        noise = jax.vmap(lambda key: jax.random.normal(key, images.shape[1:]))(keys)
        return {"input": images + 0.1 * noise, "target": images}


def phase_of(optimizer, **options):
    objectives = build_multi_loss({"first": {"terms": {"l1": 1.0}}, "second": {"terms": {"l2": 2.0, "l1": 0.5}}})
    model = Tunable(nn.Conv(3, (3, 3)), alpha=("first", "second"))
    return Phase(model=model, task=Noisy(), objectives=objectives, sampler=build_sampler("simplex", 2),
                 optimizer=optimizer, **{"group_size": 2, **options})


def run(phase, devices, steps, batch=8):
    """The states' parameters and reports of some steps on that many devices."""
    chosen = jax.local_devices()[:devices]
    images = np.random.default_rng(0).integers(0, 256, (steps, batch, 6, 6, 3), np.uint8)
    variables = phase.model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 3)), jnp.ones(2))
    state = replicate(initial_state(phase, variables, jax.random.key(1), 6), devices=chosen)
    step, reports = make_step(phase, devices=chosen), []
    constants = replicate(phase.objectives.constants(), devices=chosen)
    for index in range(steps):
        state, report = step(state, shard(images[index], devices=devices), constants, jax.random.key(3))
        reports.append(jax.device_get(report))
    return unreplicate(state), reports


@pytest.mark.parametrize("devices", [1, 2])
def test_a_state_comes_out_placed_as_it_went_in(devices):
    """Otherwise the second step would be compiled anew."""
    phase, chosen = phase_of(optax.adam(1e-3)), jax.local_devices()[:devices]
    variables = phase.model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 3)), jnp.ones(2))
    state = replicate(initial_state(phase, variables, jax.random.key(1), 6), devices=chosen)
    before = jax.tree.map(lambda leaf: leaf.sharding, state)
    images = shard(np.zeros((4, 6, 6, 3), np.uint8), devices=devices)
    state, _ = make_step(phase, devices=chosen)(state, images,
                                                 replicate(phase.objectives.constants(), devices=chosen),
                                                 jax.random.key(3))
    assert jax.tree.map(lambda leaf: leaf.sharding, state) == before


def assert_same_training(one, two, tolerance=1e-5):
    for report_one, report_two in zip(one[1], two[1], strict=True):
        flat = lambda report, name: report["images"][name].reshape(-1, 2)
        np.testing.assert_array_equal(flat(report_one, "alphas"), flat(report_two, "alphas"))
        np.testing.assert_allclose(flat(report_one, "values"), flat(report_two, "values"), rtol=1e-4)
    for a, b in zip(jax.tree.leaves(one[0]), jax.tree.leaves(two[0]), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance * max(np.abs(a).max(), 1e-3))


def test_ten_steps_on_many_devices_equal_ten_on_one():
    phase = phase_of(optax.sgd(0.1), ema_decay=0.9)
    one, many = run(phase, 1, 10), run(phase, jax.local_device_count(), 10)
    assert_same_training(one, many)
    assert int(one[0].step) == 10
    alphas = one[1][0]["images"]["alphas"].reshape(4, 2, 2)
    np.testing.assert_array_equal(alphas[:, 0], alphas[:, 1])       # two neighbours share one
    assert len(np.unique(alphas[:, 0, 0])) == 4                      # and the groups differ


@pytest.mark.slow
def test_the_same_on_eight_devices():
    environment = {**os.environ, "DYNJAX_TEST_DEVICES": "8"}
    test = f"{__file__}::test_ten_steps_on_many_devices_equal_ten_on_one"
    subprocess.run([sys.executable, "-m", "pytest", "-n", "0", test], env=environment, check=True, timeout=300)


def test_a_group_may_span_devices():
    phase = phase_of(optax.sgd(0.1), group_size=8)
    assert_same_training(run(phase, 1, 2), run(phase, 2, 2))


def test_the_gradient_is_that_of_the_multi_loss():
    phase = phase_of(optax.sgd(1.0))
    after, reports = run(phase, 2, 1)
    variables = phase.model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 3)), jnp.ones(2))
    images = np.random.default_rng(0).integers(0, 256, (1, 8, 6, 6, 3), np.uint8)[0] / np.float32(255)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(3), 0), 0)
    keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(8))
    example = Noisy().example(jnp.asarray(images), keys)
    alphas = reports[0]["images"]["alphas"].reshape(8, 2)

    def loss(params):
        total = 0.0
        for index in range(8):
            output = phase.model.apply({"params": params}, example["input"][index:index + 1], alphas[index])
            error = output[0] - images[index]
            first, second = jnp.mean(abs(error)), 2 * jnp.mean(error ** 2) + 0.5 * jnp.mean(abs(error))
            total += (alphas[index, 0] * first + alphas[index, 1] * second) / 8
        return total

    expected = jax.grad(loss)(variables["params"])
    moved = jax.tree.map(lambda a, b: a - b, variables["params"], after.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5 * max(1e-3, np.abs(b).max())), moved, expected)


def test_batch_statistics_are_those_of_every_device():
    model = Tunable(Tiny(), alpha=("first", "second"))
    phase = dataclasses.replace(phase_of(optax.sgd(0.0), group_size=4), model=model)
    one, two = run(phase, 1, 1), run(phase, 2, 1)
    assert_same_training(one, two)
    mean = one[0].rest["batch_stats"]["BatchNorm_0"]["mean"]
    assert np.abs(mean).max() > 1e-3


def test_accumulated_steps_equal_one_large_step():
    """Two steps of four images, averaged, move the parameters as the mean of their gradients does."""
    phase = phase_of(optax.MultiSteps(optax.sgd(1.0), 2))
    start = phase.model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 3)), jnp.ones(2))["params"]
    halfway, _ = run(phase, 1, 1)
    jax.tree.map(np.testing.assert_array_equal, halfway.params, start)
    after, _ = run(phase, 1, 2)
    pairs = zip(jax.tree.leaves(after.params), jax.tree.leaves(start), strict=True)
    assert any(np.abs(a - b).max() > 1e-4 for a, b in pairs)


def test_averaged_weights_follow_the_rule():
    phase = phase_of(optax.sgd(0.1), ema_decay=0.5)
    start = phase.model.init(jax.random.key(0), jnp.zeros((1, 6, 6, 3)), jnp.ones(2))["params"]
    after, _ = run(phase, 1, 1)
    decay = 1 / 10   # min(0.5, (1 + 0) / (10 + 0)): young averages follow fast
    expected = jax.tree.map(lambda a, b: decay * a + (1 - decay) * b, start, after.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), after.average, expected)


def test_a_batch_that_the_devices_do_not_divide_is_told():
    with pytest.raises(ValueError, match=r"batch_size is 6 but 4 devices share it; wanted .* set batch_size to 8"):
        shard(np.zeros((6, 2)), devices=4)
    with pytest.raises(ValueError, match="group_size is 3 but a device gets 4 images"):
        group_size(phase_of(optax.sgd(0.1), group_size=3), 4)
