"""A gRPC health server on loopback, over h2: a behaviour for `TcpServer` that answers well or badly."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from servers.tcp import Behave

HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
WELL = [("grpc-status", "0")]

Connection = socket.socket | ssl.SSLSocket
# The protocol, the stream, the request's fields and its body.
Respond = Callable[[H2Connection, int, dict[str, str], bytes], object]


def message(body: bytes, *, length: int | None = None, compressed: int = 0) -> bytes:
    size = len(body) if length is None else length
    return bytes([compressed]) + size.to_bytes(4, "big") + body


def health(number: int) -> bytes:
    """A framed HealthCheckResponse: 1 is SERVING."""
    return message(bytes([1 << 3, number]) if number else b"")


def says(
    body: bytes,
    headers: list[tuple[str, str]] = HEADERS,
    trailers: list[tuple[str, str]] | None = WELL,
) -> Respond:
    """Headers, *body*, *trailers*; without trailers the body ends the stream."""

    def respond(protocol: H2Connection, stream: int, fields: dict[str, str], asked: bytes) -> None:
        protocol.send_headers(stream, headers)
        protocol.send_data(stream, body, end_stream=trailers is None)
        if trailers is not None:
            protocol.send_headers(stream, trailers, end_stream=True)

    return respond


def only(*fields: tuple[str, str]) -> Respond:
    """A response of headers alone: trailers-only, as gRPC calls it."""

    def respond(protocol: H2Connection, stream: int, asked: dict[str, str], body: bytes) -> None:
        protocol.send_headers(stream, list(fields), end_stream=True)

    return respond


def registry(services: dict[str, int]) -> Respond:
    """A health service that knows *services*, name to status number; others are NOT_FOUND."""

    def respond(protocol: H2Connection, stream: int, fields: dict[str, str], asked: bytes) -> None:
        if fields[":path"] != "/grpc.health.v1.Health/Check":
            only(*HEADERS, ("grpc-status", "12"))(protocol, stream, fields, asked)
            return
        name = asked[7:].decode() if len(asked) > 5 else ""
        if name not in services:
            only(*HEADERS, ("grpc-status", "5"), ("grpc-message", "unknown service"))(
                protocol, stream, fields, asked
            )
            return
        says(health(services[name]))(protocol, stream, fields, asked)

    return respond


def speak(connection: Connection, respond: Respond) -> None:
    """HTTP/2 until the client leaves."""
    protocol = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    protocol.initiate_connection()
    connection.sendall(protocol.data_to_send())
    fields: dict[str, str] = {}
    body = b""
    while data := connection.recv(65536):
        events: list[Any] = protocol.receive_data(data)
        for event in events:
            if isinstance(event, RequestReceived):
                fields = {str(name): str(value) for name, value in event.headers}
            elif isinstance(event, DataReceived):
                body += event.data
            elif isinstance(event, StreamEnded):
                respond(protocol, event.stream_id, fields, body)
        connection.sendall(protocol.data_to_send())


def serves(respond: Respond) -> Behave:
    def behave(connection: socket.socket) -> None:
        speak(connection, respond)

    return behave
