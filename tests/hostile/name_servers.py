"""Name servers on several addresses and one port that say over UDP to come back over TCP, and there what they
are told to. What all who came together are told is sent in one go."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

# The question section of what was asked, to the records of three sections: their counts, and their wire form.
Records = Callable[[bytes], tuple[tuple[int, int, int], bytes]]
TOGETHER = 0.25  # seconds for which the first waits for others


def question(asked: bytes) -> bytes:
    return asked[12 : asked.index(b"\0", 12) + 5]


def answer(asked: bytes, records: Records, flags: bytes) -> bytes:
    counts, wire = records(question(asked))
    return asked[:2] + flags + struct.pack(">HHHH", 1, *counts) + question(asked) + wire


@contextmanager
def name_servers(records: Records, addresses: int = 1, flags: bytes = b"\x84\0") -> Iterator[int]:
    """On 127.0.0.1 and so many *addresses* on; gives the port."""
    over = threading.Event()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("0.0.0.0", 0), backlog=64))
        listener.settimeout(TOGETHER)
        port = listener.getsockname()[1]
        works = [threading.Thread(target=_answering, args=(listener, records, flags, over))]
        for number in range(1, addresses + 1):
            sock = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sock.bind((f"127.0.0.{number}", port))
            sock.settimeout(0.1)
            works.append(threading.Thread(target=_cutting, args=(sock, flags, over)))
        for work in works:
            work.start()
        try:
            yield port
        finally:
            over.set()
            for work in works:
                work.join()


def _cutting(sock: socket.socket, flags: bytes, over: threading.Event) -> None:
    while not over.is_set():
        try:
            asked, address = sock.recvfrom(4096)
        except TimeoutError:
            continue
        cut = bytes([flags[0] | 2, flags[1]])
        sock.sendto(answer(asked, lambda _: ((0, 0, 0), b""), cut), address)


def _answering(listener: socket.socket, records: Records, flags: bytes, over: threading.Event) -> None:
    while not over.is_set():
        come: list[socket.socket] = []
        try:
            while True:
                come.append(listener.accept()[0])
        except TimeoutError:
            pass
        with ExitStack() as stack:
            said = []
            for peer in come:
                stack.enter_context(peer).settimeout(5.0)
                asked = peer.recv(4096)
                if asked:
                    wire = answer(asked[2:], records, flags)
                    said.append((peer, len(wire).to_bytes(2, "big") + wire))
            for peer, whole in said:
                try:
                    peer.sendall(whole)
                except OSError:
                    pass  # the client has had enough
