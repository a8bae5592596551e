"""The gRPC of one unary call, and the two messages of the health service, without a socket.

A message is preceded by five bytes: whether it is compressed, and its length. The status of a call stands in
the trailers of the HTTP/2 response, or in its headers when there is nothing but a status
(https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Of protobuf there are two fields:
HealthCheckRequest.service (1, text) and HealthCheckResponse.status (1, enumeration); what else a message
has is skipped, as every reader of protobuf does.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote

from vedette.checks.model.grpc import ServingStatus

PATH: Final = "/grpc.health.v1.Health/Check"
MAX_BYTES: Final = 4096  # of a response: a health message has two bytes

_HEAD_BYTES: Final = 5
_SERVING: Final[tuple[ServingStatus, ...]] = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_CODES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class NotGrpc(ValueError):
    """What no gRPC server says. The message is for people."""


class Status(NamedTuple):
    """How a call ended."""

    code: int
    message: str  # the server's words

    @property
    def name(self) -> str:
        return _CODES[self.code] if self.code < len(_CODES) else f"code {self.code}"


def fields(authority: str, *, is_tls: bool, timeout: float, agent: str) -> list[tuple[str, str]]:
    """The request's fields. *timeout*: seconds that the server may take, as it is told."""
    return [
        (":method", "POST"),
        (":scheme", "https" if is_tls else "http"),
        (":authority", authority),
        (":path", PATH),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", f"{max(round(timeout * 1000), 1)}m"),
        ("user-agent", agent),
    ]


def request(service: str) -> bytes:
    """HealthCheckRequest, framed. *service*: 256 bytes at most."""
    name = service.encode()
    body = b"" if not name else bytes([1 << 3 | _LENGTH]) + _varint(len(name)) + name
    return b"\0" + len(body).to_bytes(4, "big") + body


def status(http_status: int, headers: Mapping[str, str], trailers: Mapping[str, str]) -> Status:
    """The status of the call. Raises NotGrpc."""
    said = trailers if "grpc-status" in trailers else headers
    code = said.get("grpc-status")
    if http_status != 200 and code in (None, "0"):
        raise NotGrpc(f"HTTP status {http_status}")
    kind = headers.get("content-type", "")
    if not kind.startswith("application/grpc"):
        raise NotGrpc(f"content-type {kind[:60]!r}; expected application/grpc")
    if code is None:
        raise NotGrpc("no grpc-status in headers or trailers")
    if not (code.isascii() and code.isdecimal() and len(code) <= 4):
        raise NotGrpc(f"grpc-status {code[:20]!r} is no number")
    if said is headers and not int(code):
        raise NotGrpc("no grpc-status in trailers; in the headers it says that there is no message")
    return Status(int(code), unquote(said.get("grpc-message", "")[:1000], errors="replace"))


def serving(body: bytes) -> ServingStatus:
    """The status in a framed HealthCheckResponse. Raises NotGrpc."""
    if len(body) < _HEAD_BYTES:
        raise NotGrpc(f"{len(body)} bytes instead of a message")
    if body[0]:
        raise NotGrpc("a compressed message, which was not asked for")
    length = int.from_bytes(body[1:_HEAD_BYTES], "big")
    message = body[_HEAD_BYTES:]
    if length != len(message):
        raise NotGrpc(f"a message of {length} bytes, of which {len(message)} came")
    number = _health(message)
    if number >= len(_SERVING):
        raise NotGrpc(f"the unknown status {number}")
    return _SERVING[number]


def _health(message: bytes) -> int:
    """HealthCheckResponse.status; the last one counts, and 0 when there is none."""
    found = at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _read_varint(message, at)
            if number == 1:
                found = value
        elif kind == _LENGTH:
            length, at = _read_varint(message, at)
            at += length
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise NotGrpc("a message that is not protobuf")
    if at > len(message):
        raise NotGrpc("a message that is cut short")
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at *at*, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise NotGrpc("a message that is cut short")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise NotGrpc("a number of more than ten bytes")


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
