"""Networks that know no alpha, called as the trainer calls every model: apply(variables, x, alpha, ...)."""
import dataclasses

import flax.linen as nn

from dynjax.control import DynamicNet


@dataclasses.dataclass(frozen=True)
class WithoutAlpha:
    """A plain network; alpha goes nowhere."""
    net: nn.Module

    def apply(self, variables, x, alpha, *args, **kwargs):
        return self.net.apply(variables, x, *args, **kwargs)


@dataclasses.dataclass(frozen=True)
class MainAlone:
    """The main network of a DynamicNet, on the DynamicNet's own tree: what the first phase trains, without blocks."""
    dynamic: DynamicNet

    def apply(self, variables, x, alpha, *args, mutable=False, **kwargs):
        main = {name: tree["main"] for name, tree in variables.items() if "main" in tree}
        result = self.dynamic.main.apply(main, x, *args, mutable=mutable, **kwargs)
        if mutable is False:
            return result
        outputs, changed = result
        return outputs, {name: {**variables.get(name, {}), "main": tree} for name, tree in changed.items()}
