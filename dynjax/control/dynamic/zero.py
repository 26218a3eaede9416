"""The main network's own result where alpha is zero.

z + 0 * psi(z) is z, but a compiled program that uses z twice is fused otherwise than one that uses it once, and its
layers may round otherwise (on CPUs products and sums are contracted within a fused loop). So the main network is a
branch of its own, which is run only where every alpha is zero.
"""
import jax
import jax.numpy as jnp
import numpy as np


def at_zero(alphas, main, inputs):
    """Runs `main(*inputs)` where all alphas are zero, and gives what then puts its result in the place of another.

    Under vmap over alpha nothing is run and nothing replaced: every row would be computed twice.

    Args:
      alphas: {path: array}. main: a function without side effects. inputs: its arguments, nested; arrays among them
        may be traced, anything else stays as it is.

    Returns:
      replace(outputs) -> outputs of the same form: main's where all alphas are zero, else as they came. Derivatives
      are those of what came, everywhere: alpha 0 is no kink.
    """
    zero = jnp.all(jnp.stack([jnp.all(alpha == 0) for alpha in alphas.values()])) if alphas else jnp.array(True)
    leaves, structure = jax.tree.flatten(inputs)
    places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, jax.Array | np.ndarray)]

    def run(*arrays):
        filled = dict(zip(places, arrays, strict=True))
        return main(*structure.unflatten([filled.get(index, leaf) for index, leaf in enumerate(leaves)]))

    arrays = jax.lax.stop_gradient([leaves[index] for index in places])
    if isinstance(zero, jax.core.Tracer):
        replaced, exact = _branch(run, arrays)(zero, *arrays)
    elif zero:
        replaced, exact = zero, run(*arrays)
    else:
        return lambda outputs: outputs
    return lambda outputs: jax.tree.map(lambda ours, other: _choose(replaced, ours, other), exact, outputs)


def _branch(run, arrays):
    """f(zero, *arrays) -> (whether to take the result, run's result or zeros)."""
    shapes = jax.eval_shape(run, *arrays)
    nothing = lambda *_: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    branch = lambda zero, *arrays: (zero, jax.lax.cond(zero, run, nothing, *arrays))

    def batched(axis_size, in_batched, zero, *arrays):
        if in_batched[0]:
            return (jnp.array(False), nothing()), jax.tree.map(lambda _: False, (0, shapes))
        axes = [0 if one else None for one in in_batched[1:]]
        exact = jax.vmap(branch, in_axes=(None, *axes), out_axes=(None, 0), axis_size=axis_size)(zero, *arrays)
        return exact, (False, jax.tree.map(lambda _: True, shapes))

    branching = jax.custom_batching.custom_vmap(branch)
    branching.def_vmap(batched)
    return branching


@jax.custom_jvp
def _choose(replaced, exact, outputs):
    return jnp.where(replaced, exact, outputs)


@_choose.defjvp
def _choose_jvp(primals, tangents):
    return _choose(*primals), tangents[2]
