"""The weighted sum of kernels: the one place where several parameter trees become one."""
import jax
import jax.numpy as jnp

from dynjax.image.native import native


def aggregate(stack, weights):
    """Mixes W parameter trees into one.

    leaf = sum_w weights[w] * leaf[w] for every leaf of the tree (Maggioni et al. 2023, eq. 3).

    The sum stands between two barriers and is always compiled, so that the same inputs give the same bits wherever
    it is called from: inside a jitted network, alone, or for baking.

    Args:
      stack: a tree of arrays, every leaf [W, ...].
      weights: [W] aggregation weights; any reals, not normalised here.

    Returns:
      The tree with leaves [...] in the dtype they had.

    Raises:
      ValueError: a leaf and the weights disagree on W.
    """
    stack, weights = native((stack, jnp.asarray(native(weights))))
    if weights.ndim != 1:
        raise ValueError(f"aggregate got weights of shape {weights.shape}; wanted one weight a kernel, shape (W,). "
                         "For many points of alpha use dynjax.grid or vmap over the weights.")
    for path, leaf in jax.tree_util.tree_leaves_with_path(stack):
        if leaf.shape[:1] != weights.shape:
            raise ValueError(f"aggregate got {weights.shape[0]} weights for the leaf {jax.tree_util.keystr(path)} of "
                             f"shape {leaf.shape}; wanted a leading axis of {weights.shape[0]}. "
                             "dynjax.stack makes such a tree from a plain one.")
    return _aggregate(stack, weights)


@jax.jit
def _aggregate(stack, weights):
    # Scaled sums rather than a dot product: exact at the corners and never rounded to TF32. The barriers keep the
    # compiler from fusing the sum with its neighbours, which changes the rounding; they cost nothing.
    stack, weights = jax.lax.optimization_barrier((stack, weights))

    def weighted_sum(leaf):
        scale = weights.astype(jnp.promote_types(leaf.dtype, jnp.float32))
        total = scale[0] * leaf[0]
        for index in range(1, leaf.shape[0]):
            total = total + scale[index] * leaf[index]
        return total.astype(leaf.dtype)

    return jax.lax.optimization_barrier(jax.tree.map(weighted_sum, stack))
