"""GOAWAY of HTTP/3 (RFC 9114 5.2), which aioquic reads over: up to which request the peer still answers."""

from typing import Final

from aioquic._buffer import Buffer, BufferReadError

from vedette_agent.http.incoming import broken

_CONTROL: Final = 0  # RFC 9114 6.2.1: the type of a stream
_GOAWAY: Final = 7  # RFC 9114 7.2.6: the type of a frame
_LONGEST: Final = 8  # bytes of a number: RFC 9000 16


class Goaways:
    """Reads along on one of the streams that the peer opened. Keeps at most 24 bytes of it."""

    __slots__ = ("_cut", "_kind", "_last", "_to_skip")

    def __init__(self) -> None:
        self._kind: int | None = None  # of the stream, once it is known
        self._cut = b""  # the beginning of what is not there whole
        self._to_skip = 0  # bytes of a frame that is of no interest
        self._last: int | None = None

    def feed(self, data: bytes) -> int | None:
        """Take in *data*; the first stream that is not served, None: the peer has not said so.

        Raises ProbeFailed(http.protocol).
        """
        if self._is_other:
            return None
        data = self._cut + data
        buffer = Buffer(data=data)
        at = 0  # where what is not read yet begins
        try:
            while not self._is_other:
                self._read(buffer)
                at = buffer.tell()
        except BufferReadError:
            pass  # more is to come
        self._cut = b"" if self._is_other else data[at:]
        return self._last

    @property
    def _is_other(self) -> bool:
        return self._kind not in (None, _CONTROL)

    def _read(self, buffer: Buffer) -> None:
        """The next whole thing. Raises BufferReadError when it is not there."""
        if self._to_skip:
            if buffer.eof():
                raise BufferReadError
            skipped = min(self._to_skip, buffer.capacity - buffer.tell())
            buffer.seek(buffer.tell() + skipped)
            self._to_skip -= skipped
        elif self._kind is None:
            self._kind = buffer.pull_uint_var()
        else:
            kind, length = buffer.pull_uint_var(), buffer.pull_uint_var()
            if kind == _GOAWAY:
                self._note(buffer, length)
            else:
                self._to_skip = length

    def _note(self, buffer: Buffer, length: int) -> None:
        if not 0 < length <= _LONGEST:
            raise broken(f"a GOAWAY frame of {length} bytes")
        frame = Buffer(data=buffer.pull_bytes(length))
        try:
            said = frame.pull_uint_var()
        except BufferReadError:
            raise broken("a GOAWAY frame whose number is cut short") from None
        # RFC 9114 5.2: a client is told of streams of its own, and never of later ones than before.
        if not frame.eof() or said % 4 or (self._last is not None and said > self._last):
            raise broken(f"a GOAWAY frame with the number {said}")
        self._last = said
