"""Checkpoints that notice damage: orbax, and in each a list of checksums of all its files."""
import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
from pathlib import Path

import jax

from dynjax.files import DAMAGED, fsync_path, quarantine, write_atomically
from dynjax.files.messages import first_line
from dynjax.training.state_storage import plainly_named, read_state, write_state

_LOG = logging.getLogger(__name__)
# In a checkpoint, and what is appended to its name while it is not one yet, or no longer.
CHECKSUMS, UNFINISHED, REMOVED = "checksums.json", ".saving", ".removed"
_STEP = re.compile("0|[1-9][0-9]*")


class Checkpoints:
    """The checkpoints of a run, a folder each, named by its step; orbax restores flipped bytes without a word, this
    does not.

    A folder gets its name only when it has been read back and is on the disk, so that no sudden end leaves half a
    checkpoint under that name: one that disagrees with its checksums was damaged later.
    """

    def __init__(self, folder, *, keep=3):
        self.folder, self.keep = Path(folder), keep

    def steps(self):
        """Steps that have a checkpoint, whole or damaged, oldest first.

        Raises:
          ValueError: the folder cannot be read.
        """
        return sorted(int(name) for name in self._names() if _STEP.fullmatch(name))

    def save(self, step, state):
        """Stores a state (numpy arrays) under its step; complete and on the disk when this returns.

        Raises:
          ValueError: it cannot be written, as when the disk is full; those before it are untouched.
        """
        unfinished = self.folder / f"{step}{UNFINISHED}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_state(unfinished, state)
            manifest = {"step": step, "files": _checksums(unfinished)}
            write_atomically(unfinished / CHECKSUMS, _manifest_bytes(manifest))
            for path in (*unfinished.rglob("*"), unfinished):
                fsync_path(path)
            self._remove(step)
            unfinished.rename(self._path(step))
            fsync_path(self.folder)
        except Exception as error:   # of orbax too, which raises what its storage library does
            with contextlib.suppress(ValueError):
                self._remove_left()
            raise ValueError(f"the checkpoint of step {step} cannot be written to {self.folder} ({_reason(error)}); "
                             "those before it are untouched. Put that right, as by making room, and the same command "
                             "goes on from the last one.") from error
        for old in self.steps()[:-self.keep]:
            self._remove(old)

    def check_room(self, state, variables):
        """Refuses a disk without room for the checkpoints to come, and the model of `variables` beside them.

        Raises:
          ValueError: it has less free than they take, or the folder has a name under which none can be stored.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with plainly_named(self.folder):   # refused now rather than at the first checkpoint
            pass
        size = lambda tree: sum(leaf.nbytes for leaf in jax.tree.leaves(tree))
        # The oldest goes only when the newest is there.
        to_come = max(1, self.keep + 1 - len(self.steps()))
        needed, free = to_come * size(state) + size(variables), shutil.disk_usage(self.folder).free
        if free < needed:
            raise ValueError(f"the disk of {self.folder} has {free / 2**20:,.1f} MiB free; the checkpoints of this run "
                             f"and its model will take {needed / 2**20:,.1f} MiB. Make room there, or give another "
                             "--workdir.")

    def restore(self, target_at):
        """The newest undamaged state as (step, state like `target_at(step)`), or None where there is none at all.

        What a cut-off save left is removed, a damaged checkpoint is moved aside, as *.damaged, anything else is left
        alone; each is named in a warning.

        Raises:
          ValueError: checkpoints exist but every one is damaged (all stay as they are), or is of another state.
        """
        steps, damaged = self.steps(), {}
        for step in reversed(steps):
            problem = self._problem(step)
            if problem is None:
                break
            damaged[step] = problem
        else:
            if steps:
                found = "; ".join(f"in {step} {problem}" for step, problem in damaged.items())
                raise ValueError(f"every checkpoint in {self.folder} is damaged ({found}); wanted one that is whole. "
                                 "Restore the folder from a copy, or give another --workdir to start anew.")
        self._tidy()
        if not steps:
            return None
        for newer, problem in damaged.items():
            _LOG.warning("checkpoint %d is damaged (%s); moved to %s, using that of step %d", newer, problem,
                         quarantine(self._path(newer)), step)
        target = target_at(step)
        try:
            return step, read_state(self._path(step), target)
        except Exception as error:
            raise ValueError(f"the checkpoint {self._path(step)} is whole, but not of this run's state: "
                             f"{_reason(error)}. Give the config and the version it was made with, or another "
                             "--workdir.") from error

    def _tidy(self):
        for name in self._remove_left():
            if not name.endswith(REMOVED):
                _LOG.warning("%s was never finished, its run ended while saving; removed", name)
        for name in self._names():
            if not _STEP.fullmatch(name) and DAMAGED not in name:
                _LOG.warning("%s is no checkpoint's name; left alone", self.folder / name)

    def _remove_left(self):
        """Removes what cut-off saves left, orbax's temporary folders too; returns the names."""
        left = [name for name in self._names() if UNFINISHED in name or ".orbax-checkpoint-tmp" in name
                or name.endswith(REMOVED)]
        for name in left:
            path = self.folder / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return left

    def _remove(self, step):
        """Removes a checkpoint, if there is one, so that none is ever half there under its name."""
        aside = self.folder / f"{step}{REMOVED}"
        with contextlib.suppress(FileNotFoundError):
            self._path(step).rename(aside)
            shutil.rmtree(aside, ignore_errors=True)

    def _names(self):
        try:
            return sorted(entry.name for entry in os.scandir(self.folder))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ValueError(f"the checkpoints of this run cannot be read: {self.folder}: {_reason(error)}. Make that "
                             "a folder that can be read, or give another --workdir.") from None

    def _problem(self, step):
        """What is wrong with a checkpoint, in words; None where nothing is."""
        path = self._path(step)
        try:
            data = (path / CHECKSUMS).read_bytes()
            manifest = json.loads(data)
            # Spelled again to the byte, so that no change of the list itself goes unnoticed.
            if data != _manifest_bytes(manifest) or manifest["step"] != step:
                return f"{CHECKSUMS} is not what was written"
            wanted = dict(manifest["files"])
        except (OSError, ValueError, KeyError, TypeError):
            return f"{CHECKSUMS} cannot be read"
        for name, checksum in wanted.items():
            try:
                found = _checksum(path / name)
            except FileNotFoundError:
                return f"{name} is missing"
            except OSError as error:
                return f"{name} cannot be read: {_reason(error)}"
            if found != checksum:
                return f"{name} is not what was written"
        return None

    def _path(self, step):
        return self.folder / str(step)


def _manifest_bytes(manifest):
    return json.dumps(manifest, indent=1).encode()


def _checksums(folder):
    """SHA-256 of every file below a folder but the list of checksums itself, by relative path."""
    return {path.relative_to(folder).as_posix(): _checksum(path)
            for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / CHECKSUMS}


def _checksum(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(error):
    """The first line of an error, or its kind where it says nothing; of a full disk only that."""
    full = os.strerror(errno.ENOSPC)
    if full in str(error):   # at the end of a long line of the storage library's
        return full
    return first_line(error)
