"""The folder of a run: the config recorded in it, and what may differ when the run goes on."""
import contextlib
import json
import os
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout
from ml_collections import ConfigDict

from dynjax.files import write_atomically
from dynjax.files.messages import first_line
from dynjax.training.checkpoints import Checkpoints

# What may change between two starts of one run: how long it is, and what it writes down.
FREE = ("steps", "checkpoint_every", "preview_every", "log_every", "evaluation", "data.cache", "data.threads")

RENAMED = {"average_decay": "ema_decay", "halve_at": "lr_milestones"}   # entries of older configs
# Bytes of the longest name below a workdir, a file of a checkpoint that is being saved, and some more.
DEEPEST = 256


@contextlib.contextmanager
def taken(workdir):
    """While entered, no other run may use the folder; the lock ends with the process, however that ends.

    Raises:
      ValueError: another run has it, or it cannot be written.
    """
    try:
        str(Path(workdir).absolute()).encode()
    except UnicodeEncodeError:
        raise ValueError(f"the workdir {str(workdir)!a} has a name that is no UTF-8, in which checkpoints cannot "
                         "be kept; give another with --workdir.") from None
    length = len(os.fsencode(Path(workdir).absolute()))
    longest = os.pathconf("/", "PC_PATH_MAX") - DEEPEST if hasattr(os, "pathconf") else length
    if length > longest:
        raise ValueError(f"the workdir's path is {length} bytes long; wanted at most {longest}, so that the files in "
                         "it can be named too. Give another with --workdir.")
    if os.path.lexists(workdir) and not Path(workdir).is_dir():
        what = "a link that leads nowhere" if Path(workdir).is_symlink() else "a file"
        raise ValueError(f"the workdir {workdir} is {what}, and a folder was wanted; give another with --workdir.")
    lock = FileLock(Path(workdir) / ".lock")
    try:
        Path(workdir).mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise ValueError(f"another run is training in {workdir}; wait for its end or stop it, or give another "
                         "--workdir.") from None
    except OSError as error:
        raise _not_writable(workdir, error) from None
    try:
        yield
    finally:
        lock.release()


def check(workdir, config):
    """Refuses a folder of which this run could overwrite or spoil something, or in which it cannot write.

    Raises:
      ValueError: the folder belongs to a run with another config (the differences are listed), or to one of which not
        enough is left to go on; or it, or what a run keeps in it, cannot be written.
    """
    workdir = Path(workdir)
    model = workdir / "model.safetensors"
    if Checkpoints(workdir / "checkpoints").steps():
        given = as_json(config)
        may_differ = lambda key: any(f"{key}.".startswith(f"{name}.") for name in FREE + _last_phase(given))
        found = differences(given, _recorded(workdir), may_differ)
        if found:
            raise ValueError(f"{workdir} belongs to a run with another config: " + "; ".join(found) + ". Give "
                             "another --workdir, or the recorded values to go on with that run.")
    elif model.exists() or _had_checkpoints(workdir):
        left = model if model.exists() else workdir / "log.csv"
        raise ValueError(f"{left} is of an earlier run, whose checkpoints are gone: it cannot go on, and to start anew "
                         "would overwrite it. Move it away, or give another --workdir.")
    for folder in (workdir, *(workdir / name for name in ("checkpoints", "events", "previews"))):
        if folder.exists() or folder.is_symlink():
            _check_folder(folder)
    for file in (model, workdir / "config.json", workdir / "log.csv"):
        if file.is_dir():
            raise ValueError(f"{file} is a folder, where a run writes a file of that name; move it away, or give "
                             "another --workdir.")


def record(workdir, config):
    """Writes config.json into the folder.

    Raises:
      ValueError: it cannot be written.
    """
    try:
        write_atomically(Path(workdir) / "config.json", json.dumps(as_json(config), indent=1).encode())
    except OSError as error:
        raise _not_writable(workdir, error) from None


def _had_checkpoints(workdir):
    """Whether the log goes beyond a step of which the run kept a checkpoint."""
    try:
        every = json.loads((workdir / "config.json").read_bytes())["checkpoint_every"]
        last = int((workdir / "log.csv").read_text().rstrip("\n").rpartition("\n")[2].partition(",")[0])
    except (OSError, ValueError, KeyError, TypeError):   # nothing logged, or nothing that could be told
        return False
    return 0 < every < last


def _recorded(workdir):
    path = workdir / "config.json"
    try:
        recorded = json.loads(path.read_bytes())
        if not isinstance(recorded, dict):
            raise ValueError("no config in it")
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} should hold the config of the run whose checkpoints are beside it, and cannot be "
                         f"read ({first_line(error)}). Restore it, or give another --workdir.") from None
    return _with_todays_names(recorded)


def _with_todays_names(recorded):
    """The config of an older run with the keys that configs have today, so that it can go on."""
    recorded = dict(recorded)
    if "tunable" in recorded:
        options = dict(recorded.pop("tunable"))
        options["frozen"] = options.pop("fixed", [])
        recorded["control"] = {"name": "Tunable" if options.pop("wrap", True) else "", **options}
    if "dynamic" in recorded:
        options = dict(recorded.pop("dynamic"))
        block = dict(options.get("block", {}))
        options["block"] = {{"start": "kernel_init"}.get(key, key): value for key, value in block.items()}
        recorded["control"] = {"name": "DynamicNet" if options.get("before") or options.get("after") else "", **options}
    if "start" in recorded:
        start = recorded.pop("start")
        recorded["kernel_init"] = {"copies": "replicate"}.get(start, start)
    return _renamed(recorded)


def _renamed(tree):
    """A nested dict with today's names for keys that had others, in phases too."""
    if not isinstance(tree, dict):
        return tree
    return {RENAMED.get(key, key): _renamed(value) for key, value in tree.items()}



def _check_folder(folder):
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _not_writable(folder, error) from None


def _not_writable(workdir, error):
    return ValueError(f"the workdir {workdir} cannot be written ({first_line(error)}); give a folder that can with "
                      "--workdir, or make room.")


def _last_phase(given):
    """Of several phases only the last can become longer: what came after the others stands on them."""
    names = given.get("phases", {}).get("names", ())
    return tuple(f"phases.{name}.steps" for name in names[-1:])


def as_json(config):
    """A config as plain JSON data."""
    config = config if isinstance(config, ConfigDict) else ConfigDict(config)
    return json.loads(config.to_json_best_effort())


def differences(one, other, may_differ, *, names=("here", "there")):
    """How two trees of JSON data differ, a phrase for each entry whose dotted name `may_differ` does not allow."""
    one, other = _flat(one), _flat(other)
    value = lambda tree, key: repr(tree[key]) if key in tree else "absent"
    different = [key for key in sorted(one.keys() | other.keys()) if value(one, key) != value(other, key)]
    return [f"{key} is {value(one, key)} {names[0]}, {value(other, key)} {names[1]}"
            for key in different if not may_differ(key)]


def _flat(tree, prefix=""):
    flat = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat
