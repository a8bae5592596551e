"""One HTTP exchange, redirects included."""

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint
from vedette.checks.model.tls import TlsOptions


class HttpExpect(Struct, frozen=True, kw_only=True):
    statuses: tuple[tuple[int, int], ...] = ((200, 299),)  # inclusive ranges
    headers: dict[str, str] = {}  # name (lower case) to a regular expression that its value matches (search)
    body_matches: str | None = None  # regular expression, searched in the body
    body_lacks: str | None = None  # regular expression that must not be found


class HttpCheck(BaseCheck, frozen=True, kw_only=True, tag="http"):
    url: str  # absolute, http or https, no user info, no fragment
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    address: str | None = None  # probe this literal address; Host and SNI stay those of the URL
    resolver: Endpoint | None = None  # None: the host's own
    max_redirects: int = 5  # 0: a redirect is the answer
    max_body_bytes: int = 1 << 20  # decoded
    tls: TlsOptions = TlsOptions()
    expect: HttpExpect = HttpExpect()
