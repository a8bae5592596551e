"""One HTTP exchange, redirects included."""

from typing import Final, Literal

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint
from vedette.checks.model.tls import TlsOptions

_ALPN: Final = {"HTTP/1.1": "http/1.1", "HTTP/2": "h2", "HTTP/3": "h3"}  # RFC 9114 3.1: h3 is for QUIC
HttpPhase = Literal["resolve", "connect", "tls", "processing", "transfer"]


class SecretHeader(Struct, frozen=True, kw_only=True):
    """A header whose value the agent makes from a file or a variable of its own: either is given."""

    name: str
    file: str | None = None
    env: str | None = None
    form: Literal["plain", "bearer", "basic"] = "plain"
    username: str | None = None  # of basic


class HttpProxy(Struct, frozen=True, kw_only=True):
    host: str
    port: int
    auth: SecretHeader | None = None
    headers: tuple[tuple[str, str], ...] = ()  # sent with CONNECT


class HeaderExpect(Struct, frozen=True, kw_only=True):
    name: str  # lower case
    matches: tuple[str, ...] = ()  # regular expressions, searched in its value
    lacks: tuple[str, ...] = ()  # that must not be found in it
    required: bool = True


class JsonExpect(Struct, frozen=True, kw_only=True):
    """Of every value that the path selects; that is one at least, unless *exists* is false."""

    path: str  # vedette.checks.jsonpath
    exists: bool = True
    equals: tuple[str | bool | int | float, ...] = ()  # one of them
    matches: tuple[str, ...] = ()  # searched in a text as it is, in anything else as JSON
    lacks: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None


class HttpExpect(Struct, frozen=True, kw_only=True):
    statuses: tuple[tuple[int, int], ...] = ((200, 299),)  # inclusive ranges
    versions: tuple[Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"], ...] = ()  # one of them; empty: any
    headers: tuple[HeaderExpect, ...] = ()
    body_matches: tuple[str, ...] = ()  # regular expressions, searched in the body
    body_lacks: tuple[str, ...] = ()  # that must not be found
    min_body_bytes: int | None = None  # decoded
    max_body_bytes: int | None = None
    json: tuple[JsonExpect, ...] = ()
    phases: dict[HttpPhase, float] = {}  # the most seconds
    modified_within: float | None = None  # seconds since Last-Modified, at most
    tls: bool | None = None  # whether the last response came over TLS


class HttpCheck(BaseCheck, frozen=True, kw_only=True, tag="http"):
    url: str  # absolute, http or https, no user info, no fragment
    method: str = "GET"
    versions: tuple[Literal["HTTP/1.1", "HTTP/2", "HTTP/3"], ...] = ("HTTP/1.1",)  # offered, the best first
    headers: tuple[tuple[str, str], ...] = ()
    secret_headers: tuple[SecretHeader, ...] = ()
    body: str | None = None
    body_file: str | None = None  # on the agent, instead of body
    compression: tuple[str, ...] = ()  # codings to ask for; empty: identity
    address: str | None = None  # probe this literal address; Host and SNI stay those of the URL
    resolve: dict[str, str] = {}  # host to literal address
    resolver: Endpoint | None = None  # None: the host's own
    proxy: HttpProxy | None = None
    max_redirects: int = 5  # 0: a redirect is the answer
    same_host: bool = False  # redirects to other hosts are a failure
    downgrade: bool = True  # https may redirect to http
    max_body_bytes: int = 1 << 20  # decoded
    tls: TlsOptions = TlsOptions()
    expect: HttpExpect = HttpExpect()

    @property
    def alpn(self) -> tuple[str, ...]:
        """What TLS over TCP offers (RFC 7301): nothing for HTTP/1.1 alone."""
        return () if self.versions == ("HTTP/1.1",) else tuple(_ALPN[one] for one in self.versions)
