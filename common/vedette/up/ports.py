"""Loopback ports that are chosen before the program that will listen on them is started."""

import errno
import socket
from typing import Self

from vedette.errors import VedetteError

LOOPBACK = "127.0.0.1"


class Reservation:
    """A port that stays ours until `close`, while a child listens on it.

    The socket is bound and never listens. Linux lets a second socket bind and listen beside it when both
    carry SO_REUSEADDR (socket(7)), as every server's does; nobody is given the port by chance meanwhile,
    not even while the child is down between two starts.
    """

    def __init__(self, port: int = 0) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((LOOPBACK, port))
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def reserve_for_page(port: int) -> Reservation:
    """The port a person asked for. Raises VedetteError with what to do when it cannot be had."""
    try:
        return Reservation(port)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            advice = f"stop what listens there (`ss -ltnp 'sport = :{port}'`) or choose another with --port"
            raise VedetteError(f"port {port} on {LOOPBACK} is in use: {advice}") from exc
        raise VedetteError(f"port {port} on {LOOPBACK}: {exc.strerror}; choose another with --port") from exc
