"""A plain HTTP/2 server on loopback, by h2, and a proxy that connects on."""

import socket
import threading
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from servers.http import request
from servers.tcp import Behave


def http2(*fields: tuple[str, str], body: bytes = b"", seen: list[bytes] | None = None) -> Behave:
    """Answer one request with *fields* and *body*; *seen* gets its fields and its body, as `name: value`."""

    def behave(connection: socket.socket) -> None:
        speaker = H2Connection(H2Configuration(client_side=False))
        speaker.initiate_connection()
        connection.sendall(speaker.data_to_send())
        while data := connection.recv(65536):
            for event in speaker.receive_data(data):
                match event:
                    case RequestReceived() if seen is not None:
                        seen.extend(name + b": " + value for name, value in event.headers)
                    case DataReceived() if seen is not None:
                        seen.append(event.data)
                    case StreamEnded():
                        speaker.send_headers(1, list(fields), end_stream=not body)
                        if body:
                            speaker.send_data(1, body, end_stream=True)
                    case _:
                        pass
            connection.sendall(speaker.data_to_send())

    return behave


class Proxy:
    """Connects on for CONNECT to where the request says; answers any other request itself with *page*."""

    def __init__(self, page: bytes = b"", refusal: bytes = b"") -> None:
        self.page = page
        self.refusal = refusal
        self.requests: list[bytes] = []

    def __call__(self, connection: socket.socket) -> None:
        asked = request(connection)
        self.requests.append(asked)
        if self.refusal or not asked.startswith(b"CONNECT "):
            connection.sendall(self.refusal or self.page)
            return
        host, _, port = asked.split(b" ")[1].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as there:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_carry, args=(there, connection))
            back.start()
            _carry(connection, there)
            back.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
