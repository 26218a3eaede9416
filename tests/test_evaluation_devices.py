"""Pictures are shared out over the devices, and nothing but time depends on how many there are."""
import importlib
import os
import subprocess
import sys
import threading

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import Tunable
from dynjax.evaluation import measure
from dynjax.evaluation.devices import AHEAD, over_devices
from dynjax.files import PictureError
from dynjax.tasks import SuperResolution

ALPHAS = [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
NET = Tunable(nn.ConvTranspose(3, (4, 4), (2, 2)), alpha=("plain", "other"))


@pytest.fixture(scope="module")
def variables():
    return NET.init(jax.random.key(0), jnp.zeros((1, 8, 8, 3)), jnp.ones(2))


def pictures(count):
    """Of several sizes; the second is too small for the task."""
    for index in range(count):
        shape = (16, 1, 3) if index == 1 else (16, 16 + 4 * (index % 3), 3)
        yield f"p{index}", np.random.default_rng(index).uniform(size=shape).astype(np.float32)


def measured(variables, count=11):
    first = {"params": jax.tree.map(lambda leaf: leaf[0], variables["params"]["kernels"])}
    fixed = {"other": (NET.net, first, None)}
    return measure(NET, variables, SuperResolution(2), pictures(count), ALPHAS, fixed=fixed, metrics=("psnr_rgb", "l1"),
                   keep=3, exact_sizes=1, progress=False)


def test_rows_do_not_depend_on_the_number_of_devices(variables):
    many = measured(variables)
    with jax.default_device(jax.local_devices()[0]):
        one = measured(variables)
    words = lambda found: [[value for value in row.values() if not isinstance(value, float)] for row in found.rows]
    numbers = lambda found: [value for row in found.rows for value in row.values() if isinstance(value, float)]
    assert words(many) == words(one) and [row["image"] for row in one.rows[::5]] == [
        "p0", *(f"p{index}" for index in range(2, 11))]
    np.testing.assert_allclose(numbers(many), numbers(one), rtol=1e-5)
    assert many.left_out == one.left_out == ["p1"] and many.padded == one.padded != []
    assert [picture.name for picture in many.kept] == [picture.name for picture in one.kept] == ["p0", "p2", "p3"]
    for picture, other in zip(many.kept, one.kept, strict=True):
        assert np.abs(picture.outputs.astype(int) - other.outputs).max() <= 1       # rounded to 8 bits


def test_every_device_works(variables, monkeypatch):
    module, used = importlib.import_module("dynjax.evaluation.restoration.measure"), []

    def grid(*arguments, **options):
        outputs = module_grid(*arguments, **options)
        used.append(outputs.devices())
        return outputs

    module_grid = module.grid
    monkeypatch.setattr(module, "grid", grid)
    measured(variables, count=3 * jax.local_device_count())
    assert set.union(*used) == set(jax.local_devices()) and all(len(devices) == 1 for devices in used)


def test_errors_of_the_network_and_of_the_pictures_come_through(variables):
    broken = jax.tree.map(lambda leaf: leaf * jnp.inf, variables)
    with pytest.raises(ValueError, match="output for p0 at other is not finite"):
        measured(broken)

    def unreadable():
        yield from pictures(1)
        raise PictureError("none can be read")

    with pytest.raises(PictureError, match="none can be read"):
        measure(NET, variables, SuperResolution(2), unreadable(), ALPHAS, metrics=("l1",), progress=False)


def test_results_come_in_the_order_of_the_items_though_later_ones_are_done_first():
    later_is_done = threading.Event()

    def work(shared, item):
        if item == 0:
            assert later_is_done.wait(60)
        else:
            later_is_done.set()
        return shared["add"] + item

    assert list(map(int, over_devices(work, range(7), {"add": 10}, devices=jax.local_devices()[:2]))) == [
        10, 11, 12, 13, 14, 15, 16]


def test_few_items_are_taken_ahead_and_none_after_an_end():
    taken, worked = [], []
    items = (taken.append(index) or index for index in range(100))
    results = over_devices(lambda _, item: worked.append(item) or item, items, {}, devices=jax.local_devices()[:2])
    assert [next(results), next(results)] == [0, 1]
    assert len(taken) <= 2 * AHEAD + 1
    before = threading.active_count()
    results.close()
    assert threading.active_count() == before - 2 and len(worked) <= len(taken) < 100


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_comes_after_the_results_before_it_and_ends_the_threads(error):
    def work(_, item):
        if item == 3:
            raise error("the fourth")
        return item

    before, found = threading.active_count(), []
    with pytest.raises(error, match="the fourth"):
        found.extend(iter(over_devices(work, range(9), {}, devices=jax.local_devices()[:2])))
    assert found == [0, 1, 2] and threading.active_count() == before


def test_what_a_caller_set_for_its_thread_holds_on_every_device():
    seen = lambda _, item: (jax.config.jax_numpy_rank_promotion, jax.config.jax_default_matmul_precision)
    with jax.numpy_rank_promotion("warn"), jax.default_matmul_precision("bfloat16"):
        assert set(over_devices(seen, range(4), {}, devices=jax.local_devices()[:2])) == {("warn", "bfloat16")}


def test_a_default_device_is_the_only_one_to_work():
    last = jax.local_devices()[-1]
    where = lambda _, item: (threading.current_thread(), *jnp.zeros(item).devices())
    with jax.default_device(last):
        assert set(over_devices(where, range(1, 4), {})) == {(threading.current_thread(), last)}


@pytest.mark.slow
def test_the_same_on_eight_devices():
    environment = {**os.environ, "DYNJAX_TEST_DEVICES": "8"}
    subprocess.run([sys.executable, "-m", "pytest", "-n", "0", __file__], env=environment, check=True, timeout=1200)
