"""What train.py and evaluate.py share: flags, and mistakes told in one line instead of a traceback."""
import ctypes
import os
import sys
import textwrap
import traceback
import warnings

from absl import app, flags, logging

from dynjax.config_file import EXAMPLE, load_config
from dynjax.config_overrides import apply_overrides, split_arguments
from dynjax.files.output import Output, say, say_aside

TRACEBACK = flags.DEFINE_bool("traceback", False, "Show the whole traceback of an error.")
HELP = ("--help", "-help", "--helpshort", "-helpshort", "--h", "-h", "-?", "--?")


class ConfigFlag:
    """The config that a command line names; `value` once `run` has read it."""
    value = None


def config_flag():
    """The flag --config=FILE[:PRESET], with --config.KEY=VALUE for every entry: a ConfigFlag."""
    flags.DEFINE_string("config", None, "The experiment: configs/NAME.py or configs/NAME.py:PRESET; its presets are "
                        "named at the top of the file. --config.KEY=VALUE overrides an entry, such as "
                        "--config.steps=100.")
    for name in ("config", "traceback"):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[name])
    return _CONFIG


def run(main):
    """Parses the flags, calls main() and exits with the status it returns; a mistake is told and exits with 1 or 2."""
    def parse(arguments):
        try:
            given = flags.FLAGS.read_flags_from_files(arguments[1:], force_gnu=False)
            if any(argument in HELP for argument in given):
                say(_help())
                sys.exit(0)
            overrides, others = split_arguments(given)
            rest = flags.FLAGS([arguments[0], *others])
            if len(rest) > 1:
                raise ValueError(f"unknown argument {rest[1]!r}; flags are written --name=value, see --help.")
            file = flags.FLAGS["config"].value
            if not file:
                raise ValueError(f"--config is missing; wanted an experiment, such as --config {EXAMPLE}.")
            config = load_config(file)
            apply_overrides(config, overrides)
        except (flags.Error, ValueError, OSError) as error:
            _exit(error, 2)
        _CONFIG.value = config
        return rest

    def guarded(_):
        if not any(argument.startswith(("--verbosity", "-v")) for argument in sys.argv):
            # Libraries below report their every step as information; warnings are what a user should see.
            logging.set_verbosity(logging.WARNING)
        # Of pictures with damaged notes about the camera; one that cannot be read is named in our own words.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        keep_memory()
        try:
            return main()
        except (ValueError, OSError) as error:
            _exit(error, 1)

    keep_streams()
    try:
        app.run(guarded, flags_parser=parse)
    except KeyboardInterrupt as error:   # while the config is read, too
        _exit(ValueError(str(error) or "interrupted."), 130)


def keep_streams():
    """Lets a run go on whose standard input, output or errors are closed, or left by their reader."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Or the next file to be opened would have this number, and what libraries say would be written into it.
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout, sys.stderr = (Output(stream or os.fdopen(number, "w", closefd=False))
                              for number, stream in ((1, sys.stdout), (2, sys.stderr)))
    logging.get_absl_handler().python_handler.setStream(sys.stderr)


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


def _help():
    """The flags of the program, without those of the libraries below."""
    program = os.path.basename(sys.argv[0])
    lines = [sys.modules["__main__"].__doc__ or program, "",
             f"usage: python3 {program} --config FILE[:PRESET] [--config.KEY=VALUE ...] [--FLAG=VALUE ...]", ""]
    for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0]):
        value = "" if flag.boolean else "=FILE[:PRESET]" if flag.name == "config" else "=VALUE"
        lines += [f"  --{flag.name}{value}", textwrap.fill(flag.help, 100, initial_indent=" " * 6,
                                                           subsequent_indent=" " * 6)]
    return "\n".join([*lines, "", "--helpfull lists the flags of the libraries, too."])


def _exit(error, status):
    if "--traceback" in sys.argv:
        traceback.print_exception(error)
    say_aside(f"{sys.argv[0]}: {' '.join(map(str.strip, str(error).splitlines()))}")
    if "jax" in sys.modules and sys.modules["jax"].distributed.is_initialized():
        # JAX's own way out waits minutes for the other processes, which may be gone; they notice that this one is.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


_CONFIG = ConfigFlag()
