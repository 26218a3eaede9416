"""A network and its variables from one file: a model file of this library, or official weights."""
import os

from dynjax.files import read_arrays
from dynjax.files.messages import one_line
from dynjax.models import files, pretrained
from dynjax.models.official import arguments_of
from dynjax.models.recognition import candidates
from dynjax.models.state_dicts import listed, main_part, parts_that_fit


def load(path, *, architecture=None, entry=None, **arguments):
    """The network and the variables of a file, `(net, variables)`.

    A model file describes its network. Of official weights (.pth, .safetensors, .npz, MindSpore's .ckpt; the content
    tells which) the network is recognised from the names and shapes of the arrays; what these cannot tell and what
    would silently give other images, such as EDSR's res_scale, is asked for by name. Nothing in a file is executed; in
    a model file a changed byte is an error.

    Args:
      path: a file written by `save`, official weights, or the name of a shipped model (`shipped()` lists them).
      architecture: official class, as for `pretrained.build`, where another than the likeliest is meant, such as
        "NAFNetLocal".
      entry: which of several networks in a file of official weights is meant, as for `pretrained.load`.
      arguments: of the official class's constructor, in the place of those that were recognised.

    Raises:
      ValueError: missing, damaged or foreign file; arrays of no network that is known, of several, or of one that needs
        arguments besides. For model files: unknown class or field; a newer format.
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"load got a {type(path).__name__}; wanted the path of a file. Arrays in memory are read by "
                         "dynjax.pretrained.load(net, arrays), for a network of dynjax.pretrained.build.")
    path = files.find(path)
    if files.is_model_file(path):
        if architecture is not None or entry is not None or arguments:
            given = [*(["architecture"] * (architecture is not None)), *(["entry"] * (entry is not None)), *arguments]
            raise ValueError(f"load got {', '.join(given)} for {path}, a model file that describes its network; wanted "
                             "the path alone.")
        return files.load(path)
    source = read_arrays(path)
    try:
        return _official(source, architecture, entry, arguments)
    except ValueError as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from None


def _official(source, architecture, entry, arguments):
    if architecture is not None:
        arguments_of(architecture)   # raises, of a class that there is not
    refused = []   # why no network could be built with what was given

    def fits(part):
        try:
            arrays = part.arrays()
        except ValueError:   # what is no dict of arrays is told where there is no other
            return None
        return list(_fitting(arrays, architecture, arguments, refused)) or None

    found = parts_that_fit(source, fits, entry=entry)
    if not found:
        raise refused[0] if refused and arguments else ValueError(_unknown(source, entry, architecture))
    best, net, match = pretrained.only(found)[1][0]
    asked = {name: question for name, question in best.questions.items()
             if name not in arguments and not (name == "architecture" and architecture)}
    if asked:
        said = "; ".join(f"{name}: {question.said}" for name, question in asked.items())
        example = ", ".join(f"{name}={question.trial!r}" for name, question in asked.items())
        raise ValueError(f"it is of {best.name}, and no array tells its {' and '.join(asked)} ({said}), without which "
                         f"the images would be others. Give what it was made with, such as load(path, {example}).")
    return net, match.variables()


def _fitting(arrays, architecture, given, refused):
    """(DetectedArchitecture, network, Match) for every class whose arrays these are exactly, likeliest first."""
    for found in candidates(arrays):
        if found.arguments is None:
            continue
        trial = found.trial()
        if architecture not in (None, found.name):
            taken = arguments_of(architecture)
            found = found._replace(name=architecture, questions={})
            trial = {name: value for name, value in trial.items() if name in taken}
        try:
            net = pretrained.build(found.name, **{**trial, **given})
        except ValueError as error:
            refused.append(error)
            continue
        if (match := pretrained.exact(net, arrays)) is not None:
            yield found, net, match


def _unknown(source, entry, architecture):
    """What is said of arrays that no network has."""
    arrays = main_part(source, entry).arrays()
    near = pretrained.told(arrays)
    said = f"it holds arrays without a description of their network ({listed(list(arrays))})"
    if architecture is not None:
        said += f", which do not fit {one_line(architecture)} with the arguments that were recognised and given"
    elif near is not None and near.arguments is None:
        return f"{said}, which look like those of {near.said()}; none of the networks here has that."
    elif near is not None:
        said += f", nearly those of {near.said()}"
    else:
        said += ", of no network that is recognised"
    return (f"{said}. Build the network with dynjax.pretrained.build, or by hand, and read them with "
            "dynjax.pretrained.load, which says what is missing, left over or of another shape.")
