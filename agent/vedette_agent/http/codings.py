"""Undoes a content coding in bounded pieces (RFC 9110 8.4): what packs a gigabyte never unpacks to one here.

The bound is the caller's: it takes pieces until it has enough. No piece is much larger than it must be, and
a decoder holds its window and no more. One coding is undone, never one upon another: no server needs two,
and each further one would multiply what a byte may unpack to.
"""

import zlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

PIECE_BYTES: Final = 64 * 1024  # decoded at a time
ZSTD_WINDOW_BYTES: Final = 8 << 20  # RFC 9659: more must not be asked of a client
# A block of zstd takes 4 bytes and unpacks to 128 KiB at most (RFC 8878 3.1.1.2): so many bytes give 2 MiB.
_ZSTD_FEED_BYTES: Final = 64


class Undecodable(ValueError):
    """What came is not in the coding that was announced."""


class NoDecoder(ValueError):
    """The coding is not undone here. The message is for people."""


class Decoder(Protocol):
    """Of one body. Once it is finished it takes nothing more."""

    @property
    def is_finished(self) -> bool:
        """Whether the coding's own end has come."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What *data* adds, none of it empty. Raises Undecodable."""


def decoder(coding: str) -> Decoder | None:
    """For the value of a Content-Encoding; None when there is nothing to undo. Raises NoDecoder."""
    match coding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _Zlib(16 + zlib.MAX_WBITS)
        case "deflate":
            return _Deflate()
        case "zstd":
            return _Zstd()
        case "br":
            return _brotli()
        case other:
            raise NoDecoder(f"content-encoding {other[:40]!r} is not read")


def missing(coding: str) -> str | None:
    """The Python package without which *coding* cannot be asked for; None when nothing is missing."""
    if coding == "br":
        try:
            _brotli()
        except NoDecoder:
            return "brotli"
    return None


class _Zlib:
    __slots__ = ("_unpacker",)

    def __init__(self, wbits: int) -> None:
        self._unpacker = zlib.decompressobj(wbits)

    @property
    def is_finished(self) -> bool:
        return self._unpacker.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        unpacker = self._unpacker
        if unpacker.eof:
            return  # zlib would hoard what follows the end
        try:
            while piece := unpacker.decompress(data, PIECE_BYTES):
                yield piece
                data = unpacker.unconsumed_tail
        except zlib.error as exc:
            raise Undecodable(str(exc)) from exc


class _Deflate:
    """RFC 9110 8.4.1.2: deflate is the zlib format, and there are servers that send it bare."""

    __slots__ = ("_inner", "_start")

    def __init__(self) -> None:
        self._start = b""
        self._inner: _Zlib | None = None

    @property
    def is_finished(self) -> bool:
        return self._inner is not None and self._inner.is_finished

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None:
            data = self._start + data
            if len(data) < 2:
                self._start = data
                return
            # RFC 1950 2.2: method 8, and a check value over both bytes.
            is_zlib = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._inner = _Zlib(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        yield from self._inner.pieces(data)


class _Zstd:
    __slots__ = ("_error", "_unpacker")

    def __init__(self) -> None:
        import zstandard  # the agent has it for its batches

        self._error = zstandard.ZstdError
        self._unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES).decompressobj()

    @property
    def is_finished(self) -> bool:
        return self._unpacker.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        try:
            for at in range(0, len(data), _ZSTD_FEED_BYTES):
                if self._unpacker.eof:
                    return
                if piece := self._unpacker.decompress(data[at : at + _ZSTD_FEED_BYTES]):
                    yield piece
        except self._error as exc:
            raise Undecodable(str(exc)) from exc


class _Brotli:
    __slots__ = ("_error", "_unpacker")

    def __init__(self, module: Any) -> None:
        self._error = module.error
        self._unpacker = module.Decompressor()

    @property
    def is_finished(self) -> bool:
        finished: bool = self._unpacker.is_finished()
        return finished

    def pieces(self, data: bytes) -> Iterator[bytes]:
        try:
            while not self._unpacker.is_finished():
                piece = self._unpacker.process(data, output_buffer_limit=PIECE_BYTES)
                data = b""
                if not piece:
                    return
                yield piece
        except self._error as exc:
            raise Undecodable(f"brotli: {exc}") from exc


def _brotli() -> _Brotli:
    try:
        import brotli  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as exc:
        raise NoDecoder("content-encoding br is not read without the package brotli") from exc
    return _Brotli(brotli)
