"""DynamicNet: tuning-blocks between the modules of any trained linen network, scaled by alpha."""
from collections.abc import Mapping
from dataclasses import field

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.core.scope import DenyList
from flax.errors import FlaxError

from dynjax.control.base import check_variables
from dynjax.control.dynamic.alpha import block_alphas, shared_block_alphas, spread
from dynjax.control.dynamic.blocks import Blocks
from dynjax.control.dynamic.zero import at_zero
from dynjax.control.space import AlphaSpace
from dynjax.image.native import native


class _WithBlocks:
    """What DynamicNet and BakedDynamicNet share; expects the fields main, before and after."""

    @property
    def base_network(self):
        """The main network, unbound."""
        return self.main.clone(parent=None, name=None)

    def from_base(self, base_variables, key=None, x=None, *args, kernel_init="replicate", **kwargs):
        """Variables around a trained main network, which stay as they are; the blocks are drawn with `key`.

        Args:
          base_variables: the main network's, {"params": ..., other collections}.
          key: for the blocks.
          x: what the main network is called with, as are args and kwargs; only shapes matter, nothing is computed.
          kernel_init: not needed, for blocks have one of their own; for the protocol.

        Raises:
          ValueError: no such module in the main network, variables without "params", or a DynamicNet's tree.
        """
        check_variables(base_variables, "the main network's variables")
        base_variables, x = native(base_variables), native(x)
        if key is None or x is None:
            raise ValueError("from_base got no key or no x; wanted both: blocks are drawn, for the shapes that the "
                             "main network has on such an input.")
        inputs = {}

        def record(path, z):
            inputs.setdefault(path, jax.ShapeDtypeStruct(z.shape, z.dtype))
            return z

        def run(x):
            # "params" stands in for every other kind of key, such as dropout's.
            options = {"rngs": {"params": key}, "mutable": DenyList("params")}
            return self._run_main(base_variables, record, (x, *args), {**kwargs, **options})

        try:
            jax.eval_shape(run, x)
        except FlaxError:
            # Asked only now: a main network may have parts of these names, or be a DynamicNet itself.
            if set(base_variables["params"]) != {"main", "blocks"}:
                raise
            raise ValueError('from_base got the tree of a DynamicNet, {"params": {"main", "blocks"}}; wanted the main '
                             'network\'s own variables: give {name: part["main"] for name, part in tree.items()}, or '
                             "use the tree as it is, without from_base.") from None
        tree = {name: {"main": collection} for name, collection in base_variables.items()}
        tree["params"]["blocks"] = {}
        blocks = self._blocks()
        for block_key, (path, block) in zip(jax.random.split(key, len(blocks) or 1), blocks.items(), strict=False):
            alpha = (jnp.zeros((), inputs[path].dtype),) if _sees_alpha(block) else ()
            for name, collection in block.lazy_init(block_key, inputs[path], *alpha).items():
                tree.setdefault(name, {}).setdefault("blocks", {})[path] = collection
        return tree

    def _blocks(self):
        return {**self.before, **self.after}

    def _freeze_blocks(self):
        for name in ("before", "after"):
            blocks = getattr(self, name)
            if not isinstance(blocks, Mapping):
                raise ValueError(f"{name} is {blocks!r}; wanted a dict {{path of a module: block}}.")
            if not isinstance(blocks, Blocks):
                object.__setattr__(self, name, Blocks(blocks))
        twice = [path for path in self.before if path in self.after]
        if twice:
            raise ValueError(f"{', '.join(twice)} has a block before and one after it, but blocks are named by their "
                             "path; wanted one a module. Put the second one before the module that follows.")

    def _run_main(self, main_variables, add, args, kwargs):
        """main.apply with `z = add(path, z)` on what enters (before) or leaves (after) the modules of these paths."""
        main, seen = self.base_network, {}
        # A block's own modules may have the names of main's: what is called from within `add` is none of main's.
        adding = False

        def guarded(path, z):
            nonlocal adding
            if not hasattr(z, "shape"):
                raise ValueError(f"the block at {path} met {type(z).__name__}; wanted an array as the first argument "
                                 "(before) or the result (after) of that module. Put the block at another module.")
            adding = True
            try:
                return add(path, z)
            finally:
                adding = False

        def intercept(call, args, kwargs, context):
            if adding or context.method_name != "__call__" or not context.module.path:
                return call(*args, **kwargs)
            path = "/".join(context.module.path)
            seen[path] = None
            if path in self.before:
                args = (guarded(path, args[0] if args else None), *args[1:])
            result = call(*args, **kwargs)
            return guarded(path, result) if path in self.after else result

        with nn.intercept_methods(intercept):
            result = main.apply(main_variables, *args, **kwargs)
        unknown = [path for path in self._blocks() if path not in seen]
        if unknown:
            raise ValueError(f"{type(self.main).__name__} has no module {', '.join(unknown)} (or does not call it); "
                             f"wanted some of {', '.join(seen)}.")
        return result

    def _call(self, x, alphas, args, kwargs):
        """The main network with its blocks; alphas {path: array}, or None where they are folded in."""
        variables = {name: dict(tree) for name, tree in self.variables.items()}
        self._check_tree(variables.get("params", {}))
        mutable, blocks, changed = self.scope.mutable or [], self._blocks(), {}
        # The keys as they came: at the top of a tree the main network then draws what it would draw alone.
        rngs = {name: rng.as_jax_rng() for name, rng in self.scope.rngs.items()}
        block_rngs = {path: {name: jax.random.fold_in(key, index) for name, key in rngs.items()}
                      for index, path in enumerate(blocks, 1)}

        def add(path, z):
            own = {name: tree["blocks"][path] for name, tree in variables.items() if path in tree.get("blocks", {})}
            own |= changed.get(path, {})
            block = blocks[path].clone(parent=None, name=None)
            alpha = None if alphas is None else spread(alphas[path], z)
            seen = (alpha,) if _sees_alpha(block) else ()
            moved, updates = block.apply(own, z, *seen, rngs=block_rngs[path], mutable=mutable)
            if moved.shape != z.shape:
                raise ValueError(f"the block at {path} made {moved.shape} of {z.shape}; wanted the same shape.")
            changed.setdefault(path, {}).update(updates)
            step = moved if alpha is None or seen else alpha * moved
            return z + step.astype(z.dtype)

        main_variables = {name: tree["main"] for name, tree in variables.items() if "main" in tree}
        exact = lambda outputs: outputs
        if alphas is not None and self.scope.mutable is False:
            leave = lambda path, z: z
            plain = lambda tree, args, kwargs: self._run_main(tree, leave, args, kwargs)
            exact = at_zero(alphas, plain, (main_variables, (x, *args), {**kwargs, "rngs": rngs}))
        outputs, updates = self._run_main(main_variables, add, (x, *args), {**kwargs, "rngs": rngs, "mutable": mutable})
        outputs = exact(outputs)
        if not self.is_initializing():
            self._put("main", updates)
            for path, collections in changed.items():
                for name, tree in collections.items():
                    before = variables.get(name, {}).get("blocks", {})
                    variables.setdefault(name, {})["blocks"] = {**before, path: tree}
                    self._put("blocks", {name: variables[name]["blocks"]})
        return outputs

    def _put(self, part, collections):
        for name, tree in collections.items():
            if name != "params":
                self.put_variable(name, part, tree)

    def _check_tree(self, params):
        blocks = params.get("blocks", {})
        missing = [path for path in self._blocks() if path not in blocks]
        if "main" not in params or missing:
            raise ValueError(f"{type(self).__name__} got parameters without "
                             f"{'the main network' if 'main' not in params else 'blocks for ' + ', '.join(missing)}; "
                             "make them with init, or with from_base from a trained main network's.")


