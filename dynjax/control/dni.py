"""Deep network interpolation: trained networks of one ancestry, mixed in their weights (Wang et al., CVPR 2019)."""
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from dynjax.control.alpha import shared_alpha
from dynjax.control.separate import SeparateNetworks, moved_where_alone, without_say
from dynjax.control.tunable.aggregation import aggregate
from dynjax.image.native import native

LEAST_VARIANCE = 1e-8


class DNI(SeparateNetworks):
    """Networks that were trained one by one, mixed in their weights: `apply(variables, x, alpha, *args, **kwargs)`.

    theta = sum_w alpha_w theta_w over all arrays of all collections, running statistics included (Wang et al. 2019,
    eq. 1); integers are those of the network of the largest weight, and a running variance that extrapolation makes
    negative becomes 1e-8. At a corner of alpha it is that network, bit for bit. It works for networks of one ancestry,
    one fine-tuned from the other or all from one parent; the mean of two that began apart computes nothing.

    The tree: {"params": {name: the network's}, other collections: the same}.

    Attributes:
      net: any linen module, called as net(x, *args, **kwargs).
      alpha: the names of the W networks, or W; then they are named "0", "1", ...
    """

    def bake(self, variables, alpha):
        """Mixes the networks into one.

        Args:
          variables: this control's.
          alpha: one point, (W,) or a dict by name.

        Returns:
          (network, its variables); network.apply(variables, x) is, jitted, bit for bit what `apply` gives there.
        """
        networks = {name: {collection: native(trees[name]) for collection, trees in variables.items() if name in trees}
                    for name in self.names}
        mixed = _mixed([networks[name] for name in self.names], shared_alpha(alpha, self.names))
        unmended = [path for path, leaf in jax.tree_util.tree_leaves_with_path(mixed)
                    if _is_variance(path) and not isinstance(leaf, jax.core.Tracer)   # inside jit nothing can be said
                    and np.any(np.asarray(leaf) == np.asarray(LEAST_VARIANCE, leaf.dtype))]
        if unmended:
            warnings.warn(f"at alpha {np.asarray(shared_alpha(alpha, self.names)).tolist()} {len(unmended)} running "
                          f"variances were negative and became {LEAST_VARIANCE}; wanted weights nearer to a network's "
                          "own, or statistics that are estimated anew.", stacklevel=2)
        return self.base_network, mixed

    def _at(self, networks, weights, x, args, kwargs, rngs, mutable):
        mixed = _mixed([networks[name] for name in self.names], weights)
        outputs, updates = self.base_network.apply(mixed, x, *args, rngs=rngs, mutable=mutable, **kwargs)
        return outputs, {collection: {name: moved_where_alone(weights, index, tree, networks[name][collection])
                                      if collection in networks[name] else tree
                                      for index, name in enumerate(self.names)}
                         for collection, tree in updates.items()}


def _mixed(networks, weights):
    """One network's variables from W networks', with weights [W]."""
    weights = jnp.asarray(weights, jnp.float32)

    def mix(path, *leaves):
        if not jnp.issubdtype(jnp.result_type(leaves[0]), jnp.inexact):
            return jnp.stack(leaves)[jnp.argmax(weights)]
        leaf = aggregate(jnp.stack([without_say(*pair) for pair in zip(weights, leaves, strict=True)]), weights)
        return jnp.where(leaf < 0, jnp.asarray(LEAST_VARIANCE, leaf.dtype), leaf) if _is_variance(path) else leaf

    return jax.tree_util.tree_map_with_path(mix, *networks)


def _is_variance(path):
    names = [getattr(part, "key", None) for part in path]
    return names[0] == "batch_stats" and names[-1] == "var"
