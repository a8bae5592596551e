"""Reads one HTTP/1.1 response under caps. Fed with bytes, asked for facts; llhttp (httptools) parses.

A target may send endless interim responses, headers, chunk extensions, trailers or a small file that unpacks
to gigabytes. One rule bounds everything that is not body: between two pieces of body, or before the first,
at most MAX_QUIET_BYTES may pass. The body is bounded after decoding, and decoding never makes more of it than
the bound allows.
"""

from typing import Any, Final

import httptools

from vedette_agent.http.incoming import MAX_HEADERS, Fed, NoHttp, broken, joined

MAX_QUIET_BYTES: Final = 64 * 1024


class Response(Fed):
    """One response to one request. `feed` what comes, `end` at the end of the connection."""

    __slots__ = ("_coded", "_header_count", "_parser", "_quiet")

    def __init__(self, method: str, max_body_bytes: int, *, keeps_body: bool) -> None:
        super().__init__(method, max_body_bytes, keeps_body=keeps_body)
        self._parser: Any = httptools.HttpResponseParser(self)
        self._coded = bytearray()  # of the body, yet to be decoded
        self._header_count = 0  # interim responses included
        self._quiet = 0

    def feed(self, data: bytes) -> bytes:
        """Nothing is ever sent in turn."""
        self.has_begun = True
        self._saw_body = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise broken(f"status {self.status} switches to a protocol that was not asked for") from None
        except httptools.HttpParserError as exc:
            if not (self.is_complete or self.is_too_large):
                said = str(self._problem or exc)
                raise (broken(said) if self.has_headers else NoHttp(said, data)) from exc
        self._decode()
        if self._problem is not None:
            raise broken(self._problem)
        self._refuse_cut_coding()
        self._quiet = 0 if self._saw_body else self._quiet + len(data)
        if self._quiet > MAX_QUIET_BYTES and not self.is_complete:
            what = "between two pieces of the body" if self.has_headers else "of headers"
            raise broken(f"more than {MAX_QUIET_BYTES} bytes {what}")
        return b""

    def end(self) -> None:
        """Completes a body of no stated length."""
        if self.is_complete:
            return
        if not self.has_headers:
            what = "within the headers" if self._quiet else "without a response"
            raise broken(f"the peer closed the connection {what}")
        length = self.headers.get("content-length")
        if length is not None or "transfer-encoding" in self.headers:
            expected = f"of {length[:20]} promised" if length is not None else "of a chunked body without end"
            raise broken(f"the peer closed the connection after {self.body_bytes} bytes {expected}")
        self.is_complete = True
        self._refuse_cut_coding()

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
        self.headers[key] = joined(key, self.headers[key], text) if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.has_headers:
            return
        self.status = self._parser.get_status_code()
        self.version = self._parser.get_http_version()
        if 100 <= self.status < 200:
            self.headers.clear()  # an interim response; only its bytes count, against the bound
            return
        self._begin_body()

    def on_body(self, data: bytes) -> None:
        if self._decoder is None:
            self._add_body(data)
        else:
            self._coded += data

    def on_message_complete(self) -> None:
        if self.has_headers:
            self._decode()
            self.is_complete = True

    def _decode(self) -> None:
        """All at once: a body may come in chunks of a byte, and to begin anew for each costs 3 µs."""
        if self._coded:
            self._add_body(bytes(self._coded))
            self._coded.clear()
