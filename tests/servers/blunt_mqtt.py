"""A blunt MQTT 5 client: it sends what no honest client would, and shows every reason code.

Blocking, over TLS, one packet at a time. OASIS MQTT 5.0; section numbers below are of that text.
"""

import socket
import ssl
import struct
from pathlib import Path
from typing import NamedTuple

CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
NOT_AUTHORIZED = 0x87
PACKET_TOO_LARGE = 0x95


class Closed(Exception):
    """The broker ended the connection, or refused it."""


class Message(NamedTuple):
    topic: str
    payload: bytes


class BluntClient:
    """Connected and accepted, or Closed is raised. Use as a context manager."""

    def __init__(
        self, port: int, client_id: str, ca: Path, pair: tuple[Path, Path] | None, timeout: float = 5.0
    ) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        if pair is not None:
            context.load_cert_chain(*map(str, pair))
        plain = socket.create_connection(("127.0.0.1", port), timeout)
        try:
            self._socket = context.wrap_socket(plain, server_hostname="localhost")
        except BaseException:
            plain.close()
            raise
        self._ids = iter(range(1, 65536))
        self._messages: list[Message] = []
        self._connect(client_id)

    def _connect(self, client_id: str) -> None:
        # 3.1: protocol name, version 5, clean start, keep alive 60 s, no properties.
        head = _text("MQTT") + bytes([5, 0x02]) + struct.pack("!H", 60) + b"\0"
        try:
            self._send(0x10, head + _text(client_id))
            body = self._await(CONNACK)
            if body[1]:
                raise Closed(f"CONNACK 0x{body[1]:02x}")
        except OSError as exc:  # TLS 1.3: a refused client certificate shows up at the first read
            self.close()
            raise Closed(str(exc)) from exc
        except Closed:
            self.close()
            raise

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> int:
        """The reason code of the PUBACK (3.4.2.1); 0 when it carries none."""
        number = next(self._ids)
        self._send(0x32 | retain, _text(topic) + struct.pack("!H", number) + b"\0" + payload)
        body = self._await(PUBACK)
        return body[2] if len(body) > 2 else 0

    def subscribe(self, name: str) -> int:
        """The reason code of the SUBACK. What the broker had queued for us before it has then arrived."""
        self._send(0x82, struct.pack("!H", next(self._ids)) + b"\0" + _text(name) + b"\x01")
        return self._await(SUBACK)[-1]

    def messages(self) -> list[Message]:
        """What came since the last call; asks for a filter that nobody uses, as a barrier."""
        self.subscribe("barrier")
        taken, self._messages = self._messages, []
        return taken

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "BluntClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, first: int, body: bytes) -> None:
        try:
            self._socket.sendall(bytes([first]) + _length(len(body)) + body)
        except OSError as exc:
            raise Closed(str(exc)) from exc

    def _await(self, kind: int) -> bytes:
        """The next packet of *kind*; publishes on the way are kept and acknowledged."""
        while True:
            first = self._exactly(1)[0]
            body = self._exactly(self._remaining_length())
            if first >> 4 == kind:
                return body
            if first >> 4 == PUBLISH:
                self._keep(first, body)
            elif first >> 4 == 14:
                raise Closed(f"DISCONNECT 0x{body[0] if body else 0:02x}")

    def _keep(self, first: int, body: bytes) -> None:
        size = struct.unpack_from("!H", body)[0]
        at = 2 + size
        if first & 0x06:
            self._send(0x40, body[at : at + 2])
            at += 2
        properties = body[at]  # below 128 here: one byte of length
        self._messages.append(Message(body[2 : 2 + size].decode(), body[at + 1 + properties :]))

    def _remaining_length(self) -> int:
        value = shift = 0
        while True:  # 1.5.5: seven bits a byte, the lowest first
            byte = self._exactly(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            try:
                piece = self._socket.recv(size - len(found))
            except OSError as exc:
                raise Closed(str(exc)) from exc
            if not piece:
                raise Closed("end of stream")
            found += piece
        return found


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("!H", len(encoded)) + encoded


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)
