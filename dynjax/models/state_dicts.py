"""Where in what a trainer saved the arrays of one network are: inside dicts, and behind a prefix of their names."""
import collections
import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dynjax.files.messages import one_line
from dynjax.models.tensors import as_array

AT_MOST_NAMED = 8
DEEPEST = 16   # dicts in dicts, and words of a prefix, that are looked into
# Single numbers that MindSpore's checkpoints have beside the parameters, about the training.
COUNTERS = {"epoch_num", "step_num", "learning_rate", "global_step"}
# Parts of names that say what an array is of: running averages of the weights, which are what is meant to be used, and
# what an optimiser keeps for every weight under the weight's own name.
AVERAGE = "ema"
OPTIMIZER = re.compile(r"(?<![a-z])(optim(?!al|i[sz]ed)|moment|exp_avg|velocity|accum(?![a-z])|grad(ient)?s?(?![a-z]))")
ORDER = ("params", "state_dict")   # of dicts that are no averages, before all others
SEPARATORS = ("_", "/", "-", ":", "|")   # with which a prefix ends that has no dot behind it


class Part(NamedTuple):
    """Entries of a source that can be one network.

    Attributes:
      path: names of the dicts that they are in, from outside. prefix: of their names, with its last dot or other sign.
      values: by name, behind the prefix.
    """
    path: tuple
    prefix: str
    values: dict

    @property
    def name(self):
        """How `entry` names it; empty for the whole source."""
        return ".".join((*map(str, self.path), *filter(None, [self.prefix.removesuffix(".")])))

    @property
    def rank(self):
        """Averages first, then the order of the dicts."""
        average = AVERAGE in re.split(r"[^a-z0-9]+", self.name.lower())
        known = [ORDER.index(name) for name in map(str, self.path) if name in ORDER]
        return (not average, min(known, default=len(ORDER)))

    def arrays(self):
        """Its arrays as numpy's, without text, single Python numbers and counters.

        Raises:
          ValueError: names that are no text, lists of more than numbers or text, values that are no arrays.
        """
        unnamed = [str(name) for name in self.values if not isinstance(name, str)]
        if unnamed:
            raise ValueError(f"the source has entries called {listed(unnamed)}; wanted arrays by name, as state_dict() "
                             "gives them.")
        lists = [name for name, value in self.values.items() if isinstance(value, list | tuple) and not all(
            isinstance(item, int | float | str | np.generic) for item in value)]
        if lists:
            raise ValueError(f"the source has lists of more than numbers or text: {listed(lists)}; wanted arrays by "
                             "name.")
        arrays = {name: as_array(name, value) for name, value in self.values.items() if _is_array(value)}
        return {name: array for name, array in arrays.items()   # text tells of the file
                if array.dtype.kind != "U" and not _is_counter(name, array)}


def parts_that_fit(source, fits, *, single=False, entry=None):
    """The outermost parts of a source for which `fits` gives something, the one to be taken first.

    Of a part that fits, what is inside it is not looked at; what an optimiser keeps is left out.

    Args:
      source: dicts in dicts, with arrays in them.
      fits: a function of a Part; what it gives, if not None, is handed on.
      single: whether a prefix counts only where all names of a dict share it.
      entry: which part alone is looked into, as Part.name gives it.

    Returns:
      A list of (Part, what `fits` gave), those of the best rank alone.

    Raises:
      ValueError: there is no such entry.
    """
    found = []
    for level in _levels(source, entry):
        found += _below(level, fits, single)
    best = min((part.rank for part, _ in found), default=None)
    return [(part, result) for part, result in found if part.rank == best]


def main_part(source, entry=None):
    """What errors speak of where no part fits: the dict with the most arrays.

    Raises:
      ValueError: there is none with an array in it that is not an optimiser's, or no such entry.
    """
    levels = [level for level in _levels(source, entry, optimizers=True) if _count(level)]
    if not levels:
        nested = [str(name) for name, value in source.items() if isinstance(value, Mapping)]
        whole = nested and all(mapping for _, mapping in _mappings(source))
        raise ValueError(f"the source holds {'dicts: ' + listed(nested) if whole else 'nothing'}; wanted arrays by "
                         "name, at most inside dicts.")
    others = [level for level in _levels(source, entry) if _count(level)]
    if not others:
        raise ValueError(f"the source holds what an optimiser keeps ({listed([level.name for level in levels])}) and "
                         "no weights; wanted arrays by name. Fetch the weights, or say that it is these all the "
                         f"same: entry={levels[0].name!r}.")
    return min(others, key=lambda level: (-_count(level), level.rank))


