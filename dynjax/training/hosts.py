"""Several processes, one a machine, that train one run together: each with its own devices and share of the pictures.

All of them run the same steps. The first alone reads and writes the run's folder.
"""
import contextlib
import os

import jax
import numpy as np
from jax.experimental import multihost_utils

from dynjax.training import watch
from dynjax.training.step import AXIS, unreplicate


@contextlib.contextmanager
def joined(coordinator=None, processes=None, process=None):
    """While entered, this process trains with the others of its run; before it no device may have been used.

    When another process ends before its time, this one does too, with a sentence and the status 1.

    Args:
      coordinator: HOST:PORT at which the first process can be reached. processes: how many there are. process: which
        one this is, from 0. What is left out comes from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID,
        else from the cluster where JAX knows its kind (TPU pods, Slurm, Open MPI, Kubernetes).

    Raises:
      ValueError: something is missing, or the others cannot be reached.
    """
    number = lambda given, name: int(os.environ[name]) if given is None and name in os.environ else given
    try:
        # Or the service that watches over the processes would end this one before it can say why.
        jax.config.update("jax_enable_recoverability", True)
        jax.distributed.initialize(coordinator, number(processes, "JAX_NUM_PROCESSES"),
                                   number(process, "JAX_PROCESS_ID"))
        watching = _watch(coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS"))
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(f"the processes of this run could not be connected: {first_line} Give --coordinator=HOST:PORT "
                         "of the first, --processes, how many there are, and --process, which one this is (from 0), "
                         "to each.") from None
    yield
    multihost_utils.sync_global_devices("done")
    watching.leave()
    jax.distributed.shutdown()


def _watch(coordinator):
    server, token = watch.listen() if is_first() else (None, b"")
    port = int(told_by_first(np.int32(server.getsockname()[1] if server else 0)))
    host = ".".join(map(str, told_by_first(np.uint8(watch.own_address().split(".")))))
    token = told_by_first(np.frombuffer(token or bytes(watch.TOKEN_BYTES), np.uint8)).tobytes()
    if is_first():
        return watch.Watch(watch.await_others(server, token, jax.process_count() - 1))
    return watch.Watch([watch.connect((coordinator.rpartition(":")[0] if coordinator else host, port), token)])


def several():
    """Whether this process trains together with others."""
    return jax.process_count() > 1


def is_first():
    """Whether this process is the one that reads and writes the run's folder."""
    return jax.process_index() == 0


def first_does(function):
    """The result of function() on the first process, where alone it runs; None on the others.

    Raises:
      ValueError: on every process, where the function raised on the first.
    """
    if not several():
        return function()
    result = problem = None
    if is_first():
        try:
            result = function()
        except Exception as error:
            problem = error
    failed = bool(told_by_first(np.int32(problem is not None)))
    if problem is not None:
        raise problem
    if failed:
        raise ValueError("the first process of this run could not go on; its own message says why.")
    return result


def told_by_first(tree):
    """A tree of arrays as the first process has it, on all of them; they must agree on its shapes."""
    return jax.tree.map(np.asarray, multihost_utils.broadcast_one_to_all(tree)) if several() else tree


class Largest:
    """The largest of the numbers that all processes give at every step; of several processes, of the step before,
    since the devices are never waited for."""

    def __init__(self):
        self._of_all = jax.pmap(lambda number: jax.lax.pmax(number, AXIS), axis_name=AXIS)
        self._before = None

    def __call__(self, number):
        if not several():
            return number
        given = np.full(jax.local_device_count(), number, np.int32)
        before, self._before = self._before, self._of_all(given)
        return 0 if before is None else int(unreplicate(before))
