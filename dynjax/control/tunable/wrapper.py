"""Tunable: any linen network with kernels that are aggregated from alpha."""
import functools
from collections.abc import Mapping
from numbers import Integral

import flax.linen as nn
import jax
import jax.numpy as jnp

from dynjax.control.alpha import alpha_array, shared_alpha
from dynjax.control.tunable import paths
from dynjax.control.tunable import phi as phi_map
from dynjax.control.tunable.aggregation import aggregate
from dynjax.control.tunable.per_image import per_image

STARTS = ("copies", "base")


class Tuned:
    """What Tunable and the tunable layers share; expects the fields alpha, kernels, phi, hidden and fixed."""

    def plain(self):
        """The plain linen module whose parameters are tuned, unbound."""
        raise NotImplementedError

    def bake(self, variables, alpha):
        """Folds alpha in: `(network, plain variables)` with network.apply(plain, x) the tuned network's output.

        Bit for bit what `apply(variables, x, alpha)` computes where both are jitted.

        Args:
          variables: the wrapper's. alpha: one point, (P,) or a dict by name.
        """
        alpha = shared_alpha(alpha, self._names())
        others = {name: tree for name, tree in variables.items() if name != "params"}
        return self.plain(), {"params": self._tune(variables["params"], alpha), **others}

    def stack(self, plain_variables, start="copies"):
        """Variables that start at a trained plain network.

        Args:
          plain_variables: the plain network's, {"params": ..., other collections}.
          start: "copies", all kernels equal it and phi is the identity: that network wherever the weights sum to one;
            "base", all kernels equal it and phi is constant (1, 0, ...): that network at every alpha.

        Raises:
          ValueError: unknown start, or "base" with phi="identity", which has no parameters to be constant.
        """
        if start not in STARTS:
            raise ValueError(f"start is {start!r}; wanted one of {', '.join(STARTS)}.")
        if start == "base" and self.phi == "identity":
            raise ValueError('start="base" needs a phi with parameters, but phi is "identity"; use start="copies" or '
                             'phi="affine".')
        names = set(plain_variables.get("params", {}))
        if "kernels" in names and names <= {"kernels", "phi", "fixed"}:
            raise ValueError("stack got variables that are stacked already; wanted the plain network's. Bake them "
                             "first, or use them as they are.")
        if "params" not in plain_variables:
            raise ValueError(f"stack got a tree with {', '.join(plain_variables) or 'nothing in it'}; wanted the plain "
                             'network\'s variables, {"params": ...}.')
        objectives, count = self._sizes(None)
        slots = [plain_variables["params"]] * count
        others = {name: tree for name, tree in plain_variables.items() if name != "params"}
        return {"params": self._params(slots, objectives, start), **others}

    def _names(self):
        if self.alpha is None or isinstance(self.alpha, Integral):
            return None
        names = (self.alpha,) if isinstance(self.alpha, str) else tuple(self.alpha)
        if len(set(names)) < len(names):
            raise ValueError(f"alpha is {names}; wanted a name of its own for every objective.")
        return names

    def _sizes(self, alpha):
        """(P, W), with P from the field alpha or else from the alpha that came."""
        if self.phi not in phi_map.KINDS:
            raise ValueError(f"phi is {self.phi!r}; wanted one of {', '.join(phi_map.KINDS)}.")
        names = self._names()
        if names is not None:
            objectives = len(names)
        elif isinstance(self.alpha, Integral):
            objectives = int(self.alpha)
        elif alpha is not None:
            objectives = alpha.shape[-1]
        else:
            raise ValueError("the number of objectives is not known; set the field alpha=('name', ...) or alpha=P.")
        count = self.kernels or objectives
        if count < objectives or (self.phi == "identity" and (count != objectives or self.hidden)):
            wanted = f"exactly {objectives}, no hidden layers" if self.phi == "identity" else f"{objectives} or more"
            raise ValueError(f"kernels is {count} with {len(self.hidden)} hidden layers for {objectives} objectives "
                             f"and phi={self.phi!r}; wanted {wanted}.")
        if any(width < objectives for width in self.hidden):
            raise ValueError(f"hidden is {tuple(self.hidden)}; wanted widths of {objectives} (the number of "
                             "objectives) or more, so that phi can start as the identity.")
        return objectives, count

    def _params(self, slots, objectives, start):
        """The tree of "params" from one plain tree a kernel."""
        kernels, fixed = zip(*(paths.split(slot, self.fixed) for slot in slots), strict=True)
        params = {"kernels": jax.tree.map(lambda *leaves: jnp.stack(leaves), *kernels)}
        if self.phi == "affine":
            params["phi"] = {}
            for path, _ in phi_map.layers(kernels[0], deep=bool(self.hidden)):
                phi = phi_map.initial(objectives, len(slots), hidden=tuple(self.hidden), start=start)
                params["phi"] = paths.with_entry(params["phi"], path, phi)
        if fixed[0]:
            params["fixed"] = fixed[0]
        return params

    def _tune(self, params, alpha):
        """The plain network's parameters at alpha [P]."""
        if not isinstance(params, Mapping) or "kernels" not in params:
            raise ValueError(f"{type(self).__name__} got parameters without 'kernels'; make them with init, or with "
                             "stack from a trained plain network's.")
        if self.phi == "affine" and "phi" not in params:
            raise ValueError(f"{type(self).__name__} has phi='affine' but the parameters have no 'phi'; they belong "
                             "to a network with phi='identity'.")
        known = _objectives(params)
        if known is not None and alpha.shape[-1] != known:
            raise ValueError(f"alpha has shape {alpha.shape}; wanted a last axis of {known}, one number for every "
                             "objective.")
        tuned = _tuned(params["kernels"], params.get("phi"), alpha, deep=bool(self.hidden))
        return paths.merge(tuned, params.get("fixed"))

    def _call(self, x, alpha, args, kwargs):
        images = jax.tree.leaves(x)
        alpha = alpha_array(alpha, self._names(), batch=images[0].shape[0] if images else None)
        if self.is_initializing() and not self.has_variable("params", "kernels"):
            self._initialise(x, alpha, args, kwargs)
        variables = dict(self.variables)
        params = variables.pop("params", {})
        self._sizes(alpha)
        # The keys as they came: at the top of a tree the network then draws what it would draw without the wrapper.
        rngs = {name: rng.as_jax_rng() for name, rng in self.scope.rngs.items()}
        net, mutable = self.plain(), self.scope.mutable or []

        def run(point, x, args, kwargs, rngs):
            plain = {"params": self._tune(params, point), **variables}
            return net.apply(plain, x, *args, rngs=rngs, mutable=mutable, **kwargs)

        if alpha.ndim == 1 or alpha.shape[0] == 1:
            outputs, updates = run(alpha.reshape(-1), x, args, kwargs, rngs)
        else:
            outputs, updates = per_image(run, alpha, x, args, kwargs, rngs)
        if not self.is_initializing():
            self._put({name: tree for name, tree in updates.items() if name != "params"})
        return outputs

    def _initialise(self, x, alpha, args, kwargs):
        """Draws every kernel with a key of its own: each has the spread of a plain layer's (not the official start,
        whose tuned kernels are a hundred times too small to pass the image on)."""
        objectives, count = self._sizes(alpha)
        rngs = {name: self.make_rng(name) for name in self.scope.rngs}
        slots = []
        for key in jax.random.split(rngs.pop("params"), count):
            drawn = self.plain().init({"params": key, **rngs}, x, *args, **kwargs)
            slots.append(drawn.get("params", {}))
        self._put({**drawn, "params": self._params(slots, objectives, "copies")})

    def _put(self, collections):
        for collection, tree in collections.items():
            for name, value in tree.items():
                self.put_variable(collection, name, value)


