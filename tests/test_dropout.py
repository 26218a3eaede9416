"""Dropout that does not depend on who shares a device."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax
from dynjax.training.dropout import dropout_by_image, dropout_rngs

KEYS = jax.random.split(jax.random.key(0), 4)
ONES = jnp.ones((4, 4, 4, 3))


class Dropping(nn.Module):
    """Two layers of dropout on pictures, one on two rows of each picture, and one on whole pictures."""

    @nn.compact
    def __call__(self, x):
        drop = lambda y, name, **options: nn.Dropout(0.5, deterministic=False, name=name, **options)(y)
        rows = drop(jnp.ones((2 * len(x), 32)), "rows").reshape(len(x), -1)
        return {"first": drop(x, "first"), "second": drop(x, "second"), "rows": rows,
                "whole": drop(x, "whole", broadcast_dims=(1, 2, 3)), "bias": self.param("b", nn.initializers.ones, ())}


def run(images, model=None, call=(), variables=None):
    @jax.jit
    def apply(variables, x, keys, *call):
        with dropout_by_image(keys):
            return (model or Dropping()).apply(variables, x, *call, rngs=dropout_rngs(keys))

    return apply(variables or {"params": {"b": jnp.ones(())}}, ONES[images], KEYS[images], *call)


def test_what_an_image_loses_depends_on_its_key_alone():
    together, halves = run(slice(4)), [run(slice(2)), run(slice(2, 4))]
    for name in ("first", "second", "rows", "whole"):
        np.testing.assert_array_equal(together[name], jnp.concatenate([half[name] for half in halves]))
    kept = np.asarray(together["first"]).reshape(4, -1)
    assert set(np.unique(kept)) == {0, 2} and 0.3 < (kept > 0).mean() < 0.7     # kept values are doubled
    assert len(np.unique(kept, axis=0)) == 4                                     # no two images lose the same
    assert np.any(together["first"] != together["second"])                       # nor do two layers
    rows = np.asarray(together["rows"]).reshape(8, 32)
    assert len(np.unique(rows, axis=0)) == 8
    whole = np.asarray(together["whole"]).reshape(4, -1)
    assert all(len(np.unique(image)) == 1 for image in whole)


def test_elsewhere_flax_draws_as_ever():
    plain = Dropping().apply({"params": {"b": jnp.ones(())}}, ONES, rngs={"dropout": KEYS[0]})
    with dropout_by_image(KEYS):
        np.testing.assert_array_equal(Dropping().apply({"params": {"b": jnp.ones(())}}, ONES,
                                                       rngs={"dropout": KEYS[0]})["first"], plain["first"])


class Painter(nn.Module):
    """A picture from a picture, with dropout between."""

    @nn.compact
    def __call__(self, x):
        return nn.Conv(3, (1, 1), name="last")(nn.Dropout(0.5, deterministic=False, name="drop")(x))


@pytest.mark.parametrize("model, alpha", [
    (dynjax.Tunable(Painter(), alpha=("a", "b")), jnp.array([0.5, 0.5])),
    (dynjax.DynamicNet(Painter(), before={"last": dynjax.TuningBlock(layers=1)}), jnp.array(0.5))])
def test_wrapped_networks_too(model, alpha):
    variables = model.init({"params": KEYS[0], "dropout": KEYS[0]}, ONES, alpha)
    together, halves = run(slice(4), model, (alpha,), variables), [
        run(part, model, (alpha,), variables) for part in (slice(2), slice(2, 4))]
    np.testing.assert_allclose(together, jnp.concatenate(halves), rtol=1e-5, atol=1e-6)
    assert np.ptp(np.asarray(together), axis=0).max() > 1e-3                    # images differ by what they lost
