"""One point of alpha an image: what a loop over the images gives."""
import jax
import jax.numpy as jnp

# Unrolled, a CPU's cores work on several images at once; past so many the program takes too long to compile.
UNROLLED = 8
# Gradients of jax.lax's convolutions inside compiled loops are fifty times slower or more on CPUs, so networks that
# have such are unrolled further. Accelerators likewise.
UNROLLED_AT_MOST = 16


def per_image(run, alpha, x, args, kwargs, rngs):
    """Calls run(point, image, args, kwargs, rngs) for every row of alpha [B, P] and joins the results; once, with all
    images, for one point of all, [P] or [1, P].

    Small batches are unrolled. Larger ones are a compiled loop on CPUs where all convolutions are those of
    dynjax.networks with a kernel gradient of their own: nearly as fast as one alpha for all, and no longer to compile
    (benchmarks/alpha_points.py).

    Returns:
      (outputs joined along the first axis, changed collections: intermediates joined, statistics averaged).
    """
    if alpha.ndim == 1 or alpha.shape[0] == 1:
        return run(alpha.reshape(-1), x, args, kwargs, rngs)
    batch = alpha.shape[0]

    def one(index):
        cut = lambda leaf: _rows(leaf, index, batch)
        keys = {name: jax.random.fold_in(key, index) for name, key in rngs.items()}
        return run(alpha[index], jax.tree.map(cut, x), jax.tree.map(cut, args), jax.tree.map(cut, kwargs), keys)

    loop = batch > UNROLLED_AT_MOST or (batch > UNROLLED and jax.default_backend() == "cpu" and _fit_for_loops(one))
    if not loop:
        results = [one(index) for index in range(batch)]
        outputs, updates = jax.tree.map(lambda *leaves: jnp.stack(leaves), *results)
    else:
        outputs, updates = jax.lax.map(one, jnp.arange(batch))
    joined = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), outputs)
    return joined, {name: jax.tree.map(_join if name == "intermediates" else _mean, tree)
                    for name, tree in updates.items()}


def _fit_for_loops(function):
    """Whether no convolution in function(index) is jax.lax's own."""
    return "conv_general_dilated" not in set(_primitives(jax.make_jaxpr(function)(0).jaxpr))


def _primitives(jaxpr):
    """The names of all operations, those of inner functions too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for value in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _primitives(inner)


def _rows(leaf, index, batch):
    """Image `index` of an array that holds the batch along its first axis; anything else as it is."""
    if getattr(leaf, "ndim", 0) and leaf.shape[0] == batch:
        return jax.lax.dynamic_slice_in_dim(jnp.asarray(leaf), index, 1)
    return leaf


def _join(leaf):
    return leaf.reshape(-1, *leaf.shape[2:]) if leaf.ndim > 1 else leaf


def _mean(leaf):
    return jnp.mean(leaf, axis=0) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf[-1]
