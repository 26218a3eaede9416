"""What train.py and evaluate.py share: flags, and mistakes told in one line instead of a traceback."""
import ctypes
import errno
import functools
import os
import re
import sys
import traceback
import warnings

from absl import app, flags, logging
from ml_collections import config_flags

TRACEBACK = flags.DEFINE_bool("traceback", False, "Show the whole traceback of an error.")


def config_flag():
    """The flag --config=FILE[:PRESET], with --config.KEY=VALUE for every entry."""
    return config_flags.DEFINE_config_file(
        "config", None,
        "The experiment: configs/NAME.py or configs/NAME.py:PRESET; --config.KEY=VALUE overrides an entry.")


def run(main):
    """Parses the flags, calls main() and exits with the status it returns; a mistake is told and exits with 1 or 2."""
    def parse(arguments):
        try:
            rest = flags.FLAGS(arguments)
        except (flags.Error, AttributeError, LookupError, TypeError, ValueError, FileNotFoundError) as error:
            _exit(error, 2)
        if len(rest) > 1:
            _exit(ValueError(f"unknown argument {rest[1]!r}; flags are written --name=value, see --help."), 2)
        if flags.FLAGS["config"].value is None:
            _exit(ValueError("--config is missing; wanted an experiment, such as --config configs/sr_tunable.py."), 2)
        return rest

    def guarded(_):
        if not any(argument.startswith(("--verbosity", "-v")) for argument in sys.argv):
            # Libraries below report their every step as information; warnings are what a user should see.
            logging.set_verbosity(logging.WARNING)
        # Of pictures with damaged notes about the camera; one that cannot be read is named in our own words.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        keep_memory()
        for stream in (sys.stdout, sys.stderr):
            stream.write = functools.partial(_write, stream, stream.write)
        try:
            return main()
        except (ValueError, OSError) as error:
            _exit(error, 1)

    try:
        app.run(guarded, flags_parser=parse)
    except KeyboardInterrupt as error:   # while the config is read, too
        _exit(ValueError(str(error) or "interrupted."), 130)


def _write(stream, write, text):
    """Writes while somebody reads: what is printed to a closed pipe or terminal must not end a run."""
    try:
        count = write(text)
        stream.flush()
        return count
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EIO):
            raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        return len(text)


def keep_memory():
    """Asks the C library to keep freed memory for the next array; without effect where it is not glibc.

    XLA on CPUs takes new memory for every call. glibc gives blocks above 32 MB back to the system at once and gets them
    anew page by page, which is a third of the time of a network on large pictures (benchmarks/dynamic_net.py).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):   # macOS, musl, Windows
        return
    trim_threshold, mmap_max, arena_max = -1, -4, -8   # malloc.h
    for option, value in ((mmap_max, 0), (trim_threshold, 2**31 - 1), (arena_max, 1)):
        mallopt(option, value)


def _exit(error, status):
    if "--traceback" in sys.argv:
        traceback.print_exception(error)
    print(f"{sys.argv[0]}: {_sentence(error)}", file=sys.stderr)
    if "jax" in sys.modules and sys.modules["jax"].distributed.is_initialized():
        # JAX's own way out waits minutes for the other processes, which may be gone; they notice that this one is.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _sentence(error):
    """One line from an error, without what the config library wraps around it."""
    text = str(error).replace("\\n", "\n").replace("\\'", "'").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    suggestion = re.search(r'Did you mean "(.+?)" instead of "(.+?)"', text)
    if suggestion or isinstance(error, (AttributeError, KeyError)):
        name = suggestion[2] if suggestion else text.splitlines()[0].strip("'")
        above, name, has = _lacking() or ("", name, "see the file after --config for those it has.")
        return f"the config has no entry {above + name!r}; " + (
            f"did you mean {above + suggestion[1]!r}?" if suggestion else has)
    if isinstance(error, IndexError):
        return f"{text}; wanted the whole of such an entry, for example --config.task.levels_255='(15.0, 25.0)'."
    if "Failed loading config file" in str(error.__cause__ or error):
        return "the file after --config cannot be found or read; wanted one such as configs/sr_tunable.py."
    if "Traceback (most recent call last)" in text:
        text = text.splitlines()[-1].partition(": ")[2]
    return " ".join(line.strip() for line in text.splitlines())


def _lacking():
    """What a flag asks of a part of the config that has no such entry: (the part's name with a dot behind it, the
    entry's, a sentence of what the part has); None where that part is the whole config, or where no flag does."""
    file = re.search(r"(?m)^--?config[=\n](.*)$", "\n".join(sys.argv[1:]))
    try:
        config = flags.FLAGS["config"].parser.parse(file[1]) if file else None   # the flag has none until all is read
    except (AttributeError, KeyError):   # the file's own mistake
        return None
    for asked in re.findall(r"(?m)^--?config\.([\w.]+)", "\n".join(sys.argv[1:])):
        path, part = asked.split("."), config
        for depth, key in enumerate(path):
            if not hasattr(part, "keys") or key not in part:
                above = ".".join(path[:depth])
                has = f"has {', '.join(part)}" if hasattr(part, "keys") else f"is {part!r}"
                return (f"{above}.", key, f"{above} {has}.") if above else None
            part = part[key]
    return None
