"""stack and tune: the mixing of parameter trees, without any network."""
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dynjax

TREE = {"conv": {"kernel": np.array([[1.0, 2.0]], np.float32), "bias": np.array([3.0, -1.0], np.float32)},
        "norm": {"scale": np.array([2.0, 5.0], np.float32)}}
OTHER = jax.tree.map(lambda leaf: -10 * leaf, TREE)


def test_a_mixture_by_hand():
    stacked = dynjax.stack([TREE, OTHER], 2)
    mixed = dynjax.tune(stacked, jnp.array([0.75, 0.5]))   # phi starts as the identity: 0.75 a + 0.5 b = -4.25 a
    for path, leaf in jax.tree_util.tree_leaves_with_path(mixed):
        wanted = TREE[path[0].key][path[1].key] * -4.25
        np.testing.assert_allclose(leaf, wanted, rtol=1e-6, err_msg=str(path))


def test_the_ends_are_the_trees_themselves():
    stacked = dynjax.stack([TREE, OTHER], 2, phi="identity")
    assert "phi" not in stacked
    for alpha, tree in (([1.0, 0.0], TREE), ([0.0, 1.0], OTHER)):
        jax.tree.map(np.testing.assert_array_equal, dynjax.tune(stacked, jnp.array(alpha)), tree)


def test_one_tree_is_repeated_and_patterns_stay_single():
    stacked = dynjax.stack(TREE, 2, kernels=3, frozen=("norm",))
    assert stacked["kernels"]["conv"]["kernel"].shape == (3, 1, 2) and set(stacked["kernels"]) == {"conv"}
    np.testing.assert_array_equal(stacked["frozen"]["norm"]["scale"], [2, 5])
    jax.tree.map(np.testing.assert_allclose, dynjax.tune(stacked, jnp.array([0.25, 0.75])), TREE)


def test_each_layer_has_weights_of_its_own():
    stacked = dynjax.stack([TREE, OTHER], 2)
    stacked["phi"]["conv"] = {"kernel": jnp.zeros((2, 2)), "bias": jnp.array([2.0, 0.0])}
    mixed = dynjax.tune(stacked, jnp.array([0.0, 1.0]))
    np.testing.assert_array_equal(mixed["conv"]["bias"], [6, -2])        # 2 a + 0 b, whatever alpha is
    np.testing.assert_array_equal(mixed["norm"]["scale"], [-20, -50])    # b


def test_gradients_reach_candidates_and_alpha():
    stacked = dynjax.stack([TREE, OTHER], 2, phi="identity")
    loss = lambda stacked, alpha: dynjax.tune(stacked, alpha)["norm"]["scale"].sum()
    trees, alphas = jax.grad(loss, argnums=(0, 1))(stacked, jnp.array([0.25, 0.5]))
    np.testing.assert_allclose(trees["kernels"]["norm"]["scale"], [[0.25, 0.25], [0.5, 0.5]])
    np.testing.assert_allclose(alphas, [7.0, -70.0])


@pytest.mark.parametrize("trees, options, said", [
    ([TREE, OTHER, TREE], {"kernels": 2}, "3 trees for 2 candidates"),
    ([TREE, {"conv": TREE["conv"]}], {}, "norm/scale is .* and absent"),
    ([TREE, {**TREE, "norm": {"scale": np.zeros(3)}}], {}, r"norm/scale is \(2,\) and \(3,\)"),
    (TREE, {"phi": "cubic"}, "phi is 'cubic'"), (TREE, {"kernels": 1}, "wanted 2 or more")])
def test_what_does_not_go_together_is_told(trees, options, said):
    with pytest.raises(ValueError, match=said):
        dynjax.stack(trees, 2, **options)


def test_a_tree_or_alpha_of_another_form_is_told():
    with pytest.raises(ValueError, match="without 'kernels'"):
        dynjax.tune(TREE, jnp.ones(2))
    for alpha in (jnp.ones(3), jnp.ones((4, 2))):
        with pytest.raises(ValueError, match="wanted a last axis of 2"):
            dynjax.tune(dynjax.stack(TREE, 2), alpha)
