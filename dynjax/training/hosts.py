"""Several processes, one a machine, that train one run together: each with its own devices and share of the pictures.

All of them run the same steps. The first alone reads and writes the run's folder.
"""
import collections
import contextlib
import os

import jax
import numpy as np
from jax.experimental import multihost_utils

from dynjax.devices import check_platform
from dynjax.experiment.phase import AXIS
from dynjax.files.messages import first_line
from dynjax.training import meeting, watch, workdir
from dynjax.training.step import unreplicate

# What may differ between the machines of a run: where each has its files, how it reads them, what only the first uses.
LOCAL = ("data.source", "data.cache", "data.threads", "init_from", "evaluation")
# Seconds that the first process, which holds what all of them talk through, waits for the others at the end.
LAST = 60


@contextlib.contextmanager
def joined(config, coordinator=None, processes=None, process=None):
    """While entered, this process trains with the others of its run; before it no device may have been used.

    When another process ends before its time, this one does too, with a sentence and the status 1.

    Args:
      config: what this process is about to train, as configs/*.py give it.
      coordinator: HOST:PORT at which the first process can be reached. processes: how many there are. process: which
        one this is, from 0. What is left out comes from JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID,
        else from the cluster where JAX knows its kind (TPU pods, Slurm, Open MPI, Kubernetes).

    Raises:
      ValueError: something is missing, the others cannot be reached, or they are about to train something else.
    """
    coordinator = coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS")
    processes, process = _number(processes, "JAX_NUM_PROCESSES"), _number(process, "JAX_PROCESS_ID")
    address = coordinator and meeting.parse_address(coordinator)
    about = {"config": workdir.as_json(config), "jax": jax.__version__}
    # Or the service that watches over the processes would end this one before it can say why.
    jax.config.update("jax_enable_recoverability", True)
    if None not in (coordinator, processes, process):
        connections, port = _meet(address, process, processes, about)
        watching = watch.Watch(connections)
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        _initialize(f"{host}:{port}", processes, process, coordinator_bind_address=f"[::]:{port}")
    else:
        _initialize(coordinator, processes, process)
        watching = watch.Watch(_meet_after(about))
    _check_devices()
    try:
        yield
        multihost_utils.sync_global_devices("done")
    except jax.errors.JaxRuntimeError as error:
        raise ValueError(f"what the processes do together failed ({first_line(error)}); most often "
                         f"{watch.ENDED}") from error
    watching.leave()
    if is_first():
        watching.await_closed(LAST)   # each when it has said goodbye to JAX's service, which ends with this process
    jax.distributed.shutdown()
    watching.close()


def _number(given, name):
    """A flag's number, else the environment's; None where there is neither."""
    text = os.environ.get(name)
    if given is None and text is not None:
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{name} is {text!r}; wanted a whole number: JAX_NUM_PROCESSES, how many processes there "
                             "are, and JAX_PROCESS_ID, which one this is, from 0.")
        given = int(text)
    return given


def _initialize(coordinator, processes, process, **options):
    try:
        jax.distributed.initialize(coordinator, processes, process, **options)
    except (RuntimeError, ValueError, TypeError, OSError) as error:
        raise ValueError(f"the processes of this run could not be connected: {first_line(error)} Give to each "
                         "--coordinator=HOST:PORT of the first, --processes, how many there are, and --process, which "
                         "one this is, from 0.") from None


def _meet(address, process, processes, about):
    """(connections, the port for JAX's service) once all processes have come to the first."""
    if processes < 1 or not 0 <= process < processes:
        raise ValueError(f"--process is {process} and --processes {processes}; wanted how many processes there are, "
                         "and which one this is, counted from 0.")
    if process:
        connection, port = meeting.come(address, process, processes, about)
        return [connection], port
    return meeting.await_others(meeting.listen(address[1]), processes, about, _differences, _free_port)


def _free_port():
    with meeting.listen() as server:
        return server.getsockname()[1]


def _meet_after(about):
    """The connections, of processes that a cluster has told JAX of: the first tells where it listens."""
    server = meeting.listen() if is_first() else None
    port = int(broadcast_from_main(np.int32(server.getsockname()[1] if server else 0)))
    host = ".".join(map(str, broadcast_from_main(np.uint8(meeting.own_address().split(".")))))
    if is_first():
        return meeting.await_others(server, jax.process_count(), about, _differences, lambda: None)[0]
    return [meeting.come((host, port), jax.process_index(), jax.process_count(), about)[0]]


def _differences(first, other):
    local = lambda key: any(f"{key}.".startswith(f"config.{name}.") or f".{name}." in f"{key}." for name in LOCAL)
    return workdir.differences(first, other, local, names=("at the first", "at the other"))


def _check_devices():
    check_platform()
    counts = collections.Counter(device.process_index for device in jax.devices())
    if len(set(counts.values())) > 1:
        raise ValueError(f"the processes have {', '.join(str(counts[index]) for index in sorted(counts))} devices; "
                         "wanted the same number at each.")


def several():
    """Whether this process trains together with others."""
    return jax.process_count() > 1


def is_first():
    """Whether this process is the one that reads and writes the run's folder."""
    return jax.process_index() == 0


def run_on_main(function):
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
    failed = bool(broadcast_from_main(np.int32(problem is not None)))
    if problem is not None:
        raise problem
    if failed:
        raise ValueError("the first process of this run could not go on; its own message says why.")
    return result


def broadcast_from_main(tree):
    """A tree of arrays as the first process has it, on all of them; they must agree on its shapes."""
    return jax.tree.map(np.asarray, multihost_utils.broadcast_one_to_all(tree)) if several() else tree


def check_pictures(counts):
    """Refuses processes that have other pictures to train on than each other: each draws its share by number.

    Args:
      counts: how many this one has, for each phase.

    Raises:
      ValueError: on every process, where they differ.
    """
    if several():
        of_all = np.asarray(multihost_utils.process_allgather(np.int32(counts)))
        if (of_all != of_all[0]).any():
            raise ValueError(f"the processes have {', '.join(str(row.sum()) for row in of_all)} pictures to train on; "
                             "wanted the same ones at each. Compare their --config.data.source.")


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
