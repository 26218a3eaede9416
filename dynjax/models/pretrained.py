"""Official weights under their own names: built by `build`, read by `load`."""
import numpy as np

from dynjax.control.tunable.wrapper import Tuned
from dynjax.devices import check_platform
from dynjax.files import read_arrays
from dynjax.models import families  # noqa: F401  (makes the official programs known)
from dynjax.models.layouts import layouts
from dynjax.models.matching import StackedError, match, score
from dynjax.models.official import build
from dynjax.models.recognition import candidates
from dynjax.models.state_dicts import checked, listed, main_part, parts_that_fit

__all__ = ["build", "load"]

AT_MOST_OFF = 0.1   # of the arrays, missing or left over, for a network to be told all the same


def load(net, source, *, kernel_init="replicate", entry=None):
    """Variables of one of our networks from official weights.

    What trainers wrap weights in is unwrapped: dicts in dicts, whatever they are called, and prefixes of the names
    ("module.", "_orig_mod.", "generator."). Of several networks in a source the one that fits is taken; running
    averages (a dict or prefix with "ema" in its name) before the weights that were averaged, as BasicSR and timm do.
    What stands beside, of other networks, optimisers, counters, text, is passed over; what stands among the network's
    own arrays is not, but for text and single numbers about the training.

    Args:
      net: from `pretrained.build`, or made by hand: a base network, DynamicNet around one, Tunable
        around one, or a tunable layer.
      source: a path (.npz, .safetensors, PyTorch's .pth, MindSpore's .ckpt; the content tells which) or a dict of
        arrays or PyTorch tensors by official names.
      kernel_init: a plain checkpoint for a tunable network becomes its starting point, as in `Tunable.from_base`.
      entry: which part of the source is meant where several fit: the names of the dicts and the prefix, with dots
        between, such as "params" or "state_dict.generator"; dicts and prefixes inside it are taken off as ever.

    Returns:
      The variables for `net.apply`.

    Raises:
      ValueError: entries that are missing, left over, of another shape or, where they are constants of the network, of
        another value, each by name; several networks that fit; a network without known official names; a file that
        cannot be read.
    """
    check_platform()
    source = checked(read_arrays(source) if isinstance(source, str) or hasattr(source, "__fspath__") else source)
    part = _part(net, source, entry)
    arrays = part.arrays()
    try:
        found, stacked = match(net, arrays)
    except StackedError as error:
        raise ValueError(f"{error} {_looks_like(told(arrays))}".rstrip()) from None
    if found.problems:
        said = "; ".join(f"{kind}: {listed(names)}" for kind, names in found.problems.items())
        where = f" in its entry {part.name}" if part.name else ""
        raise ValueError(f"the source{where} does not fit the network ({said}). {_advice(net, arrays, found.problems)}")
    variables = found.variables()
    return net.from_base(variables, kernel_init=kernel_init) if isinstance(net, Tuned) and not stacked else variables


def only(found):
    """The Part and result of `parts_that_fit`, if it is one, or several of the same arrays.

    Raises:
      ValueError: they are several.
    """
    first, *others = found
    arrays = first[0].arrays() if others else {}
    if not all(_same(arrays, part.arrays()) for part, _ in others):
        raise ValueError(f"the source holds several networks: {listed([part.name for part, _ in found])}; wanted one. "
                         f"Give its name, such as entry={first[0].name!r}.")
    return first


def exact(net, arrays):
    """The Match of arrays that are a network's, none more and none less; of others None."""
    try:
        found, _ = match(net, arrays)
    except ValueError:   # the shapes are of none that there is
        return None
    return None if found.problems else found


def _part(net, source, entry):
    """The part of a source that is of a network; where none is, that of which most is there."""
    plain = net.base_network if isinstance(net, Tuned) else net
    empty = [layout.layers for layout in layouts(plain, {})]
    least, most, best = min(map(len, empty)) // 2, 0, None

    def fits(part):
        nonlocal most, best
        if len(part.values) < least:   # an optimiser can have a dict for every array
            return None
        shaped = {name: value for name, value in part.values.items() if isinstance(name, str)
                  and hasattr(value, "ndim")}
        try:
            count, of = max((score(layout, shaped), len(layout.layers)) for layout in layouts(plain, shaped))
        except ValueError:   # a part of a network whose layouts look at the names
            return None
        if count > most or (count and count == most and part.rank < best.rank):
            most, best = count, part
        return True if count == of else None

    # A single layer would be found in every network.
    single = any(not layer for layers in empty for layer, _ in layers.values())
    found = parts_that_fit(source, fits, single=single, entry=entry)
    if len(found) > 1:   # by names; by shapes they can be fewer
        found = [each for each in found if exact(net, each[0].arrays()) is not None] or found[:1]
    return only(found)[0] if found else best or main_part(source, entry)


def _same(arrays, others):
    return arrays.keys() == others.keys() and all(np.array_equal(array, others[name])
                                                  for name, array in arrays.items())


def _advice(net, arrays, problems):
    """What to do about a source that does not fit."""
    unknown = "Build the network with the arguments that the checkpoint was made with."
    found = told(arrays)
    if found is None:
        return unknown
    if found.arguments is None:
        return _looks_like(found)
    # What is left over makes no other network of it.
    used = {name: array for name, array in arrays.items() if name not in problems.get("left over", ())}
    if set(problems) == {"left over"} and next(candidates(used), None) == found:
        return "Nothing else is wrong: take what is left over out of the source."
    if _is_built_as(net, found):
        return ("Otherwise it is of this network: see whether the source is whole, and whether the network has the "
                "arguments that change no size.")
    return _looks_like(found)


def _looks_like(found):
    """What a DetectedArchitecture is, in a sentence; nothing of None."""
    if found is None:
        return ""
    return (f"It looks like {found.said()}, which none of these networks has." if found.arguments is None else
            f"It looks like that of {found.said()}{_asked(found)}.")


def told(arrays):
    """The likeliest network that really has these arrays, but for a few that are missing or left over; or None."""
    for found in candidates(arrays):
        if found.arguments is None:
            return found
        try:
            problems = match(build(found.name, **found.trial()), arrays)[0].problems
        except ValueError:   # the shapes are of none that there is
            continue
        shapes = [name for name in problems.get("not fitting", ()) if " for params/" in name]
        off = len(problems.get("missing", ())) + len(problems.get("left over", ()))
        if not shapes and off <= max(1, AT_MOST_OFF * len(arrays)):
            return found
    return None


def _asked(found):
    """What no file tells, behind the call, where it is not among what is to be given besides."""
    names = [name for name in found.questions if name not in found.besides and name != "architecture"]
    others = f" (or of one with the same arrays: {found.questions['architecture'].said})" if (
        "architecture" in found.questions) else ""
    return others + (f", with the {' and '.join(names)} that it was made with, which no file tells" if names else "")


def _is_built_as(net, found):
    try:
        return build(found.name, **found.trial()) == net
    except ValueError:   # the shapes are of none that there is
        return False
