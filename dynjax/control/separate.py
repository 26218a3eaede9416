"""What DNI and image blending share: one separately trained network a name, all of one architecture."""
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp

from dynjax.control.alpha import alpha_array, objective_names
from dynjax.control.base import AroundNet, check_variables
from dynjax.control.space import AlphaSpace
from dynjax.control.tunable.per_image import per_image
from dynjax.control.tunable.stacking import check_alike
from dynjax.image.native import native

KERNEL_INITS = ("replicate",)


class SeparateNetworks(nn.Module, AroundNet):
    """W trained networks of one architecture; the tree is {collection: {name: that network's}} for all collections.

    Attributes:
      net: any linen module, called as net(x, *args, **kwargs).
      alpha: the names of the W networks, or W; then they are named "0", "1", ...
    """
    net: nn.Module
    alpha: tuple[str, ...] | int

    acts_on = "weights"

    @property
    def names(self):
        """The names of the networks, in the order of alpha's numbers."""
        return objective_names(self.alpha) or tuple(map(str, range(self.alpha)))

    @property
    def space(self):
        """Mixtures whose weights sum to one; what is between and beyond the networks was never trained."""
        return AlphaSpace(self.names, "simplex")

    def base_key(self, trains):
        """The network's name where `trains` is one network's parameters."""
        name = trains.removeprefix("params/")
        return name if name in self.names else None

    def from_base(self, base_variables, key=None, x=None, *, kernel_init="replicate"):
        """Puts trained networks side by side.

        Args:
          base_variables: a list of W networks' variables, {"params": ..., other collections}, in the order of the
            names; a dict of them by name; or those of one network, which all begin at.
          key: not needed; for the protocol.
          x: not needed; for the protocol.
          kernel_init: "replicate", the only one: networks are taken as they are.

        Returns:
          {collection: {name: tree}}.

        Raises:
          ValueError: another number of networks, unknown names, networks of different forms, or a tree of this
            control's own.
        """
        if kernel_init not in KERNEL_INITS:
            raise ValueError(f"kernel_init is {kernel_init!r}; wanted one of {', '.join(KERNEL_INITS)}.")
        if isinstance(base_variables, Mapping) and "params" in base_variables:
            base_variables = [base_variables] * len(self.names)
        elif isinstance(base_variables, Mapping):
            if set(base_variables) != set(self.names):
                raise ValueError(f"from_base got networks named {', '.join(base_variables)}; wanted "
                                 f"{', '.join(self.names)}.")
            base_variables = [base_variables[name] for name in self.names]
        elif not isinstance(base_variables, list | tuple):
            check_variables(base_variables)
        if len(base_variables) != len(self.names):
            raise ValueError(f"from_base got {len(base_variables)} networks; wanted one each for "
                             f"{', '.join(self.names)}.")
        for variables in base_variables:
            check_variables(variables)
            if set(variables["params"]) == set(self.names) and not isinstance(self.base_network, SeparateNetworks):
                raise ValueError(f"from_base got the tree of a {type(self).__name__}, with {', '.join(self.names)} in "
                                 "it; wanted the networks' own variables, or use the tree as it is.")
        check_alike(base_variables)
        return {collection: {name: native(variables[collection])
                             for name, variables in zip(self.names, base_variables, strict=True)}
                for collection in base_variables[0]}

    @nn.compact
    def __call__(self, x, alpha, *args, **kwargs):
        """x [B, ...] and alpha, (W,), (B, W) or a dict by name; the rest goes to the networks."""
        images = jax.tree.leaves(x)
        alpha = alpha_array(alpha, self.names, batch=images[0].shape[0] if images else None)
        if self.is_initializing() and not self.has_variable("params", self.names[0]):
            rngs = {name: self.make_rng(name) for name in self.scope.rngs}
            self._put(self.from_base(self.base_network.init(rngs, x, *args, **kwargs)))
        rngs = {name: rng.as_jax_rng() for name, rng in self.scope.rngs.items()}
        mutable = self.scope.mutable or []
        networks = {name: {} for name in self.names}
        for collection, trees in self.variables.items():
            for name in self.names:
                if name in trees:
                    networks[name][collection] = trees[name]
        missing = [name for name in self.names if "params" not in networks[name]]
        if missing:
            raise ValueError(f"{type(self).__name__} got parameters without {', '.join(missing)}; make them with init, "
                             "or with from_base from trained networks'.")
        run = lambda weights, x, args, kwargs, rngs: self._at(networks, weights, x, args, kwargs, rngs, mutable)
        outputs, updates = per_image(run, alpha, x, args, kwargs, rngs)
        if not self.is_initializing():
            self._put({name: tree for name, tree in updates.items() if name != "params"})
        return outputs

    def _at(self, networks, weights, x, args, kwargs, rngs, mutable):
        """(outputs, changed collections) with one set of weights [W]."""
        raise NotImplementedError

    def _put(self, collections):
        for collection, tree in collections.items():
            for name, value in tree.items():
                self.put_variable(collection, name, value)


def moved_where_alone(weights, index, changed, before):
    """A network's changed collection where its weight is 1, the one that there was elsewhere.

    Statistics follow the network that is being trained; at a mixture there is none whose they are.
    """
    return jax.tree.map(lambda new, old: jnp.where(weights[index] == 1, new, old), changed, before)


def without_say(weight, leaf):
    """A network's leaf as it counts: where the weight is 0 not even what is not finite does, for 0 * inf is no 0.

    All else stays, so that the derivative by the weight is the leaf, at 0 too.
    """
    return jnp.where((weight != 0) | jnp.isfinite(leaf), leaf, 0)
