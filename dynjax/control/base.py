"""The protocol of a control: what everything above this room may ask of a network that alpha tunes."""
import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import flax.linen as nn

from dynjax.control.space import AlphaSpace


class _ByMembers(type(Protocol)):
    """isinstance by the members that there are, none of them computed: a space that cannot be had is no error here."""

    def __instancecheck__(cls, instance):
        members = {*vars(Control), *Control.__annotations__}
        return all(inspect.getattr_static(instance, name, None) is not None
                   for name in members if not name.startswith("_"))


@runtime_checkable
class Control(Protocol, metaclass=_ByMembers):
    """A linen module around a base network, called as `apply(variables, x, alpha, *args, **kwargs)`.

    Every control is also a linen module, with `init` and `apply`. Nothing above this room asks which one it has.

    Attributes:
      acts_on: "weights" where other alphas mean other kernels, "activations" where they only scale what is computed
        anyway. Many points of alpha are run side by side accordingly.
    """
    acts_on: str

    @classmethod
    def from_config(cls, net: nn.Module, *, names: tuple[str, ...], domain: str, **options: Any) -> nn.Module:
        """Makes the control that a config describes.

        Args:
          net: the base network.
          names: config.alpha.names, () where a config has none.
          domain: what config.alpha.sampler draws from, "simplex" or "box".
          options: the rest of config.control.
        """
        ...

    @property
    def space(self) -> AlphaSpace:
        """The names of alpha's numbers and the values that are trained."""
        ...

    @property
    def base_network(self) -> nn.Module:
        """The base network, which knows no alpha, unbound."""
        ...

    def from_base(self, base_variables: Any, key: Any = None, x: Any = None, *, kernel_init: str = "replicate") -> Any:
        """Variables around those of a trained base network."""
        ...

    def with_base_network(self, net: nn.Module) -> nn.Module:
        """The same control around another base network."""
        ...

    def base_key(self, trains: str) -> str | None:
        """Where the base network's own variables lie, {collection: {key: its tree}}, if training the subtree `trains`
        is training it alone, as it is without alpha; else None."""
        ...

    def bake(self, variables: Any, alpha: Any) -> tuple[nn.Module, Any]:
        """A network without alpha and its variables, which computes what this one does at `alpha`."""
        ...


class AroundNet:
    """What controls whose base network is their field `net` share."""

    @classmethod
    def from_config(cls, net, *, names, domain, **options):
        """The control that a config describes; see `Control`."""
        if "domain" in (field.name for field in dataclasses.fields(cls)):
            options["domain"] = domain
        return cls(net, alpha=tuple(names), **options)

    @property
    def base_network(self):
        """The wrapped network, unbound."""
        return self.net.clone(parent=None, name=None)

    def with_base_network(self, net):
        """The same control around another base network."""
        return self.clone(net=net)


def base_network(model):
    """The network that knows no alpha: inside a control, inside what `bake` gave, or the model itself."""
    return nested(model)[-1]


def nested(model):
    """A model and what it is around, from the outside in, as a list: controls may be around controls."""
    networks = [model]
    while hasattr(networks[-1], "base_network"):
        networks.append(networks[-1].base_network)
    return networks


def check_variables(variables, whose="the base network's variables"):
    """Refuses what is no network's variables, for `from_base`.

    Raises:
      ValueError: no mapping, or one without "params".
    """
    if not isinstance(variables, Mapping):
        came = f"a {type(variables).__name__}"
    elif "params" not in variables:
        came = f"a tree with {', '.join(map(str, variables)) or 'nothing in it'}"
    else:
        return
    raise ValueError(f'from_base got {came}; wanted {whose}, {{"params": ...}}.')
