"""HTTP servers on loopback that answer with exactly the bytes a test gives them."""

import socket
import threading
from collections.abc import Callable

from servers.tcp import Behave

Respond = Callable[[bytes], bytes]


def request(connection: socket.socket) -> bytes:
    """The head of a request, and of its body what came with it."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(65536)
        if not piece:
            break
        head += piece
    return head


def answer(status: str = "200 OK", body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def answers(*pieces: bytes, then: Behave | None = None) -> Behave:
    """Read a request, send *pieces*, then behave otherwise or close."""

    def behave(connection: socket.socket) -> None:
        request(connection)
        for piece in pieces:
            connection.sendall(piece)
        if then is not None:
            then(connection)

    return behave


class Site:
    """Answers by path and remembers the requests in order. An unknown path is 404."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages = pages
        self.requests: list[bytes] = []
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        asked = request(connection)
        with self._lock:
            self.requests.append(asked)
        path = asked.split(b" ", 2)[1].decode() if asked.count(b" ") >= 2 else ""
        connection.sendall(self.pages.get(path, answer("404 Not Found")))
