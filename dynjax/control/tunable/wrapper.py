"""Tunable: any linen network with kernels that are aggregated from alpha."""
from collections.abc import Mapping

import flax.linen as nn
import jax

from dynjax.control.alpha import alpha_array, objective_names, shared_alpha
from dynjax.control.base import AroundNet, check_variables
from dynjax.control.space import AlphaSpace
from dynjax.control.tunable.per_image import per_image
from dynjax.control.tunable.stacking import candidates, stack, tune
from dynjax.image.native import native


class Tuned:
    """What Tunable, CIN and the tunable layers share; expects the fields alpha, kernels, phi, hidden and frozen."""

    acts_on = "weights"
    domain = "simplex"

    @property
    def base_network(self):
        """The base network, whose parameters are tuned, unbound."""
        raise NotImplementedError

    @property
    def space(self):
        """The names of alpha's numbers and the values that are trained."""
        return AlphaSpace(self._names() or tuple(map(str, range(self._objectives()))), self.domain)

    def base_key(self, trains):
        """None: the base network has no variables of its own."""
        return None

    def bake(self, variables, alpha):
        """Folds alpha in: `(network, plain variables)` with network.apply(plain, x) the tuned network's output.

        Bit for bit what `apply(variables, x, alpha)` computes where both are jitted.

        Args:
          variables: the wrapper's. alpha: one point, (P,) or a dict by name.
        """
        alpha = shared_alpha(alpha, self._names())
        others = {name: native(tree) for name, tree in variables.items() if name != "params"}
        return self.base_network, {"params": self._tune(variables["params"], alpha), **others}

    def from_base(self, base_variables, key=None, x=None, *, kernel_init="replicate"):
        """Variables around those of a trained base network.

        Args:
          base_variables: the base network's, {"params": ..., other collections}, which all candidates begin at; or a
            list of W of them, one a candidate (other collections are then the first's).
          key: not needed; for the protocol.
          x: not needed; for the protocol.
          kernel_init: "replicate", phi begins as the identity: of one network's variables that network wherever the
            weights sum to one; "base", phi begins as the constant (1, 0, ...): the first candidate at every alpha.

        Raises:
          ValueError: an unknown kernel_init, "base" with phi="identity", which has no parameters to be constant,
            variables of another form.
        """
        given = list(base_variables) if isinstance(base_variables, list | tuple) else [base_variables]
        for variables in given:
            check_variables(variables)
            params = variables["params"]
            stacked = "kernels" in params and set(params) <= {"kernels", "phi", "frozen"}
            if stacked and not isinstance(self.base_network, Tuned):
                raise ValueError("from_base got variables that are stacked already; wanted the base network's. Bake "
                                 "them first, or use them as they are.")
        trees = [variables["params"] for variables in given]
        others = {name: native(tree) for name, tree in given[0].items() if name != "params"}
        params = stack(trees if len(trees) > 1 else trees[0], self._objectives(), kernel_init=kernel_init,
                       **self._options(), **self._patterns(trees[0]))
        return {"params": params, **others}

    def _names(self):
        return None if self.alpha is None else objective_names(self.alpha)

    def _objectives(self, alpha=None):
        """P, from the field alpha or else from the alpha that came."""
        names = self._names()
        if names is not None:
            return len(names)
        if self.alpha is not None:
            return int(self.alpha)
        if alpha is None:
            raise ValueError("the number of objectives is not known; set the field alpha=('name', ...) or alpha=P.")
        return alpha.shape[-1]

    def _options(self):
        """The arguments of `stack` and `candidates` that are fields."""
        return dict(kernels=self.kernels, phi=self.phi, hidden=tuple(self.hidden))

    def _patterns(self, params):
        """The arguments of `stack` that say which parameters of the base network are tuned."""
        return {"frozen": self.frozen}

    def _tune(self, params, alpha):
        """The base network's parameters at alpha [P]."""
        if self.phi == "affine" and isinstance(params, Mapping) and "kernels" in params and "phi" not in params:
            raise ValueError(f"{type(self).__name__} has phi='affine' but the parameters have no 'phi'; they belong "
                             "to a network with phi='identity'.")
        return tune(params, alpha)

    def _call(self, x, alpha, args, kwargs):
        images = jax.tree.leaves(x)
        alpha = alpha_array(alpha, self._names(), batch=images[0].shape[0] if images else None)
        if self.is_initializing() and not self.has_variable("params", "kernels"):
            self._initialise(x, alpha, args, kwargs)
        variables = dict(self.variables)
        params = variables.pop("params", {})
        candidates(self._objectives(alpha), **self._options())   # a field of no such value is told
        # The keys as they came: at the top of a tree the network then draws what it would draw without the wrapper.
        rngs = {name: rng.as_jax_rng() for name, rng in self.scope.rngs.items()}
        net, mutable = self.base_network, self.scope.mutable or []

        def run(point, x, args, kwargs, rngs):
            plain = {"params": self._tune(params, point), **variables}
            return net.apply(plain, x, *args, rngs=rngs, mutable=mutable, **kwargs)

        outputs, updates = per_image(run, alpha, x, args, kwargs, rngs)
        if not self.is_initializing():
            self._put({name: tree for name, tree in updates.items() if name != "params"})
        return outputs

    def _initialise(self, x, alpha, args, kwargs):
        """Draws every kernel with a key of its own: each has the spread of a plain layer's (not the official start,
        whose tuned kernels are a hundred times too small to pass the image on)."""
        objectives = self._objectives(alpha)
        rngs = {name: self.make_rng(name) for name in self.scope.rngs}
        slots = []
        for key in jax.random.split(rngs.pop("params"), candidates(objectives, **self._options())):
            drawn = self.base_network.init({"params": key, **rngs}, x, *args, **kwargs)
            slots.append(drawn.get("params", {}))
        self._put({**drawn, "params": stack(slots, objectives, **self._options(), **self._patterns(slots[0]))})

    def _put(self, collections):
        for collection, tree in collections.items():
            for name, value in tree.items():
                self.put_variable(collection, name, value)


