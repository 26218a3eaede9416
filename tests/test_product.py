"""Product grids over the blocks of a DynamicNet: the same results as one by one, and nothing computed twice."""
import collections

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.control import DynamicNet, Tunable, TuningBlock, grid
from dynjax.evaluation import Product, product_grid
from dynjax.evaluation.pareto.stages import in_stages

KEY = jax.random.key(0)
AXES = [[0, 0.5, 1], [-1, 1], [0, 0.25, 0.5, 1, 2]]   # 3 x 2 x 5
counted = collections.Counter()                       # how many pictures went through each layer


class Counted(nn.Module):
    """A convolution that counts, while it runs, the pictures it is given."""
    features: int

    @nn.compact
    def __call__(self, x):
        def count(x):
            counted[self.name] += x.size // np.prod(x.shape[-3:])
            return x

        x = jax.pure_callback(count, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="broadcast_all")
        return nn.tanh(nn.Conv(self.features, (1, 3), name="conv")(x))


class Four(nn.Module):
    """Four layers one after the other; blocks go between them."""

    @nn.compact
    def __call__(self, x):
        for name in ("encoder", "middle", "decoder"):
            x = Counted(4, name=name)(x)
        return Counted(3, name="tail")(x)


def drawn(model, *args):
    """Variables with normal numbers in them; nothing is compiled for it."""
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda: model.init(KEY, *args))
    return jax.tree.map(lambda leaf: jnp.asarray(random.normal(0, 0.3, leaf.shape), leaf.dtype), shapes)


@pytest.fixture(scope="module")
def four():
    x = jax.random.uniform(KEY, (1, 6, 7, 3))
    block = TuningBlock(layers=1)
    # Neither sorted by name nor in the order in which they run.
    dynamic = DynamicNet(Four(), before=dict.fromkeys(("tail", "middle"), block),
                         after={"middle/conv": block})
    return dynamic, drawn(dynamic, x, jnp.zeros(3)), x


@pytest.mark.parametrize("chunk, filled", [(1, 5), (None, 6)])
def test_each_layer_runs_once_for_what_it_depends_on(four, chunk, filled):
    """They run in this order: encoder, the block of `middle`, that of `middle/conv`, decoder, the block of `tail`."""
    counted.clear()
    outputs = product_grid(*four, AXES, chunk=chunk)
    # Alphas: tail 3, middle 2, middle/conv 5. Ten side by side are all 3 of the tail with 3 of middle/conv, whose 5
    # are filled up to 6.
    assert counted == {"encoder": 1, "middle": 2, "decoder": 2 * filled, "tail": 2 * filled * 3}
    dynamic, variables, x = four
    apply = jax.jit(dynamic.apply)
    for place in np.ndindex(3, 2, 5):
        alpha = jnp.array([axis[index] for axis, index in zip(AXES, place, strict=True)], jnp.float32)
        np.testing.assert_allclose(outputs[place], apply(variables, x, alpha), atol=2e-6)


def test_grid_runs_what_lies_before_the_first_block_once(four):
    dynamic, variables, x = four
    alphas = jax.random.uniform(KEY, (7, 3))
    counted.clear()
    outputs = grid(dynamic, variables, x, alphas)
    assert counted == {"encoder": 1, "middle": 7, "decoder": 7, "tail": 7}
    np.testing.assert_allclose(outputs[4], jax.jit(dynamic.apply)(variables, x, alphas[4]), atol=2e-6)


def test_a_product_is_compiled_once_a_shape(four):
    dynamic, variables, x = four
    traced = []

    def run(shared, alpha):
        traced.append(shared[1].shape)
        return dynamic.apply(*shared, alpha)

    product = Product(run, [np.linspace(0, 1, 4)], chunk=2)
    for _ in range(2):
        for places, outputs in product((variables, x)):
            assert outputs.shape == (2, *x.shape) and places[0].stop - places[0].start == 2
    first = len(traced)
    list(product((variables, 2 * x)))
    assert len(traced) == first
    list(product((variables, x[:, 1:])))
    assert len(traced) > first


def test_a_tunable_has_no_blocks_but_the_same_call():
    x = jax.random.uniform(KEY, (2, 5, 6, 3))
    for tunable in (Tunable(nn.Conv(3, (3, 3)), alpha=("one", "two")), Tunable(nn.Conv(3, (3, 3)), alpha=2)):
        variables = drawn(tunable, x, jnp.ones(2))
        outputs = product_grid(tunable, variables, x, [[0, 1, 2], [0.5, -1]])
        assert outputs.shape == (3, 2, 2, 5, 6, 3)
        np.testing.assert_allclose(outputs[2, 1], jax.jit(tunable.apply)(variables, x, jnp.array([2.0, -1])), atol=1e-5)


def test_stages_give_the_function_s_result():
    """Nested results, constants, arguments that are returned as they came, and operations that nobody needs."""
    def function(shared, a, b):
        unused = jnp.exp(a["x"])   # noqa: F841
        return {"sum": jnp.sin(shared[0]) * a["x"] + np.arange(3.0) + b, "as": (a, shared[1]), "number": 2.0 * b}

    groups = (jnp.arange(3.0), jnp.ones(2)), {"x": jnp.full(3, 0.5)}, jnp.float32(3)
    stages = in_stages(function, *groups)
    held = ()
    for stage, group in zip(stages, groups, strict=True):
        held = stage(held, group)
    jax.tree.map(np.testing.assert_allclose, held, function(*groups))


@pytest.mark.parametrize("axes, options, why", [
    ([[0, 1]] * 2, {}, r"shapes \(2,\), \(2,\); wanted a list of numbers for each of tail, middle, middle/conv"),
    ([[0, 1], [0, 1], []], {}, r"\(0,\)"),
    ([0.5, [0, 1], [1]], {}, r"shapes \(\),"),
    (AXES, {"chunk": 0}, "chunk is 0; wanted 1 or more"),
])
def test_bad_axes_get_a_sentence(four, axes, options, why):
    with pytest.raises(ValueError, match=why):
        product_grid(*four, axes, **options)
