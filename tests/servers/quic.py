"""A QUIC server on loopback, by aioquic, in a thread of its own: DNS over QUIC, HTTP/3, and worse.

A behaviour is called with each event of a connection and says what it wants on the connection itself.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dns.message
import dns.rrset
import trustme
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.asyncio.server import QuicServer
from aioquic.h3.connection import H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import QuicEvent, StreamDataReceived
from cryptography import x509
from cryptography.hazmat.primitives import serialization

Behave = Callable[[QuicConnection, QuicEvent], None]


def certified(cert: trustme.LeafCert, alpn: str) -> QuicConfiguration:
    """A server that presents *cert*."""
    chain = [x509.load_pem_x509_certificate(one.bytes()) for one in cert.cert_chain_pems]
    return configured(cert.private_key_pem.bytes(), chain, alpn)


def configured(key: bytes, chain: list[x509.Certificate], alpn: str) -> QuicConfiguration:
    made = QuicConfiguration(is_client=False, alpn_protocols=[alpn])
    made.private_key = serialization.load_pem_private_key(key, None)
    made.certificate, made.certificate_chain = chain[0], chain[1:]
    return made


def doq(answer: Callable[[bytes], bytes]) -> Behave:
    """Answers each query with the message that *answer* makes of it."""
    came: dict[tuple[int, int], bytes] = {}

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if not isinstance(event, StreamDataReceived):
            return
        key = id(connection), event.stream_id
        came[key] = came.get(key, b"") + event.data
        if event.end_stream:
            made = answer(came.pop(key)[2:])
            connection.send_stream_data(event.stream_id, len(made).to_bytes(2, "big") + made, end_stream=True)

    return behave


def good(query: bytes) -> bytes:
    asked = dns.message.from_wire(query)
    response = dns.message.make_response(asked)
    response.answer.append(dns.rrset.from_text(asked.question[0].name, 60, "IN", "A", "192.0.2.1"))
    return response.to_wire()


App = Callable[[H3Connection, int, dict[str, str], bytes], None]


def http3(app: App) -> Behave:
    """Calls *app* with the stream, the fields and the body of each request."""
    connections: dict[int, H3Connection] = {}
    requests: dict[tuple[int, int], tuple[dict[str, str], bytes]] = {}

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        spoken = connections.get(id(connection)) or H3Connection(connection)
        connections[id(connection)] = spoken
        for happened in spoken.handle_event(event):
            if not isinstance(happened, HeadersReceived | DataReceived):
                continue
            key = id(connection), happened.stream_id
            headers, body = requests.get(key, ({}, b""))
            if isinstance(happened, HeadersReceived):
                headers = {name.decode(): value.decode() for name, value in happened.headers}
            else:
                body += happened.data or b""
            requests[key] = headers, body
            if happened.stream_ended:
                app(spoken, happened.stream_id, headers, body)

    return behave


def responds(status: int = 200, body: bytes = b"", **headers: str) -> App:
    def app(spoken: H3Connection, stream: int, asked: dict[str, str], sent: bytes) -> None:
        fields = [(b":status", str(status).encode())]
        fields += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        spoken.send_headers(stream, fields, end_stream=not body)
        if body:
            spoken.send_data(stream, body, end_stream=True)

    return app


def says(data: bytes, *, end: bool = False) -> Behave:
    """These bytes on the stream of a request, once it is whole."""

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived) and event.stream_id == 0 and event.end_stream:
            connection.send_stream_data(0, data, end_stream=end)

    return behave


def raw(connection: QuicConnection, data: bytes) -> None:
    """Send a datagram beside the protocol."""
    connection.raw(data)  # type: ignore[attr-defined]


@contextmanager
def quic_server(
    configuration: QuicConfiguration,
    behave: Behave,
    *,
    retry: bool = False,
    prepare: Callable[[QuicConnection], None] | None = None,
) -> Iterator[int]:
    """Its port. *prepare* is called with each connection before anything has come on it."""

    class Protocol(QuicConnectionProtocol):
        def datagram_received(self, data: bytes | str, addr: Any) -> None:
            self._quic.raw = lambda said: self._transport.sendto(said, addr)  # type: ignore[attr-defined]
            super().datagram_received(data, addr)

        def quic_event_received(self, event: QuicEvent) -> None:
            behave(self._quic, event)

    def protocol(connection: QuicConnection, *args: Any, **kwargs: Any) -> Protocol:
        if prepare is not None:
            prepare(connection)
        return Protocol(connection, *args, **kwargs)

    with _running() as loop:

        async def start() -> tuple[asyncio.DatagramTransport, QuicServer]:
            return await loop.create_datagram_endpoint(
                lambda: QuicServer(configuration=configuration, create_protocol=protocol, retry=retry),
                local_addr=("127.0.0.1", 0),
            )

        transport, server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        try:
            yield transport.get_extra_info("sockname")[1]
        finally:
            asyncio.run_coroutine_threadsafe(_stop(server), loop).result(30)


async def _stop(server: QuicServer) -> None:
    server.close()
    await asyncio.sleep(0)


@contextmanager
def _running() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="quic server")
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


@contextmanager
def datagram_server(reply: Callable[[bytes], list[bytes]]) -> Iterator[int]:
    """What speaks no QUIC, or too much of it: answers each datagram with those that *reply* makes of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]

        def serve() -> None:
            while True:
                data, client = sock.recvfrom(65535)
                if not data:
                    return
                for one in reply(data):
                    sock.sendto(one, client)

        thread = threading.Thread(target=serve, name="datagram server")
        thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closing:
                closing.sendto(b"", ("127.0.0.1", port))
            thread.join(30)
