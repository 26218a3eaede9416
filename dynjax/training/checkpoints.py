"""Checkpoints that notice damage: orbax, and beside each a manifest with a checksum for every file."""
import hashlib
import json
import logging
import shutil
from pathlib import Path

import flax.serialization
import jax
import numpy as np

from dynjax.files import write_atomically

_LOG = logging.getLogger(__name__)


class Checkpoints:
    """The checkpoints of a run, newest last; orbax restores flipped bytes without a word, this does not.

    A checkpoint counts once its manifest `<step>.json` is written; what has none, or does not agree with it, is named
    in a warning, moved aside and the one before is used.
    """

    def __init__(self, folder, *, keep=3):
        self.folder, self.keep = Path(folder), keep

    def steps(self):
        """Steps that have a manifest, oldest first."""
        return sorted(int(path.stem) for path in self.folder.glob("*.json") if path.stem.isdigit())

    def save(self, step, state):
        """Stores a state (numpy arrays) under its step; complete when this returns."""
        import orbax.checkpoint as ocp

        self.folder.mkdir(parents=True, exist_ok=True)
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save(self._path(step).absolute(), _as_dict(state), force=True)
        manifest = {"step": step, "files": _checksums(self._path(step))}
        write_atomically(self._manifest(step), json.dumps(manifest, indent=1).encode())
        for old in self.steps()[:-self.keep]:
            self._remove(old)

    def restore(self, target_at):
        """The newest undamaged state as (step, state like `target_at(step)`), or None where there is none at all.

        Raises:
          ValueError: checkpoints exist but every one is damaged.
        """
        import orbax.checkpoint as ocp

        steps = self.steps()
        for step in reversed(steps):
            problem = self._problem(step)
            if problem is None:
                target = target_at(step)
                with ocp.StandardCheckpointer() as checkpointer:
                    tree = checkpointer.restore(self._path(step).absolute(), _as_dict(target))
                return step, flax.serialization.from_state_dict(target, tree)
            _LOG.warning("checkpoint %d is damaged (%s); using the one before it", step, problem)
            self._set_aside(step)
        if steps:
            raise ValueError(f"every checkpoint in {self.folder} is damaged (moved to *.damaged there); wanted an "
                             "intact one. Restore the folder from a copy, or give another --workdir to start anew.")
        return None

    def _problem(self, step):
        try:
            manifest = json.loads(self._manifest(step).read_text())["files"]
        except (OSError, ValueError, KeyError, TypeError):
            return "its manifest cannot be read"
        found = _checksums(self._path(step)) if self._path(step).is_dir() else {}
        for name, checksum in manifest.items():
            if found.get(name) != checksum:
                return f"{name} is {'missing' if name not in found else 'not what was written'}"
        return None

    def _set_aside(self, step):
        for path in (self._path(step), self._manifest(step)):
            if path.exists():
                path.rename(path.with_name(path.name + ".damaged"))

    def _remove(self, step):
        self._manifest(step).unlink()
        shutil.rmtree(self._path(step), ignore_errors=True)

    def _path(self, step):
        return self.folder / str(step)

    def _manifest(self, step):
        return self.folder / f"{step}.json"


def _as_dict(state):
    """Nested dicts of arrays: orbax takes no numpy scalars and gives named tuples back as lists."""
    return jax.tree.map(np.asarray, flax.serialization.to_state_dict(state))


def _checksums(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
