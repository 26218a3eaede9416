"""An experiment's Python file: get_config is called; what fails in it is told with file, line and Python's words."""
import inspect
import os
import reprlib
import sys
import traceback
import types
from collections.abc import Mapping
from pathlib import Path

from ml_collections import ConfigDict, FrozenConfigDict

EXAMPLE = "configs/sr_tunable.py"


class ConfigFileError(ValueError):
    """A file that gives no config, in a sentence."""


def load_config(text):
    """The ConfigDict that FILE or FILE:PRESET describes.

    The file is executed, and may import what lies beside it: by its name alone, or from a package named as its folder.

    Args:
      text: the file's path; behind a colon what its get_config is given.

    Raises:
      ConfigFileError: there is no such file, something in it fails, or what it returns is no config.
    """
    path, preset = _split(text)
    module = types.ModuleType("dynjax_config_file")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module   # dataclasses look for theirs there
    folder = path.absolute().parent
    beside = [str(folder), str(folder.parent)]
    sys.path[:0] = beside
    try:
        return _returned(path, preset, module)
    finally:
        for place in beside:
            sys.path.remove(place)
        sys.path += [place for place in beside if place not in sys.path]   # for what it imports later


def _returned(path, preset, module):
    """What get_config gives."""
    with _told(path):
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    get_config = getattr(module, "get_config", None)
    if not callable(get_config):
        raise ConfigFileError(f"{path} has no function get_config; wanted get_config(preset=\"default\") that returns "
                              f"an ml_collections.ConfigDict, as in {EXAMPLE}.")
    given = [] if preset is None else [preset]
    with _told(path):
        signature = inspect.signature(get_config)
        try:
            signature.bind(*given)
        except TypeError:
            raise ConfigFileError(
                f"get_config of {path} takes no preset, and {preset!r} was given; leave :{preset} out." if given else
                f"get_config{signature} of {path} cannot be called without a preset; give one as {path}:PRESET, or "
                "define get_config(preset=\"default\").") from None
        config = get_config(*given)
    if isinstance(config, ConfigDict) and not isinstance(config, FrozenConfigDict):
        return config
    if not isinstance(config, Mapping | ConfigDict):
        advice = "Is its `return config` missing?" if config is None else f"See {EXAMPLE}."
        raise ConfigFileError(f"get_config of {path} returned {reprlib.repr(config)}; wanted an "
                              f"ml_collections.ConfigDict. {advice}")
    with _told(path):
        return ConfigDict(config)


def _split(text):
    """(path, preset or None) of FILE[:PRESET]; a colon in the name of an existing file belongs to it."""
    colons = [place for place, letter in enumerate(text) if letter == ":"]
    for end in (len(text), *colons):
        path = Path(os.path.expanduser(text[:end]))
        if path.is_file():
            return path, text[end + 1:] if end < len(text) else None
    path = Path(os.path.expanduser(text.partition(":")[0]))
    with_ending = path.with_name(f"{path.name}.py") if path.name else path
    what = "which is a folder" if path.is_dir() else "which cannot be found"
    wanted = f"did you mean {with_ending}?" if with_ending.is_file() else f"wanted a file such as {EXAMPLE}."
    raise ConfigFileError(f"--config names {str(path)!r}, {what}; {wanted}")


class _told:
    """What is raised inside becomes a ConfigFileError, with the last line of the config's own files that led there."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if not isinstance(error, Exception | SystemExit) or isinstance(error, ConfigFileError):
            return
        if isinstance(error, OSError) and error.filename == str(self.path):
            raise ConfigFileError(f"{self.path} cannot be read ({error.strerror}); wanted a Python file such as "
                                  f"{EXAMPLE}.") from error
        file, line, words = self._place(error, trace)
        raise ConfigFileError(f"{file}{f', line {line}' if line else ''}: {words}") from error

    def _place(self, error, trace):
        if isinstance(error, SyntaxError):
            return error.filename or self.path, error.lineno, f"{type(error).__name__}: {error.msg}"
        folder = f"{self.path.absolute().parent}{os.sep}"
        frames = [frame for frame in traceback.extract_tb(trace) if os.path.abspath(frame.filename).startswith(folder)]
        file, line = (frames[-1].filename, frames[-1].lineno) if frames else (self.path, None)
        inner = error
        while inner.args and isinstance(inner.args[0], BaseException):   # an error around an error
            inner = inner.args[0]
        text = " ".join(str(inner.args[0] if isinstance(inner, KeyError) and inner.args else inner).split())
        # A ValueError is most often the file's own refusal, as of a preset: a sentence already.
        said = isinstance(error, ValueError) and text and not isinstance(error, UnicodeError)
        return file, line, text if said else f"{type(error).__name__}: {text}" if text else type(error).__name__
