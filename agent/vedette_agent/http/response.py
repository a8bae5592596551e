"""Reads one response under caps. Fed with bytes, asked for facts; llhttp (httptools) does the parsing.

A target may send endless interim responses, headers, chunk extensions, trailers or a small file that unpacks
to gigabytes. One rule bounds everything that is not body: between two pieces of body, or before the first,
at most MAX_QUIET_BYTES may pass. The body is bounded after decoding, and decoding never makes more of it than
the bound allows.
"""

import zlib
from typing import Any, Final

import httptools

from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed

MAX_QUIET_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 256
_PIECE_BYTES: Final = 64 * 1024  # decoded at a time
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_BODILESS: Final = frozenset({204, 304})


class Response:
    """One response to one request. `feed` what comes, `end` at the end of the connection.

    *keeps_body*: whether `body` is wanted; otherwise only its size is counted.
    """

    __slots__ = (
        "_decoder",
        "_header_count",
        "_keeps_body",
        "_max_body_bytes",
        "_method",
        "_parser",
        "_problem",
        "_quiet",
        "_saw_body",
        "body",
        "body_bytes",
        "has_headers",
        "headers",
        "is_complete",
        "is_too_large",
        "status",
        "version",
    )

    def __init__(self, method: str, max_body_bytes: int, *, keeps_body: bool) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._method = method
        self._max_body_bytes = max_body_bytes
        self._keeps_body = keeps_body
        self._decoder: Any = None
        self._header_count = 0  # interim responses included
        self._problem: str | None = None
        self._saw_body = False
        self._quiet = 0
        self.status = 0
        self.version: str | None = None
        self.headers: dict[str, str] = {}  # lower-case names; repeated ones joined with ", "
        self.has_headers = False
        self.is_complete = False
        self.is_too_large = False
        self.body = bytearray()
        self.body_bytes = 0  # decoded

    def feed(self, data: bytes) -> None:
        """Take in *data*. Raises ProbeFailed(http.protocol). Afterwards see `is_complete`, `is_too_large`."""
        self._saw_body = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise _broken(f"status {self.status} switches to a protocol that was not asked for") from None
        except httptools.HttpParserError as exc:
            if not (self.is_complete or self.is_too_large):
                first = "" if self.has_headers else f"; it began with {data[:40]!r}"
                raise _broken(f"{self._problem or exc}{first}") from exc
        if self._problem is not None:
            raise _broken(self._problem)
        self._refuse_cut_coding()
        self._quiet = 0 if self._saw_body else self._quiet + len(data)
        if self._quiet > MAX_QUIET_BYTES and not self.is_complete:
            what = "between two pieces of the body" if self.has_headers else "of headers"
            raise _broken(f"more than {MAX_QUIET_BYTES} bytes {what}")

    def end(self) -> None:
        """The connection has ended; that completes a body of no stated length. Raises ProbeFailed."""
        if self.is_complete:
            return
        if not self.has_headers:
            what = "within the headers" if self._quiet else "without a response"
            raise _broken(f"the peer closed the connection {what}")
        length = self.headers.get("content-length")
        if length is not None or "transfer-encoding" in self.headers:
            expected = f"of {length[:20]} promised" if length is not None else "of a chunked body without end"
            raise _broken(f"the peer closed the connection after {self.body_bytes} bytes {expected}")
        self.is_complete = True
        self._refuse_cut_coding()

    @property
    def content_length(self) -> int | None:
        said = self.headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdecimal() and len(said) <= 15 else None

    # What follows is called by the parser; it wraps any exception, so problems are kept and raised by feed.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.has_headers:
            return  # a trailer, or what follows a complete response
        self._header_count += 1
        if self._header_count > MAX_HEADERS:
            self._problem = f"more than {MAX_HEADERS} headers"
            return
        key = name.decode("latin-1").lower()
        text = value.decode("utf-8", "replace")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.has_headers:
            return
        self.status = self._parser.get_status_code()
        self.version = self._parser.get_http_version()
        if 100 <= self.status < 200:
            self.headers.clear()  # an interim response; only its bytes count, against the bound
            return
        self.has_headers = True
        self._saw_body = True
        if self._method == "HEAD" or self.status in _BODILESS:
            self.is_complete = True
            return
        encoding = self.headers.get("content-encoding", "").strip().lower()
        if encoding in ("gzip", "x-gzip", "deflate"):
            self._decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
        elif encoding not in ("", "identity"):
            self._problem = f"content-encoding {encoding[:40]!r} was not asked for and is not read"
        else:
            self.is_too_large = (self.content_length or 0) > self._max_body_bytes

    def on_body(self, data: bytes) -> None:
        if self.is_complete or self.is_too_large:
            return
        if self._decoder is None:
            self._keep(data)
            return
        if self._decoder.eof:
            return  # zlib would hoard what follows the end; as it is no body, it counts as quiet
        try:
            piece = self._decoder.decompress(data, _PIECE_BYTES)
            while piece and not self.is_too_large:
                self._keep(piece)
                piece = self._decoder.decompress(self._decoder.unconsumed_tail, _PIECE_BYTES)
        except zlib.error as exc:
            self._problem = f"the body cannot be decoded: {exc}"

    def on_message_complete(self) -> None:
        if self.has_headers:
            self.is_complete = True

    def _refuse_cut_coding(self) -> None:
        if self.is_complete and self._decoder is not None and self.body_bytes and not self._decoder.eof:
            raise _broken("the compressed body is cut short")

    def _keep(self, data: bytes) -> None:
        self._saw_body = True
        self.body_bytes += len(data)
        if self.body_bytes > self._max_body_bytes:
            self.is_too_large = True
        elif self._keeps_body:
            self.body += data


def _broken(said: str) -> ProbeFailed:
    return ProbeFailed(Failure.HTTP_PROTOCOL, said)
