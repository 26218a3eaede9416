"""What a network's call needs."""
import inspect


def required_extra_args(net):
    """Names of what a network must be given besides the picture, in order: alpha, or FFDNet's noise level."""
    parameters = list(inspect.signature(type(net).__call__).parameters.values())[2:]   # behind self and the picture
    return [each.name for each in parameters
            if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD]
