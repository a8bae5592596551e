"""A UDP server on loopback that answers each datagram as a test tells it to, or not at all."""

import socket
import threading
from collections.abc import Callable
from types import TracebackType

PATIENCE = 10.0  # seconds until a server gives up on a test that forgot it

# What came, and a function that sends bytes back to where it came from.
Behave = Callable[[bytes, "Reply"], None]


class Reply:
    """Says something to who asked."""

    def __init__(self, sock: socket.socket, client: tuple[str, int]) -> None:
        self._sock = sock
        self.client = client

    def __call__(self, wire: bytes) -> None:
        self._sock.sendto(wire, self.client)

    def from_elsewhere(self, wire: bytes) -> None:
        """The same, from another port."""
        with socket.socket(self._sock.family, socket.SOCK_DGRAM) as other:
            other.sendto(wire, self.client)


class UdpServer:
    """Bound from the start; one thread runs *behave* for each datagram."""

    def __init__(self, behave: Behave, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.behave = behave
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        self._sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="udp")
        self.port: int = self._sock.getsockname()[1]
        self.asked: list[bytes] = []

    def __enter__(self) -> "UdpServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with socket.socket(self._sock.family, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self._sock.getsockname())  # an empty datagram ends it
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server does not end"
        self._sock.close()

    def _serve(self) -> None:
        while True:
            wire, client = self._sock.recvfrom(65536)
            if not wire:
                return
            self.asked.append(wire)
            self.behave(wire, Reply(self._sock, client))


def closed_port() -> int:
    """A port on which nothing listens: it was free just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
