"""Processes of one run that find each other: all come to the first one's port and say what they are about to train.

JAX's own meeting ends a process with a dump of the stack when another does not come, and lets them train different
things.
"""
import contextlib
import json
import socket
import time

from dynjax.files.output import say_aside

# The first line of whoever comes; a stranger on the port says something else.
GREETING = "dynjax"
LONGEST = 2**20       # bytes of a line
PATIENCE = 10         # seconds until a waiting process says that it waits, and that a stranger may stay silent
TIMEOUT = 300         # seconds, as JAX waits


def parse_address(text):
    """(host, port) of HOST:PORT; an IPv6 host stands in brackets, [::1]:1234.

    Raises:
      ValueError: it is something else.
    """
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not host or (":" in host) != bracketed or not (port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        raise ValueError(f"the coordinator is {text!r}; wanted HOST:PORT, a name or address of the first process's "
                         "machine and a free port from 1 to 65535 on it, such as 10.0.0.1:1234 or [::1]:1234.")
    return host, int(port)


def listen(port=0):
    """A socket on which the first process awaits the others, on every interface; port 0: one the system chooses.

    Raises:
      ValueError: the port is taken.
    """
    both = socket.has_dualstack_ipv6()
    try:
        return socket.create_server(("", port), family=socket.AF_INET6 if both else socket.AF_INET,
                                    dualstack_ipv6=both)
    except OSError as error:
        raise ValueError(f"the first process cannot listen on port {port} ({error.strerror}); give another one in "
                         "--coordinator=HOST:PORT, the same to each process.") from None


def await_others(server, processes, about, compare, answer, *, timeout=TIMEOUT):
    """The first process's part: waits for all the others and sees that they are about to train the same.

    Args:
      server: where it listens. processes: how many there are. about: JSON data, what this process is about to train.
      compare: (this one's, another's) -> how they differ, a list of phrases.
      answer: () -> JSON data, asked for when all have come and told to the others.
      timeout: seconds to wait.

    Returns:
      (the connections to the others, the answer).

    Raises:
      ValueError: one did not come, or differs; those that came are told the same.
    """
    connections, began, told = {}, time.monotonic(), False
    problem = None
    with server:
        while len(connections) < processes - 1 and problem is None:
            waited = time.monotonic() - began
            missing = sorted(set(range(1, processes)) - set(connections))
            if waited >= timeout:
                problem = (f"{len(missing)} of {processes} processes did not come within {timeout:g} seconds: "
                           f"{_names(missing)}. Start all of them with the same command, each with its own --process.")
                break
            if waited >= PATIENCE and not told:
                told = True
                say_aside(f"waiting for {_names(missing)} of {processes} ...")
            server.settimeout(min(PATIENCE, timeout - waited))
            with contextlib.suppress(TimeoutError):
                connection, _ = server.accept()
                said = _greeting(connection)
                if said is None:
                    connection.close()
                    continue
                problem = _problem(said, processes, connections, about, compare)
                # One that is refused is told so beside those that came, not in the place of one of them.
                connections[said["process"] if problem is None else "refused"] = connection
    answer = None if problem else answer()
    for connection in connections.values():
        with contextlib.suppress(OSError):   # one that ended meanwhile is noticed by its watch
            _say(connection, {"problem": problem, "answer": answer})
    if problem is not None:
        for connection in connections.values():
            connection.close()
        raise ValueError(problem)
    return list(connections.values()), answer


def come(address, process, processes, about, *, timeout=TIMEOUT):
    """Every other process's part: goes to the first and hears whether all came and are about to train the same.

    Args:
      address: (host, port) of the first. process, processes: which one this is, of how many. about: see `await_others`.
      timeout: seconds to wait.

    Returns:
      (the connection to the first, its answer).

    Raises:
      ValueError: the first cannot be reached, or refused this run.
    """
    where = f"{address[0]}:{address[1]}"
    deadline, told = time.monotonic() + timeout, False
    while True:
        try:
            connection = socket.create_connection(address, PATIENCE)
            if connection.getsockname() != connection.getpeername():
                break
            connection.close()   # to itself: both ends on one machine had the same port, drawn by chance
            raise ConnectionRefusedError("nothing listens there")
        except OSError as error:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ValueError(f"no process of this run answers at {where} ({error.strerror or error}). Start the "
                                 "first, --process=0, on that machine, and give its address with "
                                 "--coordinator.") from None
            if timeout - left >= PATIENCE and not told:
                told = True
                say_aside(f"waiting for process 0 at {where} ...")
            time.sleep(min(0.2, left))
    try:
        _say(connection, {"greeting": GREETING, "process": process, "processes": processes, "about": about})
        # The first may wait for others as long again.
        connection.settimeout(2 * timeout)
        heard = _hear(connection)
        problem, answer = heard["problem"], heard["answer"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        connection.close()
        raise ValueError(f"what answers at {where} is no process of this run, or it ended before all had come; its own "
                         "message says why. Start all of them again with the same command.") from None
    if problem is not None:
        connection.close()
        raise ValueError(problem)
    connection.settimeout(None)
    return connection, answer


def own_address():
    """The IPv4 address by which other machines reach this one; the loopback where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))   # nothing is sent: it only chooses the interface
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def _greeting(connection):
    """What a process that came says of itself; None for a stranger."""
    try:
        connection.settimeout(PATIENCE)
        said = _hear(connection)
        connection.settimeout(None)
        numbers = type(said["process"]) is type(said["processes"]) is int
        return said if said["greeting"] == GREETING and numbers and "about" in said else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _problem(said, processes, connections, about, compare):
    """Why a process cannot take part, a sentence; None where it can."""
    process = said["process"]
    if said["processes"] != processes:
        return (f"process {process} was told that there are {said['processes']} processes, the first one that there "
                f"are {processes}; give the same --processes to each.")
    if process in connections and _is_gone(connections[process]):
        connections.pop(process).close()   # stopped while others were awaited, and started again
    if process in connections or not 0 < process < processes:
        return (f"two processes say that they are process {process} of this run; give each its own --process, from "
                f"0 to {processes - 1}.")
    differences = compare(about, said["about"])
    if differences:
        return (f"process {process} is about to train something else than the first: {'; '.join(differences)}. Start "
                "all of them with the same command and version.")
    return None


def _is_gone(connection):
    connection.settimeout(0)
    try:
        return not connection.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(None)


def _names(processes):
    return ("process " if len(processes) == 1 else "processes ") + ", ".join(map(str, processes))


def _say(connection, data):
    connection.sendall(json.dumps(data).encode() + b"\n")


def _hear(connection):
    with connection.makefile("rb") as file:
        return json.loads(file.readline(LONGEST))
