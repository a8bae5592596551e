"""A TCP server on loopback that does to each connection what a test tells it to, well or badly."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType

Behave = Callable[[socket.socket], None]
PATIENCE = 10.0  # seconds until a server gives up on a test that forgot it


class TcpServer:
    """Listens on a port of its own from the start; every connection is one thread that runs *behave*."""

    def __init__(self, behave: Behave, family: socket.AddressFamily = socket.AF_INET, port: int = 0) -> None:
        self._behave = behave
        self._listener = socket.create_server(
            ("::1" if family == socket.AF_INET6 else "127.0.0.1", port), family=family
        )
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._over = 0
        self._acceptor = threading.Thread(target=self._accept, name="acceptor")
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "TcpServer":
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept
        self._acceptor.join(PATIENCE)
        self._listener.close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a conversation does not end"

    def finish(self, conversations: int = 1) -> None:
        """Wait until so many conversations, counted from the start, are over and their sockets closed."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._over >= conversations, PATIENCE)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(PATIENCE)
            self._open.add(connection)
            thread = threading.Thread(target=self._converse, args=(connection,), name="conversation")
            thread.start()
            self._threads.append(thread)

    def _converse(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):  # the probe may leave at any time
                self._behave(connection)
        finally:
            connection.close()
            self._open.discard(connection)
            with self._changed:
                self._over += 1
                self._changed.notify_all()


def silent(connection: socket.socket) -> None:
    """Take everything, say nothing, until the peer leaves."""
    while connection.recv(65536):
        pass


def reset(connection: socket.socket) -> None:
    """Take the first bytes and answer with a reset."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def says(*pieces: bytes, then: Behave | None = None) -> Behave:
    """Say *pieces*, each in a send of its own, then behave otherwise or close."""

    def behave(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if then is not None:
            then(connection)

    return behave


@contextmanager
def black_hole() -> Iterator[socket.socket]:
    """A listener whose backlog is full: Linux drops every further SYN. Accepting makes room again."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        try:
            while True:
                filler = socket.socket()
                fillers.append(filler)
                filler.settimeout(0.1)
                try:
                    filler.connect(listener.getsockname())
                except TimeoutError:
                    break
            fillers.pop().close()  # still knocking: it would take the place that becomes free
            yield listener
        finally:
            for filler in fillers:
                filler.close()
