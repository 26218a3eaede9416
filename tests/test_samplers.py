"""How alpha is drawn: ranges, ends, and what is said about samplers that do not fit."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynjax.objectives import build_sampler, fixed, simplex, stretched, uniform

KEYS = jax.random.split(jax.random.key(0), 4000)


def draws(sampler):
    alphas = np.asarray(jax.jit(jax.vmap(sampler))(KEYS))
    assert alphas.dtype == np.float32 and alphas.min() >= 0 and alphas.max() <= 1
    return alphas


def test_uniform_is_independent():
    alphas = draws(uniform(3))
    np.testing.assert_allclose(alphas.mean(0), 0.5, atol=0.02)
    np.testing.assert_allclose(np.cov(alphas.T), np.eye(3) / 12, atol=0.01)


@pytest.mark.parametrize("count", [2, 3])
def test_simplex_is_uniform_on_the_simplex(count):
    alphas = draws(simplex(count))
    np.testing.assert_allclose(alphas.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(alphas.mean(0), 1 / count, atol=0.02)
    # Dirichlet(1, ..., 1): variance (P - 1) / (P^2 (P + 1)).
    np.testing.assert_allclose(alphas.var(0), (count - 1) / count**2 / (count + 1), rtol=0.1)


def test_stretching_hits_both_ends():
    alphas = draws(stretched(simplex(2), 0.2, on_simplex=True))
    np.testing.assert_allclose(alphas.sum(1), 1, atol=1e-6)
    # u in [-0.2, 1.2] clipped: a seventh of the draws at each end.
    np.testing.assert_allclose([(alphas[:, 0] == 0).mean(), (alphas[:, 0] == 1).mean()], 1 / 7, atol=0.02)
    corners = draws(stretched(simplex(3), 0.2, on_simplex=True))
    np.testing.assert_allclose(corners.sum(1), 1, atol=1e-6)
    assert ((corners == 1).any(1)).mean() > 0.02
    box = draws(stretched(uniform(2), 0.2))
    np.testing.assert_allclose((box == 1).mean(0), 1 / 7, atol=0.02)


def test_fixed_points_are_drawn_alike():
    alphas = draws(fixed([[1, 0], [0, 1], [0.5, 0.5]]))
    np.testing.assert_allclose([(alphas[:, 0] == a).mean() for a in (1, 0, 0.5)], 1 / 3, atol=0.03)


def test_built_from_what_a_config_says():
    key = jax.random.key(3)
    np.testing.assert_array_equal(build_sampler("uniform", 3)(key), uniform(3)(key))
    np.testing.assert_array_equal(build_sampler("simplex", 2, stretch=0.2)(key),
                                  stretched(simplex(2), 0.2, on_simplex=True)(key))
    np.testing.assert_array_equal(build_sampler(((1, 0),), 2)(key), [1, 0])
    np.testing.assert_array_equal(build_sampler({"fixed": [[0, 1]]}, 2)(key), [0, 1])
    own = lambda key: jnp.stack([jax.random.uniform(key), jnp.float32(1)])
    assert build_sampler(own, 2) is own


@pytest.mark.parametrize("config, said", [
    ("simplx", r"alpha.sampler is 'simplx'; wanted one of uniform, simplex"),
    ([[1, 0, 0]], r"draws alpha of shape \(3,\); wanted \(2,\)"),
    ([1, 0], r"the fixed points of alpha have shape \(2,\)"),
    ("[[1,0,0]]", r"draws alpha of shape \(3,\); wanted \(2,\)"),
    ("[[1,0],[0", r"alpha.sampler is .*; wanted one of uniform, simplex, or a list of points such as"),
    ("3", "alpha.sampler is '3'; wanted one of uniform"),
    ([[1, 0], [0]], "the fixed points of alpha are .*; wanted numbers"),
    (np.zeros((0, 2)), r"the fixed points of alpha have shape \(0, 2\)"),
])
def test_samplers_that_do_not_fit_are_told(config, said):
    with pytest.raises(ValueError, match=said):
        build_sampler(config, 2)


def test_stretching_is_for_the_named_samplers_only():
    """Points are drawn as they were given, arrays of them too, and so is what a user's own function draws."""
    inner = np.asarray([[0.3, 0.7], [0.7, 0.3]], np.float32)
    for points in (inner, inner.tolist(), str(inner.tolist())):
        alphas = draws(build_sampler(points, 2, stretch=0.5))
        np.testing.assert_array_equal(np.unique(alphas[:, 0]), inner[:, 0])
    own = lambda key: jnp.asarray([0.3, 0.7])
    np.testing.assert_array_equal(build_sampler(own, 2, stretch=0.5)(KEYS[0]), own(None))
    assert (draws(build_sampler("uniform", 2, stretch=0.5)) == 1).any()


def test_points_come_as_text_from_a_flag():
    alphas = draws(build_sampler("[[1,0],[0,1]]", 2))
    np.testing.assert_array_equal(np.unique(alphas, axis=0), [[0, 1], [1, 0]])
