"""Base networks, called as the trainer calls every model: apply(variables, x, alpha, ...)."""
import dataclasses

import flax.linen as nn


@dataclasses.dataclass(frozen=True)
class WithoutAlpha:
    """A base network; alpha goes nowhere."""
    net: nn.Module

    def apply(self, variables, x, alpha, *args, **kwargs):
        return self.net.apply(variables, x, *args, **kwargs)


@dataclasses.dataclass(frozen=True)
class BaseAlone:
    """A base network on the tree of the control around it: what a phase trains that alpha has no part in.

    Attributes:
      net: the base network.
      key: where its variables lie, {collection: {key: its tree}}.
    """
    net: nn.Module
    key: str

    def apply(self, variables, x, alpha, *args, mutable=False, **kwargs):
        own = {name: tree[self.key] for name, tree in variables.items() if self.key in tree}
        result = self.net.apply(own, x, *args, mutable=mutable, **kwargs)
        if mutable is False:
            return result
        outputs, changed = result
        return outputs, {name: {**variables.get(name, {}), self.key: tree} for name, tree in changed.items()}
