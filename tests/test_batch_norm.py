"""Batch norm by PyTorch's rules."""
import jax
import numpy as np

from dynjax.networks.batch_norm import BatchNorm


def test_batch_norm_over_devices_is_that_of_the_whole_batch():
    x = jax.random.normal(jax.random.key(1), (4, 3, 3, 2)) * 3 + 1
    variables = BatchNorm().init(jax.random.key(0), x)
    run = lambda axis_name: lambda x: BatchNorm(axis_name=axis_name).apply(variables, x, True, mutable=["batch_stats"])
    y, changed = run(None)(x)
    np.testing.assert_allclose(changed["batch_stats"]["var"], 0.9 + 0.1 * x.reshape(-1, 2).var(0, ddof=1), rtol=1e-5)
    split, changed_on_each = jax.pmap(run("devices"), axis_name="devices")(x.reshape(2, 2, 3, 3, 2))
    np.testing.assert_allclose(split.reshape(y.shape), y, atol=1e-5)
    for name, value in changed["batch_stats"].items():
        np.testing.assert_allclose(changed_on_each["batch_stats"][name], [value, value], rtol=1e-5)
