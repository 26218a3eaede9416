"""One state as a folder of files, by orbax: whatever the folder is called, and read back before it counts."""
import contextlib
import logging
import os
import re
import tempfile
from pathlib import Path

import flax.serialization
import jax
import numpy as np

# Of a name that no library takes for a pattern, an escape or an address.
_PLAIN = re.compile(r"[\w./:+=,@-]*", re.ASCII)


def write_state(folder, state):
    """Stores a state (numpy arrays) as a new folder and reads it back.

    Raises:
      ValueError: what can be read is not what was to be stored. What orbax and its storage library raise comes too.
    """
    tree = _as_dict(state)
    with plainly_named(folder.parent) as parent, _quiet():
        _checkpointer().save(parent / folder.name, tree, force=True)
        read = _checkpointer().restore(parent / folder.name, tree)
    if not jax.tree.all(jax.tree.map(_same, tree, read)):
        raise ValueError("what was written cannot be read back as it was")


def read_state(folder, target):
    """The state that a folder holds, like `target`; what orbax raises where it holds another."""
    wanted = _as_dict(target)
    with plainly_named(folder.parent) as parent, _quiet():
        try:
            tree = _checkpointer().restore(parent / folder.name, wanted)
        except (KeyError, ValueError):
            older = _renamed(wanted, "frozen", "fixed")
            if jax.tree.structure(older) == jax.tree.structure(wanted):
                raise
            tree = _renamed(_checkpointer().restore(parent / folder.name, older), "fixed", "frozen")
    return flax.serialization.from_state_dict(target, tree)


def _renamed(tree, old, new):
    """A nested dict with what stands beside the stacked kernels of tunable networks under another name.

    Checkpoints have had "fixed" there for "frozen".
    """
    if not isinstance(tree, dict):
        return tree
    beside = "kernels" in tree
    return {new if beside and name == old else name: _renamed(value, old, new) for name, value in tree.items()}


@contextlib.contextmanager
def plainly_named(folder):
    """A path to an existing folder in which no character means anything; it holds while entered.

    Orbax looks for files by patterns, in which a folder called `run[x4]` or `a*` stands for others: its checkpoint is
    then written without its table of contents, and nothing is said.

    Raises:
      ValueError: the folder has such a name, and this system has no way around it.
    """
    folder = Path(folder).absolute()
    if _PLAIN.fullmatch(folder.as_posix()):
        yield folder
        return
    with contextlib.ExitStack() as stack:
        yield _through_handle(folder, stack) or _through_link(folder, stack)


def _through_handle(folder, stack):
    """By the number under which this process has the folder open, which leaves nothing behind; None but on Linux."""
    if not hasattr(os, "O_PATH"):
        return None
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    stack.callback(os.close, handle)
    path = Path(f"/proc/self/fd/{handle}")
    return path if path.is_dir() else None   # there may be no /proc


def _through_link(folder, stack):
    """By a link in a folder for temporary files."""
    for place in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if _PLAIN.fullmatch(Path(place).as_posix()):
            with contextlib.suppress(OSError):
                link = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=place))) / "folder"
                link.symlink_to(folder, target_is_directory=True)
                stack.callback(link.unlink)
                return link
    raise ValueError(f"{folder} has a character in its name by which files would not be found again; give a folder "
                     "with letters, digits, '-', '_' and '.' alone")


def _checkpointer():
    """Of this process alone, though others may train beside it: only the first one of a run writes."""
    import orbax.checkpoint as ocp

    me = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}")
    return ocp.Checkpointer(ocp.StandardCheckpointHandler(multiprocessing_options=alone), multiprocessing_options=alone)


@contextlib.contextmanager
def _quiet():
    """Without orbax's own report of an error, a page for each of its threads: the error itself is raised and told."""
    logger, nothing = logging.getLogger("absl"), lambda record: False
    logger.addFilter(nothing)
    try:
        yield
    finally:
        logger.removeFilter(nothing)


def _as_dict(state):
    """Nested dicts of arrays: orbax takes no numpy scalars and gives named tuples back as lists."""
    return jax.tree.map(np.asarray, flax.serialization.to_state_dict(state))


def _same(one, other):
    """To the bit, so that NaN is NaN."""
    other, as_bytes = np.asarray(other), lambda array: np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return (one.dtype, one.shape) == (other.dtype, other.shape) and np.array_equal(as_bytes(one), as_bytes(other))
