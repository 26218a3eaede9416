"""The network inside a wrapper."""
from dynjax.control import BakedDynamicNet, DynamicNet, Tunable


def plain_network(model):
    """The network that knows no alpha: inside a wrapper, or the model itself."""
    while isinstance(model, Tunable | DynamicNet | BakedDynamicNet):
        model = model.net if isinstance(model, Tunable) else model.main
    return model
