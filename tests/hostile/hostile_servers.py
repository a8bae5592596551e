"""A server that says what it is told to, endlessly if so. The first connection gets the first words alone."""

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat

GENTLE_BYTES = 120
MAX_SENT = 64 << 20  # more than any client here reads

Say = Callable[[bytes], Iterable[bytes]]  # what came first to what is answered


def greets(asked: bytes) -> Iterator[bytes]:
    """Begins before it was asked, and does not end."""
    yield b"220 hello"
    yield from repeat(b" and hello" * 6000)


@contextmanager
def stream(say: Say) -> Iterator[int]:
    """Over TCP; gives the port. An empty piece ends the connection, and otherwise it stays open."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket_ended(listener, _accepting, say):
        yield listener.getsockname()[1]


@contextmanager
def datagrams(say: Say) -> Iterator[int]:
    """Over UDP; every piece is a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        with socket_ended(sock, _answering, say):
            yield sock.getsockname()[1]


@contextmanager
def socket_ended(
    sock: socket.socket, serve: Callable[[socket.socket, Say, threading.Event], None], say: Say
) -> Iterator[None]:
    over = threading.Event()
    sock.settimeout(0.1)
    thread = threading.Thread(target=serve, args=(sock, say, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _accepting(listener: socket.socket, say: Say, over: threading.Event) -> None:
    is_gentle = True
    while not over.is_set():
        try:
            peer, _ = listener.accept()
        except TimeoutError:
            continue
        with peer:
            try:
                _speak(peer, say, over, GENTLE_BYTES if is_gentle else MAX_SENT)
            except OSError:
                pass  # the client has had enough
        is_gentle = False


def _speak(peer: socket.socket, say: Say, over: threading.Event, most: int) -> None:
    peer.settimeout(5.0)
    asked = b"" if say is greets else peer.recv(65536)
    for piece in say(asked):
        if not piece:
            return
        peer.sendall(piece[:most])
        most -= len(piece)
        if most <= 0 or over.is_set():
            return
    while peer.recv(65536):
        pass


def _answering(sock: socket.socket, say: Say, over: threading.Event) -> None:
    while not over.is_set():
        try:
            asked, address = sock.recvfrom(65536)
        except TimeoutError:
            continue
        for piece in say(asked):
            sock.sendto(piece, address)
