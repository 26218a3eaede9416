"""Processes of one run that notice at once when another of them ends: by a connection that the system closes with it.

JAX notices after a minute or two, and then ends the others with a dump of the stack.
"""
import contextlib
import os
import socket
import sys
import threading

from dynjax.files.output import say_aside

GOODBYE = b"."
ENDED = ("another process of this run has ended or cannot be reached any more. Start all of them again with the same "
         "command, which goes on from the last checkpoint.")


class Watch:
    """Ends this process with a sentence when another of its run is gone; `leave` says that this one is done.

    Every process but the first holds a connection to the first. The first ends with any of them, they with the first.
    """

    def __init__(self, connections):
        self._connections, self._left = connections, False
        self._looking = [threading.Thread(target=self._look, args=(connection,), name="watch", daemon=True)
                         for connection in connections]
        for connection, thread in zip(connections, self._looking, strict=True):
            _keep_alive(connection)
            thread.start()

    def leave(self):
        """Tells the others that this process ends because it is done."""
        self._left = True
        for connection in self._connections:
            with contextlib.suppress(OSError):   # gone already, and done too, for it has not been missed
                connection.sendall(GOODBYE)

    def await_closed(self, timeout):
        """Waits until the others have closed their connections, each for at most so many seconds."""
        for thread in self._looking:
            thread.join(timeout)

    def close(self):
        """Closes this side's connections."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)   # closing alone would leave the thread reading
            connection.close()

    def _look(self, connection):
        said = b""
        with contextlib.suppress(OSError):
            while byte := connection.recv(1):
                said = byte
        if said != GOODBYE and not self._left:
            say_aside(f"{sys.argv[0]}: {ENDED}")
            os._exit(1)   # the main thread may wait for the other's numbers for ever


def _keep_alive(connection):
    """Lets the system find out within a minute that the other machine itself is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):   # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
