"""The dual tuning-block: one set of layers for alpha below zero, one for alpha above (Dynamic-Net's released code)."""
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from dynjax.control.dynamic.tuning_block import TuningBlock


class DualTuningBlock(nn.Module):
    """alpha * higher(z) where alpha is positive, |alpha| * lower(z) elsewhere; [N, H, W, C] to the same shape.

    Around a main network in the middle, alpha from -1 to 1 leads from one objective over the main one to another, and
    beyond +-1 further. The result is continuous at alpha = 0, with a kink. The two are trained one after the other:
    "params/blocks/*/lower" at alpha = -1, "params/blocks/*/higher" at alpha = 1.

    Where alpha is one number for the batch only one of the two is computed; where it differs between images or pixels,
    or under vmap over alpha, both. Submodules: lower and higher, TuningBlocks.

    Attributes:
      features, layers, kernel_size, padding, kernel_init, zero_last: of both, as TuningBlock has them.
    """
    features: int | None = None
    layers: int = 3
    kernel_size: int = 3
    padding: str = "reflect"
    kernel_init: str = "torch"
    zero_last: bool = False

    # For DynamicNet: called as block(z, alpha), and gives all that is added to z.
    sees_alpha = True
    alpha_range = (-1.0, 1.0)   # that is trained

    @nn.compact
    def __call__(self, z, alpha):
        """alpha: (), or an array that multiplies z, [N, 1, 1, 1] or [N, H, W, 1]."""
        lower, higher = self._single(name="lower"), self._single(name="higher")
        if jnp.ndim(alpha) or self.is_initializing():
            return jnp.where(alpha > 0, alpha * higher(z), -alpha * lower(z))
        params = self.variables["params"]
        return _one(self._single(parent=None), alpha, z, params["lower"], params["higher"])

    def baked(self, params, alpha):
        """(TuningBlock, its parameters) that gives what this block gives at one alpha, a number."""
        block = self._single(parent=None)
        return block, block.scaled(_chosen(alpha, params["lower"], params["higher"]), jnp.abs(alpha))

    def _single(self, **options):
        return TuningBlock(features=self.features, layers=self.layers, kernel_size=self.kernel_size,
                           padding=self.padding, kernel_init=self.kernel_init, zero_last=self.zero_last, **options)


def _chosen(alpha, lower, higher):
    return jax.tree.map(functools.partial(jnp.where, alpha > 0), higher, lower)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _one(block, alpha, z, lower, higher):
    """One of the two at one alpha. A branch, which becomes a choice between both under vmap over alpha."""
    scaled = lambda size, params, z: size * block.apply({"params": params}, z)
    return jax.lax.cond(alpha > 0, lambda: scaled(alpha, higher, z), lambda: scaled(-alpha, lower, z))


@functools.partial(_one.defjvp, symbolic_zeros=True)
def _one_jvp(block, primals, tangents):
    """Chooses the parameters instead: kernel gradients inside a branch are tens of times slower on CPUs."""
    leaves, structure = jax.tree.flatten(primals)
    directions = structure.flatten_up_to(tangents)
    moving = [place for place, direction in enumerate(directions) if not isinstance(direction, SymbolicZero)]

    def run(*values):
        filled = dict(zip(moving, values, strict=True))
        alpha, z, lower, higher = structure.unflatten([filled.get(place, leaf) for place, leaf in enumerate(leaves)])
        return jnp.where(alpha > 0, alpha, -alpha) * block.apply({"params": _chosen(alpha, lower, higher)}, z)

    return jax.jvp(run, [leaves[place] for place in moving], [directions[place] for place in moving])
