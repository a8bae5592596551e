"""What every version of HTTP has in common in a response: status, fields, a bounded body.

The versions inherit from this and feed it; a prober, and whoever judges, reads it.
"""

import codecs
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from vedette.wire.failure import Failure
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.http.codings import Decoder, NoDecoder, Undecodable, decoder

if TYPE_CHECKING:
    from vedette_agent.http.secrets import Secrets

MAX_HEADERS: Final = 256
OPENING_BYTES: Final = 1024
_SHOWN: Final = 40  # bytes of what is no HTTP
_BODILESS: Final = frozenset({204, 304})


class Incoming:
    """A response as far as it has come.

    *keeps_body*: whether `body` is wanted; otherwise only its size is counted.
    """

    __slots__ = (
        "_decoder",
        "_is_cut",
        "_keeps_body",
        "_max_body_bytes",
        "_method",
        "_problem",
        "_saw_body",
        "body",
        "body_bytes",
        "has_begun",
        "has_headers",
        "headers",
        "is_complete",
        "is_too_large",
        "status",
        "trailers",
        "version",
    )

    def __init__(self, method: str, max_body_bytes: int, *, keeps_body: bool) -> None:
        self._method = method
        self._max_body_bytes = max_body_bytes
        self._keeps_body = keeps_body
        self._decoder: Decoder | None = None
        self._is_cut = False  # what came of a compressed body is not all of it
        self._problem: str | None = None  # why the body cannot be read
        self._saw_body = False
        self.status = 0
        self.version: str | None = None
        self.headers: dict[str, str] = {}  # lower-case names; repeated ones `joined`
        self.trailers: dict[str, str] = {}
        self.has_begun = False  # something of the response has come
        self.has_headers = False
        self.is_complete = False
        self.is_too_large = False
        self.body = bytearray()
        self.body_bytes = 0  # decoded

    @property
    def content_length(self) -> int | None:
        said = self.headers.get("content-length", "")
        return int(said) if said.isascii() and said.isdecimal() and len(said) <= 15 else None

    def _begin_body(self) -> None:
        """Status and headers are there."""
        self.has_headers = True
        self._saw_body = True
        if self._method == "HEAD" or self.status in _BODILESS:
            self.is_complete = True
            return
        coding = self.headers.get("content-encoding")
        if coding is not None:
            try:
                self._decoder = decoder(coding)
            except NoDecoder as exc:
                self._problem = str(exc)
                return
        if self._decoder is None:
            self.is_too_large = (self.content_length or 0) > self._max_body_bytes

    def _add_body(self, data: bytes) -> None:
        if self.is_complete or self.is_too_large:
            return
        if self._decoder is None:
            self._keep(data)
            return
        try:
            for piece in self._decoder.pieces(data):
                self._keep(piece)
                if self.is_too_large:
                    return
            self._is_cut = not self._decoder.is_finished
        except Undecodable as exc:
            self._problem = f"the body cannot be decoded: {exc}"

    def _keep(self, data: bytes) -> None:
        self._saw_body = True
        self.body_bytes += len(data)
        if self.body_bytes > self._max_body_bytes:
            self.is_too_large = True
        elif self._keeps_body:
            self.body += data

    def _refuse_cut_coding(self) -> None:
        if self.is_complete and self._is_cut:
            raise broken("the compressed body is cut short")


class Framed(Incoming):
    """A response that is no text on the wire. What is shown of its body is the decoded `opening`."""

    __slots__ = ("opening",)

    def __init__(self, method: str, max_body_bytes: int, *, keeps_body: bool) -> None:
        super().__init__(method, max_body_bytes, keeps_body=keeps_body)
        self.opening = bytearray()

    def _keep(self, data: bytes) -> None:
        if len(self.opening) < OPENING_BYTES:
            self.opening += data[: OPENING_BYTES - len(self.opening)]
        super()._keep(data)

    def told(self) -> str:
        """Status, headers and opening, as a person reads them."""
        lines = [f":status: {self.status}", *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.opening:
            try:
                # Not final: a character that the bound cuts is no error, and left out.
                body, _ = codecs.utf_8_decode(self.opening, "strict", False)
            except UnicodeDecodeError:
                body = f"[{self.body_bytes} bytes of a body that is no text]"
            lines += ["", body]
        return "\n".join(lines)


class Fed(Incoming, ABC):
    """A response that is read from the bytes of one connection."""

    __slots__ = ()

    READ_BYTES: int = 64 * 1024  # at most so many are fed at once

    @abstractmethod
    def feed(self, data: bytes) -> bytes:
        """Take in *data*; what is to be sent in turn. Raises ProbeFailed(http.protocol).

        Afterwards see `is_complete` and `is_too_large`.
        """

    @abstractmethod
    def end(self) -> None:
        """The connection has ended. Raises ProbeFailed(http.protocol) when that leaves a response undone."""


def joined(name: str, before: str, value: str) -> str:
    """The value of a field that comes once more, by its name in lower case.

    RFC 9110 5.3: several fields are one list, but for Set-Cookie: of that each value is a line.
    """
    return f"{before}\n{value}" if name == "set-cookie" else f"{before}, {value}"


def by_name(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Values by name in lower case, repeated ones `joined`; without the pseudo-fields of HTTP/2 and 3."""
    found: dict[str, str] = {}
    for name, value in fields:
        if not name.startswith(b":"):
            key, text = name.decode("latin-1").lower(), value.decode("utf-8", "replace")
            found[key] = joined(key, found[key], text) if key in found else text
    return found


class NoHttp(ProbeFailed):
    """What came is no HTTP. What it began with, which may repeat what was sent, stands in the detail."""

    def __init__(self, said: str, start: bytes) -> None:
        super().__init__(Failure.HTTP_PROTOCOL, f"{said}; it began with {start[:_SHOWN]!r}")
        self._said = said
        self._start = start[: 2 * _SHOWN]

    def without(self, secrets: "Secrets") -> str:
        """The detail without *secrets*, also those that the cut leaves only a part of."""
        text = secrets.hide(self._start.decode("utf-8", "surrogateescape"), end=_SHOWN)
        return f"{self._said}; it began with {text.encode('utf-8', 'surrogateescape')!r}"


def broken(said: str) -> ProbeFailed:
    return ProbeFailed(Failure.HTTP_PROTOCOL, said)