class Tunable(nn.Module, Tuned):
    """A linen network tuned by alpha: `apply(variables, x, alpha, *args, **kwargs)` (Maggioni et al. 2023, eq. 5).

    Every parameter of `net` becomes W candidates; each layer mixes its own with the weights phi(alpha). The network is
    used as it is: batch statistics, dropout, nested modules and further inputs work as in `net.apply`.

    The tree: {"params": {"kernels": net's tree, every leaf [W, ...], "phi": one entry a layer, "fixed": net's leaves
    that match `fixed`}, other collections as net has them}; "phi" and "fixed" are absent where they would be empty.

    With one alpha an image, arrays among the further arguments whose first axis is the batch are split with it, every
    image draws its own dropout, and changed statistics are averaged over the images.

    Attributes:
      net: any linen module, called as net(x, *args, **kwargs).
      alpha: the names of the P objectives, such as ("fidelity", "perceptual"); or P.
      kernels: W, the number of candidates a layer; P by default.
      phi: "affine", alpha @ kernel + bias for every layer, or "identity", the weights are alpha itself.
      hidden: widths of hidden layers in phi, with ReLU.
      fixed: patterns of parameters that stay single, such as ("**/LayerNorm_*",).
    """
    net: nn.Module
    alpha: tuple[str, ...] | int
    kernels: int | None = None
    phi: str = "affine"
    hidden: tuple[int, ...] = ()
    fixed: tuple[str, ...] = ()

    def plain(self):
        """The wrapped network, unbound."""
        return self.net.clone(parent=None, name=None)

    @nn.compact
    def __call__(self, x, alpha, *args, **kwargs):
        """x [B, ...] and alpha, (P,), (B, P) or a dict by name; the rest goes to the network."""
        return self._call(x, alpha, args, kwargs)


def _objectives(params):
    """P as the parameters have it, or None where there are none."""
    tree = params.get("phi", params["kernels"])
    leaves = [leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
              if "phi" not in params or path[-1] == jax.tree_util.DictKey("kernel")]
    return leaves[0].shape[0] if leaves else None


@functools.partial(jax.jit, static_argnames="deep")
def _tuned(kernels, phi, alpha, *, deep):
    """Plain parameters from stacked ones; jitted, so that baking and applying run the same compiled sum."""
    plain = {}
    for path, leaves in phi_map.layers(kernels, deep=deep):
        layer, kernel_stack = None if phi is None else paths.at(phi, path), paths.at(kernels, path)
        stack = {name: kernel_stack[name] for name in leaves} if leaves else kernel_stack
        weights = jax.lax.optimization_barrier(phi_map.weights(*jax.lax.optimization_barrier((layer, alpha))))
        plain = paths.with_entry(plain, path, aggregate(stack, weights))
    return plain