class Tunable(nn.Module, AroundNet, Tuned):
    """A linen network tuned by alpha: `apply(variables, x, alpha, *args, **kwargs)` (Maggioni et al. 2023, eq. 5).

    Every parameter of `net` becomes W candidates; each layer mixes its own with the weights phi(alpha). The network is
    used as it is: batch statistics, dropout, nested modules and further inputs work as in `net.apply`.

    The tree: {"params": {"kernels": net's tree, every leaf [W, ...], "phi": one entry a layer, "frozen": net's leaves
    that match `frozen`}, other collections as net has them}; "phi" and "frozen" are absent where they would be empty.

    With one alpha an image, arrays among the further arguments whose first axis is the batch are split with it, every
    image draws its own dropout, and changed statistics are averaged over the images.

    Attributes:
      net: any linen module, called as net(x, *args, **kwargs).
      alpha: the names of the P objectives, such as ("fidelity", "perceptual"); or P.
      kernels: W, the number of candidates a layer; P by default.
      phi: "affine", alpha @ kernel + bias for every layer, or "identity", the weights are alpha itself.
      hidden: widths of hidden layers in phi, with ReLU.
      frozen: patterns of parameters that stay single, such as ("**/LayerNorm_*",).
      domain: which values of alpha are trained, for `space`: "simplex", numbers that sum to one, or "box", each from 0
        to 1.
    """
    net: nn.Module
    alpha: tuple[str, ...] | int
    kernels: int | None = None
    phi: str = "affine"
    hidden: tuple[int, ...] = ()
    frozen: tuple[str, ...] = ()
    domain: str = "simplex"

    @nn.compact
    def __call__(self, x, alpha, *args, **kwargs):
        """x [B, ...] and alpha, (P,), (B, P) or a dict by name; the rest goes to the network."""
        return self._call(x, alpha, args, kwargs)
