"""Alpha changes the output of every shipped config, and of every kind of parameter it tunes."""
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.training import build
from dynjax.tunable import grid

CONFIGS = sorted(path.stem for path in (Path(__file__).parent.parent / "configs").glob("*.py"))


@pytest.mark.parametrize("name", CONFIGS)
def test_alpha_changes_the_output(name):
    config = import_module(f"configs.{name}").get_config()
    config.network.update(features=8, blocks=1)
    experiment = build(config)
    variables = experiment.fresh_variables()
    # Our networks start as bicubic enlargement, their last convolution at zero: move every kernel off its start.
    moved = lambda leaf: leaf + 0.05 * jax.random.normal(jax.random.key(leaf.size), leaf.shape)
    variables = {**variables, "params": jax.tree.map(moved, variables["params"])}
    low = jax.random.uniform(jax.random.key(0), (1, 9, 8, 3))
    outputs = grid(experiment.model, variables, low, jnp.eye(len(config.alpha.names)))
    assert np.isfinite(outputs).all() and np.abs(outputs[0] - outputs[1]).max() > 1e-3
