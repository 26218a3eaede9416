"""The folder of a run: the config recorded in it, and what may differ when the run goes on."""
import contextlib
import json
from pathlib import Path

from filelock import FileLock, Timeout

from dynjax.files import write_atomically
from dynjax.training.checkpoints import Checkpoints

# What may change between two starts of one run: how long it is, and what it writes down.
FREE = ("steps", "checkpoint_every", "preview_every", "log_every", "evaluation", "data.cache", "data.threads")


def default_workdir(config):
    """runs/NAME for the default preset, runs/NAME-PRESET for others."""
    return Path("runs") / (config.name if config.preset == "default" else f"{config.name}-{config.preset}")


@contextlib.contextmanager
def taken(workdir):
    """While entered, no other run may use the folder; the lock ends with the process, however that ends.

    Raises:
      ValueError: another run has it, or it cannot be written.
    """
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


def record(workdir, config):
    """Writes config.json into the folder; where the folder has checkpoints, only if they belong to this config.

    Raises:
      ValueError: the folder belongs to a run with another config (the differences are listed), or cannot be written.
    """
    path = Path(workdir) / "config.json"
    given = as_json(config)
    if path.exists() and Checkpoints(path.parent / "checkpoints").steps():
        try:
            recorded = json.loads(path.read_text())
        except ValueError:
            raise ValueError(f"{path} cannot be read as JSON; it should hold the config of this run. Restore it, or "
                             "give another --workdir.") from None
        free = FREE + _last_phase(given)
        found = differences(given, recorded, lambda key: any(f"{key}.".startswith(f"{name}.") for name in free))
        if found:
            raise ValueError(f"{workdir} belongs to a run with another config: " + "; ".join(found) + ". Give "
                             "another --workdir, or the recorded values to go on with that run.")
    try:
        write_atomically(path, json.dumps(given, indent=1).encode())
    except OSError as error:
        raise _not_writable(workdir, error) from None


def _not_writable(workdir, error):
    return ValueError(f"the workdir {workdir} cannot be written ({error.strerror or error}); give a folder that can "
                      "with --workdir, or make room.")


def _last_phase(given):
    """Of several phases only the last can become longer: what came after the others stands on them."""
    names = given.get("phases", {}).get("names", ())
    return tuple(f"phases.{name}.steps" for name in names[-1:])


def as_json(config):
    """A config as plain JSON data."""
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
