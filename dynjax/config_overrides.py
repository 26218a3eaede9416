"""--config.KEY=VALUE: the entry looked up in the config, the value read as its kind asks."""
import ast
import dataclasses
import difflib
from collections.abc import Mapping

from absl import flags
from ml_collections import ConfigDict

WANTED = {bool: "true or false", int: "a whole number, such as 8", float: "a number, such as 0.5"}


@dataclasses.dataclass(frozen=True)
class Override:
    """What a command line says of an entry: its dotted key and a text, None where only the key stands there."""
    key: str
    text: str | None
    negated: bool = False   # --noconfig.KEY


def split_arguments(arguments):
    """(the Overrides of a command line, its other arguments), each in their order.

    As of all flags one dash or two may stand before, VALUE may follow as an argument of its own, and what comes after
    "--" is no flag.
    """
    overrides, rest, waiting = [], [], False
    for place, argument in enumerate(arguments):
        if argument == "--":
            return overrides, rest + arguments[place:]
        name, equals, text = argument.partition("=")
        name = name.removeprefix("-").removeprefix("-") if name.startswith("-") else ""
        if name.startswith(("config.", "noconfig.")):
            overrides.append(Override(name.partition(".")[2], text if equals else None, name.startswith("no")))
            waiting = not equals
            continue
        if waiting and (not argument.startswith("-") or _is_number(argument)):
            overrides[-1] = dataclasses.replace(overrides[-1], text=argument)
        else:
            rest.append(argument)
        waiting = False
    return overrides, rest


def apply_overrides(config, overrides):
    """Sets entries of a ConfigDict, the last one of a key last.

    Raises:
      ValueError: the config has no such entry, or another kind of value stands there.
    """
    for override in overrides:
        part, key = _entry(config, override.key)
        value = _value(part, key, override)
        try:
            part[key] = value
        except (TypeError, ValueError) as error:   # an entry that several share, such as a reference
            raise ValueError(f"--config.{override.key} cannot be set to {value!r} ({_words(error)}).") from None


def _entry(config, path):
    """(the part of the config, the name in it) of a dotted key."""
    if "[" in path:
        raise ValueError(f"--config.{path} names a place in an entry; wanted the whole of such an entry, for example "
                         "--config.task.levels_255='(15.0, 25.0)'.")
    *above, last = path.split(".")
    part, come = config, []
    for key in [*above, last]:
        if not _is_part(part):
            raise ValueError(f"the config has no entry {path!r}; {'.'.join(come)} is {part!r}.")
        if key not in part:
            _raise_missing(part, come, key)
        come.append(key)
        owner, part = part, part[key]
    return owner, last


def _raise_missing(part, above, key):
    close = difflib.get_close_matches(key, map(str, part), n=1)
    inside = ".".join(above)
    wanted = (f"did you mean {'.'.join([*above, close[0]])!r}?" if close else
              f"{inside or 'it'} has {', '.join(map(str, part)) or 'none'}.")
    raise ValueError(f"the config has no entry {'.'.join([*above, key])!r}; {wanted}")


def _value(part, key, override):
    now, text, name = part[key], override.text, f"--config.{override.key}"
    kind = part.get_type(key) if now is None and isinstance(part, ConfigDict) else type(now)
    if override.negated or text is None:
        if kind is not bool or text is not None:
            raise ValueError(f"{'--noconfig.' + override.key if override.negated else name} is "
                             f"{'given a value' if text is not None else 'without a value'}, and the entry is {now!r}; "
                             f"wanted {name}=VALUE.")
        return not override.negated
    if _is_part(now):
        raise ValueError(f"{name} is {text!r}, but that is a part of the config; wanted one of its entries, such as "
                         f"{name}.{next(iter(now), 'KEY')}=VALUE.")
    if now is None and text in ("", "None", "none"):
        return None
    try:
        return _read(text, kind, now)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        example = f" such as {now!r}" if now else ""
        raise ValueError(f"{name} is {text!r}; wanted {WANTED.get(kind) or f'a {kind.__name__}{example}'}"
                         f"{'' if kind is bool else f' ({_words(error)})'}.") from None


def _read(text, kind, now):
    """A text as a value of a kind; `now` is an example of it."""
    if kind is str:
        return text
    if kind is bool:
        return flags.BooleanParser().parse(text.strip())
    if kind in (int, float):
        return kind(text)
    if kind in (tuple, list):
        return kind(_element(each, now) for each in _elements(text, names=bool(now) and _all_text(now)))
    value = _literal(text)
    if kind is not type(None) and not isinstance(value, kind):
        raise TypeError(f"that is a {type(value).__name__}")
    return value


def _elements(text, *, names):
    """What stands between commas: Python's values, or, where they are names, texts."""
    text = text.strip()
    value = _literal(text)
    if isinstance(value, tuple | list) and (not names or _all_text(value)):
        return value
    if text and (text[0], text[-1]) in (("(", ")"), ("[", "]")):
        text = text[1:-1]
    pieces = [each for each in map(str.strip, text.split(",")) if each]
    return [value if isinstance(value, str) or not names else piece
            for piece in pieces for value in [_literal(piece)]]


def _all_text(values):
    return all(isinstance(value, str) for value in values)


def _element(value, examples):
    """A value as the elements beside which it comes to stand; where there are none as it is."""
    kinds = {type(each) for each in examples}
    if not kinds or not kinds <= {int, float}:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    if kinds == {int} and not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return float(value) if kinds == {float} else value


def _literal(text):
    """A Python value; the text itself where it is none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _is_part(value):
    return isinstance(value, Mapping | ConfigDict)


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _words(error):
    return " ".join(str(error).split()) or type(error).__name__
