"""Layer norm, softmax and dense layer with derivatives of our own: those of the libraries, in either mode."""
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.networks.layer_norm import LayerNorm
from dynjax.networks.window_attention import dense, softmax


def normal(seed, *shape):
    return 3 * jax.random.normal(jax.random.key(seed), shape) + 1


def assert_same(ours, library, *arguments):
    """Values, derivatives forward and backward, and the derivative of one of those."""
    cotangent = normal(9, *jax.eval_shape(library, *arguments).shape)
    tangents = tuple(normal(5 + index, *np.shape(each)) for index, each in enumerate(arguments))
    backward = lambda f: lambda *given: jax.vjp(f, *given)[1](cotangent)
    measures = [lambda f: f(*arguments), lambda f: jax.jvp(f, arguments, tangents)[1],
                lambda f: backward(f)(*arguments), lambda f: jax.jvp(backward(f), arguments, tangents)[1]]
    for measure in measures:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * (1 + np.abs(b).max())),
                     measure(ours), measure(library))


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 1), (7,)])
def test_layer_norm(shape):
    layers = [LayerNorm(epsilon=1e-3), nn.LayerNorm(epsilon=1e-3, use_fast_variance=False)]
    x, scale, bias = normal(0, *shape), normal(1, shape[-1]), normal(2, shape[-1])
    jax.tree.map(np.testing.assert_array_equal, *(layer.init(jax.random.key(0), x) for layer in layers))
    ours, library = (lambda x, scale, bias, layer=layer: layer.apply({"params": {"scale": scale, "bias": bias}}, x)
                     for layer in layers)
    assert_same(ours, library, x, scale, bias)


def test_a_mean_far_from_zero_costs_no_digits():
    x = 1e4 + normal(0, 4, 6)
    exact = np.asarray(x, np.float64)
    exact = (exact - exact.mean(-1, keepdims=True)) / exact.std(-1, keepdims=True)
    ours = LayerNorm().apply(LayerNorm().init(jax.random.key(0), x), x)
    np.testing.assert_allclose(ours, exact, atol=2e-3)   # x itself has three digits after the point


@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_types_are_those_of_the_library(dtype):
    for given in (jnp.float32, jnp.bfloat16):
        x = normal(0, 2, 8).astype(given)
        ours, library = LayerNorm(dtype=dtype), nn.LayerNorm(use_fast_variance=False, dtype=dtype)
        variables = library.init(jax.random.key(0), x)
        result, wanted = ours.apply(variables, x), library.apply(variables, x)
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result.astype(float), wanted.astype(float), atol=0.02)


def test_softmax():
    assert_same(softmax, jax.nn.softmax, normal(0, 2, 3, 4))
    assert np.all(np.isfinite(softmax(jnp.array([1e4, -1e4, 0.0]))))


def test_dense():
    x, kernel, bias = normal(0, 2, 3, 4, 5), normal(1, 5, 6), normal(2, 6)
    apply = lambda layer: lambda x, kernel, bias: layer.apply({"params": {"kernel": kernel, "bias": bias}}, x)
    assert_same(apply(dense(6)), apply(nn.Dense(6)), x, kernel, bias)
