"""Official class names and constructor arguments, turned into our networks."""
import difflib
import inspect
import numbers
from collections.abc import Mapping

MODES = ("mlp", "linear")
# Arguments that may be other than whole numbers, besides those whose default is a fraction, text or a switch.
NOT_WHOLE = {"norm", "qk_scale", "res_scale", "rgb_mean", "sigmoid"}

_makers = {}


def official(name):
    """Decorator: the function takes the official constructor's arguments, with its defaults, and gives our network."""
    def keep(function):
        _makers[name] = function
        return function
    return keep


def build(class_name, **arguments):
    """Our network for an official class and its constructor's arguments; the official defaults hold for the rest.

    Tunable ones come as Tunable(network) with P = num_params unnamed objectives. `pretrained.load` reads their weights.

    Args:
      class_name: "EDSR", "MSRResNet", "RRDBNet", "SRVGGNetCompact" (BasicSR); "ESRGAN" (its own RRDBNet: any
        scale by upsampling alone; BSRGAN's, RealSR's and, with plus, ESRGAN+'s too); "SwinIR"; "NAFNet", "NAFNetLocal"
        (megvii-research); "DnCNN", "IRCNN", "FFDNet" (KAIR); "TunableEDSR", "TunableSwinIR", "TunableNAFNet",
        "TunableStyleNet", "TunableConv2d", "TunableDense", "TunableParameter" (mindediting); "DynamicStyleTransfer",
        "DynamicStyleTransferDual" and their "MainNet" (Dynamic-Net; they take and give images that are normalised by
        ImageNet's mean and deviation), "DynamicDcGan", its "MainNet" (with an argument of its own, such as ngf) and
        "Discriminator"; "UnetGenerator" and "NLayerDiscriminator" (the PyTorch port of pix2pix; norm_layer is "batch",
        "instance", or the norm's class as PyTorch prints it).
      arguments: as the official constructor has them.

    Raises:
      ValueError: unknown class or argument, or a value that the official class does not take.
    """
    known = arguments_of(class_name)
    unknown = [name for name in arguments if name not in known]
    missing = [name for name, value in known.items() if value.default is value.empty and name not in arguments]
    if unknown or missing:
        said = [f"unknown: {', '.join(unknown)}"] * bool(unknown) + [f"missing: {', '.join(missing)}"] * bool(missing)
        raise ValueError(f"the arguments do not fit {class_name} ({'; '.join(said)}); it takes {', '.join(known)}.")
    broken = {name: value for name, value in arguments.items() if not _fits(name, value, known[name].default)}
    if broken:
        raise ValueError(f"{class_name} got {_said(broken)}; wanted whole numbers there, such as 2.")
    try:
        return _makers[class_name](**arguments)
    except TypeError as error:   # such as a number where the original counts layers in a list
        raise ValueError(f"{class_name} got {_said(arguments)}, which do not fit ({error}); wanted values of the kinds "
                         "that the official constructor takes.") from None


def arguments_of(class_name):
    """The arguments of an official class's constructor, by name, as inspect.signature has them.

    Raises:
      ValueError: unknown class.
    """
    if class_name not in _makers:
        by_lower = {name.lower(): name for name in _makers}
        close = [by_lower[name] for name in difflib.get_close_matches(str(class_name).lower(), by_lower, n=1)]
        raise ValueError(f"no official class {class_name!r} is known{f'; did you mean {close[0]}' if close else ''}; "
                         f"wanted one of {', '.join(sorted(_makers))}.")
    return inspect.signature(_makers[class_name]).parameters


def _fits(name, value, default):
    """Whether a value for a whole number, or for several in a list or dict, has no other number and no text in it."""
    if name in NOT_WHOLE or isinstance(default, bool | float | str) or (value is None and default is None):
        return True
    values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else [value]
    return not any(item is None or isinstance(item, str) or (
        isinstance(item, numbers.Number) and not isinstance(item, numbers.Integral)) for item in values)


def _said(arguments):
    return ", ".join(f"{name}={value!r}" for name, value in arguments.items())


def tuning(num_params, mode, expand_params=1):
    """The fields of Tunable for the official arguments: `expand_params` kernels an objective make phi affine."""
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; wanted one of {', '.join(MODES)}.")
    if num_params < 1 or expand_params < 1:
        raise ValueError(f"num_params is {num_params} and expand_params {expand_params}; wanted 1 or more of each.")
    if mode == "linear" and expand_params == 1:
        return {"alpha": num_params, "phi": "identity"}
    return {"alpha": num_params, "kernels": num_params * expand_params, "phi": "affine"}
