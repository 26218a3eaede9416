"""Image blending: the outputs of trained networks, mixed pixel by pixel; what every control has to be better than."""
import jax
import numpy as np

from dynjax.control.alpha import shared_alpha
from dynjax.control.separate import SeparateNetworks, moved_where_alone, without_say
from dynjax.image.native import native


class Blend(SeparateNetworks):
    """The outputs of separately trained networks, mixed: `apply(variables, x, alpha, *args, **kwargs)`.

    y = sum_w alpha_w f_w(x), of outputs that are not clipped. W networks run for every image, but another alpha then
    costs nothing; at a corner it is that network, bit for bit where both are jitted. For the mean squared error the
    blend of two ideal ends is the best way between them, so every row of alpha is compared with it.

    The tree: {"params": {name: the network's}, other collections: the same}.

    Attributes:
      net: any linen module, called as net(x, *args, **kwargs), whose result is an array or a tree of arrays.
      alpha: the names of the W networks, or W; then they are named "0", "1", ...
    """

    acts_on = "activations"

    def bake(self, variables, alpha):
        """The network at a corner of alpha; elsewhere a blend is no single network.

        Args:
          variables: this control's.
          alpha: one corner, (W,) with a single 1 among zeros, or a dict by name.

        Returns:
          (network, its variables).

        Raises:
          ValueError: a mixture.
        """
        weights = np.asarray(shared_alpha(alpha, self.names))
        if np.count_nonzero(weights) != 1 or weights.max() != 1:
            raise ValueError(f"bake got alpha {weights.tolist()}: a blend of {len(self.names)} outputs is no single "
                             "network. Wanted a corner, one 1 among zeros; use apply for mixtures, or DNI, which mixes "
                             "weights instead of outputs.")
        name = self.names[int(weights.argmax())]
        return self.base_network, {collection: native(trees[name]) for collection, trees in variables.items()
                                   if name in trees}

    def _at(self, networks, weights, x, args, kwargs, rngs, mutable):
        net, outputs, changed = self.base_network, [], {}
        for index, name in enumerate(self.names):
            output, updates = net.apply(networks[name], x, *args, rngs=rngs, mutable=mutable, **kwargs)
            outputs.append(output)
            for collection, tree in updates.items():
                before = networks[name].get(collection)
                changed.setdefault(collection, {})[name] = tree if before is None else moved_where_alone(
                    weights, index, tree, before)

        def mix(*leaves):
            total = sum(weight * without_say(weight, leaf) for weight, leaf in zip(weights, leaves, strict=True))
            return total.astype(leaves[0].dtype)

        return jax.tree.map(mix, *outputs), changed
