"""Messages to payload bytes and back. Every bound is checked before anything large is built.

A payload is JSON, or the same JSON in one zstd frame where that is shorter; the content type says which.
"""

from typing import Any, Final, TypeVar

import msgspec
import zstandard

from vedette.errors import WireError
from vedette.wire import limits
from vedette.wire.messages import Ack, Ask, Batch, Evidence, Heartbeat, Presence

JSON: Final = "application/json"
ZSTD: Final = "application/json+zstd"

Message = Batch | Presence | Heartbeat | Evidence | Ack | Ask
M = TypeVar("M", Batch, Presence, Heartbeat, Evidence, Ack, Ask)

_encoder = msgspec.json.Encoder()
_decoders: dict[type, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(kind) for kind in (Batch, Presence, Heartbeat, Evidence, Ack, Ask)
}
_compressor = zstandard.ZstdCompressor(level=3)
_decompressor = zstandard.ZstdDecompressor()


class _Version(msgspec.Struct):
    v: int


_version = msgspec.json.Decoder(_Version)


def encode(message: Message) -> tuple[bytes, str]:
    """Payload and content type. Raises WireError("too_large") where a reader would refuse the payload."""
    raw = _encoder.encode(message)
    most = limits.MAX_EVIDENCE_BYTES if isinstance(message, Evidence) else limits.MAX_DECODED_BYTES
    if len(raw) > most:
        raise WireError("too_large", f"{len(raw)} bytes, {most} allowed")
    payload, content_type = raw, JSON
    if len(raw) > limits.COMPRESS_ABOVE_BYTES:
        packed = _compressor.compress(raw)
        if len(packed) < len(raw):
            payload, content_type = packed, ZSTD
    if len(payload) > limits.MAX_PAYLOAD_BYTES:
        raise WireError("too_large", f"{len(payload)} bytes, {limits.MAX_PAYLOAD_BYTES} allowed")
    return payload, content_type


def decode(payload: bytes, content_type: str | None, kind: type[M]) -> M:
    """The message in *payload*.

    Raises WireError with reason `too_large`, `content_type`, `compression`, `version` or `schema`.
    """
    return parsed(decompressed(payload, content_type), kind)


def parsed(raw: bytes, kind: type[M]) -> M:
    """The message in its JSON text. Raises WireError with reason `version` or `schema`."""
    try:
        message: M = _decoders[kind].decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise _blame(raw, exc) from exc
    if message.v != limits.VERSION:
        raise _unknown_version(message.v)
    return message


def decompressed(payload: bytes, content_type: str | None, most: int = limits.MAX_DECODED_BYTES) -> bytes:
    """The JSON text of *payload*, of at most *most* bytes.

    Raises WireError with reason `too_large`, `content_type`, `compression`.
    """
    if len(payload) > min(limits.MAX_PAYLOAD_BYTES, most):
        raise WireError("too_large", f"{len(payload)} bytes, {min(limits.MAX_PAYLOAD_BYTES, most)} allowed")
    if content_type == JSON:
        return payload
    if content_type != ZSTD:
        raise WireError("content_type", f"{str(content_type)[:60]!r}, expected {JSON!r} or {ZSTD!r}")
    try:
        # The frame header alone decides the allocation, so it is read first: with a size in the header,
        # zstandard ignores max_output_size.
        header = zstandard.get_frame_parameters(payload)
        size = header.content_size
        if size == zstandard.CONTENTSIZE_UNKNOWN:
            raise WireError("compression", "the frame header gives no content size")
        if size > most:
            raise WireError("too_large", f"{size} bytes when decompressed, {most} allowed")
        if header.window_size > limits.MAX_WINDOW_BYTES:
            raise WireError(
                "too_large", f"a window of {header.window_size} bytes, {limits.MAX_WINDOW_BYTES} allowed"
            )
        return _decompressor.decompress(payload, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise WireError("compression", str(exc)[:120]) from exc


def _blame(raw: bytes, exc: Exception) -> WireError:
    """A message of another version breaks the schema as well; then its version is the reason."""
    try:
        found = _version.decode(raw).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = limits.VERSION
    return WireError("schema", str(exc)[:200]) if found == limits.VERSION else _unknown_version(found)


def _unknown_version(found: int) -> WireError:
    return WireError("version", f"{found}, this program speaks {limits.VERSION}")