def _sees_alpha(block):
    """Whether a block takes alpha and gives all that is added, instead of psi(z)."""
    return getattr(block, "sees_alpha", False)


class DynamicNet(_WithBlocks, nn.Module):
    """A linen network with tuning-blocks between its modules: `apply(variables, x, alpha, *args, **kwargs)`.

    Where a block psi sits, z becomes z + alpha * psi(z) (Shoshan et al. 2019, section 3). The main network is used as
    it is: where alpha is 0 throughout, the result is its own, bit for bit (to rounding if collections are mutable and
    under vmap over alpha), and its batch statistics, dropout and further inputs work as in `main.apply`. A module
    called several times has its block at every call.

    The tree: {"params": {"main": main's own, "blocks": {path: the block's}}, other collections: the same two parts}.
    K blocks are numbered as given, those of `before` first.

    Attributes:
      main: any linen module, called as main(x, *args, **kwargs).
      before: {path: block}; the block changes the first argument of the module at that path, "res3" or
        "encoder/conv1". Before a residual block it moves both the branch and the shortcut.
      after: {path: block}; the block changes that module's result.

    A block is any linen module, called as block(z); it gives psi(z), of z's shape. One with the class attribute
    `sees_alpha = True`, such as DualTuningBlock, is called as block(z, alpha), where alpha is () or multiplies z
    ([B, 1, ...] or [B, H, W, 1]), and gives all that is added to z. For `bake` the first kind has a method
    scaled(params, factor), which gives the parameters of factor * psi(z), the second baked(params, alpha), which gives
    (a block of the first kind, its parameters).

    Raises:
      ValueError: no module of such a path (with those there are), one path in both, alpha or tree of another form.
    """
    main: nn.Module
    before: Mapping[str, nn.Module] = field(default_factory=Blocks)
    after: Mapping[str, nn.Module] = field(default_factory=Blocks)

    # Side by side, many points of alpha are a larger batch, not other kernels.
    acts_on = "activations"

    @classmethod
    def from_config(cls, net, *, names, domain, block, before=(), after=()):
        """The control that a config describes; `block` goes to every path of `before` and `after`."""
        if not before and not after:
            raise ValueError("control.before and control.after name no module; wanted the paths of modules that get a "
                             "block, or control.name='' for an ordinary network.")
        return cls(net, before=dict.fromkeys(before, block), after=dict.fromkeys(after, block))

    def with_base_network(self, net):
        """The same blocks in another main network."""
        return self.clone(main=net)

    def base_key(self, trains):
        """The main network's where its parameters are trained: without the blocks, whose alpha is 0 then."""
        return "main" if trains == "params/main" else None

    @property
    def space(self):
        """The blocks' paths, and the range in which their alpha is trained: 0 to 1, of a dual block -1 to 1."""
        ranges = [getattr(block, "alpha_range", (0.0, 1.0)) for block in self._blocks().values()]
        if not ranges:
            raise ValueError("a DynamicNet without blocks has no alpha and so no space; wanted blocks, as "
                             "before={'PATH': TuningBlock()}.")
        low, high = zip(*ranges, strict=True)
        return AlphaSpace(tuple(self._blocks()), "range", min(low), max(high))

    def __post_init__(self):
        self._freeze_blocks()
        super().__post_init__()

    @nn.compact
    def __call__(self, x, alpha, *args, **kwargs):
        """x [B, ...] and alpha: () for all blocks, (K,) one a block, (B, K) per image, (B, H, W, K) a map that is
        resized to each block, or a dict by path of (), (B,) or (B, H, W). Any real value; the rest goes
        to the network."""
        images = jax.tree.leaves(x)
        alphas = block_alphas(alpha, tuple(self._blocks()), images[0].shape[0] if images else None)
        if self.is_initializing() and not self.has_variable("params", "main"):
            self._initialise(x, args, kwargs)
        return self._call(x, alphas, args, kwargs)

    def _initialise(self, x, args, kwargs):
        rngs = {name: self.make_rng(name) for name in self.scope.rngs}
        main_variables = self.base_network.init(rngs, x, *args, **kwargs)
        tree = self.from_base(main_variables, self.make_rng("params"), x, *args, **kwargs)
        for collection, parts in tree.items():
            for part, value in parts.items():
                self.put_variable(collection, part, value)

    def bake(self, variables, alpha):
        """Folds alpha into each block's last layer: `(module, baked)` with module.apply(baked, x) at that alpha.

        Args:
          variables: this network's. alpha: () or (K,), or a dict by path of numbers.

        Raises:
          ValueError: one alpha an image, or a block of your own without `scaled` or `baked`.
        """
        alphas = shared_block_alphas(alpha, tuple(self._blocks()))
        variables = native(variables)
        self._check_tree(variables["params"])
        params = dict(variables["params"]["blocks"])
        places = {"before": dict(self.before), "after": dict(self.after)}
        for blocks in places.values():
            for path, block in blocks.items():
                if _sees_alpha(block) and hasattr(block, "baked"):
                    blocks[path], params[path] = block.baked(params[path], alphas[path])
                elif not _sees_alpha(block) and hasattr(block, "scaled"):
                    params[path] = block.scaled(params[path], alphas[path])
                else:
                    wanted = "baked(params, alpha)" if _sees_alpha(block) else "scaled(params, factor)"
                    raise ValueError(f"the block at {path} is a {type(block).__name__} without a method {wanted}; "
                                     "wanted one that folds alpha into its last layer, as TuningBlock and "
                                     "DualTuningBlock have it.")
        module = BakedDynamicNet(self.main, **places, parent=None)
        return module, {**variables, "params": {**variables["params"], "blocks": params}}


class BakedDynamicNet(_WithBlocks, nn.Module):
    """A DynamicNet at one alpha, folded into its blocks: `apply(variables, x, *args, **kwargs)`, z + psi(z).

    Made by DynamicNet.bake; fields and tree are those of DynamicNet.
    """
    main: nn.Module
    before: Mapping[str, nn.Module] = field(default_factory=Blocks)
    after: Mapping[str, nn.Module] = field(default_factory=Blocks)

    def __post_init__(self):
        self._freeze_blocks()
        super().__post_init__()

    @nn.compact
    def __call__(self, x, *args, **kwargs):
        """x [B, ...]; the rest goes to the network."""
        return self._call(x, None, args, kwargs)
