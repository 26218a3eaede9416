"""Processes of one run that notice at once when another of them ends: by a connection that the system closes with it.

JAX notices after a minute or two, and then ends the others with a dump of the stack.
"""
import contextlib
import os
import secrets
import selectors
import socket
import sys
import threading

TOKEN_BYTES, GOODBYE = 16, b"."
ENDED = ("another process of this run has ended or cannot be reached any more. Start all of them again with the same "
         "command, which goes on from the last checkpoint.")


class Watch:
    """Ends this process with a sentence when another of its run is gone; `leave` says that this one is done.

    Every process but the first holds a connection to the first. The first ends with any of them, they with the first.
    """

    def __init__(self, connections):
        self._selector = selectors.DefaultSelector()
        self._left = False
        for connection in connections:
            _keep_alive(connection)
            self._selector.register(connection, selectors.EVENT_READ)
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def leave(self):
        """Tells the others that this process ends because it is done."""
        self._left = True
        for key in list(self._selector.get_map().values()):
            with contextlib.suppress(OSError):   # gone already, and done too, for it has not been missed
                key.fileobj.sendall(GOODBYE)

    def _look(self):
        while self._selector.get_map():
            for key, _ in self._selector.select():
                try:
                    said = key.fileobj.recv(1)
                except OSError:
                    said = b""
                if said != GOODBYE and not self._left:
                    print(f"{sys.argv[0]}: {ENDED}", file=sys.stderr, flush=True)
                    os._exit(1)   # the main thread may wait for the other's numbers for ever
                self._selector.unregister(key.fileobj)


def listen():
    """A socket on which the first process awaits the others, and the secret that they must know: (socket, token)."""
    return socket.create_server(("", 0)), secrets.token_bytes(TOKEN_BYTES)


def await_others(server, token, count, *, timeout=60):
    """Connections to the `count` other processes, which must each say the token."""
    connections = []
    server.settimeout(timeout)
    with server:
        while len(connections) < count:
            connection, _ = server.accept()
            connection.settimeout(timeout)
            if connection.recv(TOKEN_BYTES, socket.MSG_WAITALL) == token:
                connection.settimeout(None)
                connections.append(connection)
            else:   # a stranger
                connection.close()
    return connections


def connect(address, token, *, timeout=60):
    """A connection to the first process at (host, port)."""
    connection = socket.create_connection(address, timeout)
    connection.sendall(token)
    connection.settimeout(None)
    return connection


def own_address():
    """The IPv4 address by which other machines reach this one; the loopback where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))   # nothing is sent: it only chooses the interface
            return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"


def _keep_alive(connection):
    """Lets the system find out within a minute that the other machine itself is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):   # not on every system
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