def _part_called(source, entry):
    """The part that `entry` names, as Part.name gives it, with the dicts in it.

    Raises:
      ValueError: there is none.
    """
    def resolved(mapping, rest, path):
        if not rest:
            return Part(path, "", dict(mapping))
        inner = [name for name, value in mapping.items() if isinstance(value, Mapping)
                 and (rest == str(name) or rest.startswith(f"{name}."))]
        for name in inner:
            if (part := resolved(mapping[name], rest[len(str(name)) + 1:], (*path, name))) is not None:
                return part
        return _behind(_without_dicts(path, mapping), rest if rest.endswith(SEPARATORS) else f"{rest}.")

    part = resolved(source, str(entry), ())
    if part is None or not part.values:
        levels = list(_levels(source, optimizers=True))
        known = [part.name for part in (*levels, *(group for level in levels for group in _groups(level)))]
        raise ValueError(f"the source has no entry {one_line(repr(entry))}; wanted one of "
                         f"{listed([name for name in known if name])}.")
    return part


def checked(source):
    """The source, if it is a dict.

    Raises:
      ValueError: it is not.
    """
    if not isinstance(source, Mapping):
        raise ValueError(f"the source is {one_line(source)}; wanted a path or a dict of arrays by official names.")
    return source


def listed(names):
    """The first names in a row, and how many more there are."""
    more = len(names) - AT_MOST_NAMED
    return ", ".join(map(one_line, names[:AT_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def _mappings(source, path=()):
    """(path, dict) of every dict in the source, from outside; each once, though it may hold itself."""
    waiting, seen = collections.deque([(path, source)]), set()
    while waiting:
        path, mapping = waiting.popleft()
        if id(mapping) not in seen:
            seen.add(id(mapping))
            yield path, mapping
            waiting.extend(((*path, name), value) for name, value in mapping.items()
                           if isinstance(value, Mapping) and len(path) < DEEPEST)


def _levels(source, entry=None, *, optimizers=False):
    """A Part for every dict in the source, or in what `entry` names; of an optimiser's only where asked for."""
    start = Part((), "", source) if entry is None else _part_called(source, entry)
    if start.prefix:
        yield start
        return
    for path, mapping in _mappings(start.values, start.path):
        if optimizers or not _is_optimizer(".".join(map(str, path[len(start.path):]))):
            yield _without_dicts(path, mapping)


def _without_dicts(path, mapping):
    return Part(path, "", {name: value for name, value in mapping.items() if not isinstance(value, Mapping)})


def _below(part, fits, single):
    if (result := fits(part)) is not None:
        return [(part, result)]
    found = [each for group in _groups(part) if not single or _count(group) == _count(part)
             for each in _below(group, fits, single)]
    return found or [each for group in _behind_other_signs(part) for each in _below(group, fits, single)]


def _groups(part):
    """The parts of a part: one for every first word, with a dot behind it, of its names."""
    words = {name.split(".", 1)[0]: None for name in part.values if isinstance(name, str) and "." in name
             and part.prefix.count(".") < DEEPEST}
    return [_behind(part, f"{word}.") for word in words if not _is_optimizer(word)]


def _behind_other_signs(part):
    """The part behind what all names of layers begin with up to a sign that is no dot, such as "G_"; or none."""
    names = [name for name in part.values if isinstance(name, str) and "." in name]
    word = names[0].split(".", 1)[0] if names else ""
    prefixes = [word[:place + 1] for place, sign in enumerate(word) if sign in SEPARATORS]
    shared = [prefix for prefix in prefixes if all(name.startswith(prefix) for name in names)][-1:]
    return [_behind(part, prefix) for prefix in shared if not _is_optimizer(prefix)]


def _behind(part, prefix):
    values = {name[len(prefix):]: value for name, value in part.values.items()
              if isinstance(name, str) and name.startswith(prefix)}
    return Part(part.path, part.prefix + prefix, values)


def _count(part):
    return sum(map(_is_array, part.values.values()))


def _is_counter(name, array):
    """Whether an array tells of the training: by its name, or a whole number that belongs to no layer."""
    return (name in COUNTERS and array.size == 1) or (array.ndim == 0 and "." not in name and array.dtype.kind in "iub")


def _is_array(value):
    """Whether a value is to be an array: not a number, text, None or a list of some, which tell of the training."""
    return not (value is None or isinstance(value, str | bytes | bool | int | float | complex | np.generic | list |
                                            tuple | Mapping))


def _is_optimizer(name):
    return OPTIMIZER.search(name.lower()) is not None
