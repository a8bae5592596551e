"""Where a request goes and what its bytes are, for the first hop and for redirects.

A redirect's target is chosen by the peer: it is parsed strictly, may only be http or https, and neither
headers in which an operator may keep a secret nor a body are carried to where the peer wants them
(RFC 9110 15.4).
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from vedette import __version__

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MAX_LOCATION: Final = 8192
_AGENT: Final = f"vedette/{__version__}"
_PORTS: Final = {"http": 80, "https": 443}
_NAME: Final = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?")
_MAX_LABEL: Final = 63  # RFC 1035 2.3.4; TLS takes no longer one, and no empty one, for SNI
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
# Kept as the peer wrote it: RFC 3986 reserved and unreserved characters and existing escapes.
_KEPT: Final = "%/:?#[]@!$&'()*+,;=-._~"
# All that goes on to another origin: keys and tokens have many names, and Host is of the first origin.
_OF_ANY_ORIGIN: Final = frozenset(
    {"accept", "accept-encoding", "accept-language", "cache-control", "content-type", "pragma", "user-agent"}
)
_OF_THE_BODY: Final = frozenset({"content-length", "content-type", "content-encoding", "transfer-encoding"})


class BadTarget(ValueError):
    """A URL that cannot be requested. The message is for people."""


class Hop(NamedTuple):
    """One request of a chain."""

    scheme: str
    host: str  # a name or a literal address, without brackets
    port: int
    path: str  # with the query
    method: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    @property
    def origin(self) -> tuple[str, str, int]:
        return self.scheme, self.host.lower(), self.port

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def endpoint(self) -> str:
        """Host and port, the port always."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@lru_cache(maxsize=4096)
def opening(
    url: str,
    method: str,
    headers: tuple[tuple[str, str], ...],
    body: str | None,
    codings: tuple[str, ...] = (),
) -> tuple[Hop, bytes]:
    """What a check asks for, and its bytes in HTTP/1.1: the same at every run. Raises BadTarget.

    *codings* are what the body of the response may come in.
    """
    if codings:
        headers += (("Accept-Encoding", ", ".join(codings)),)
    hop = Hop(*_parts(url), method, headers, None if body is None else body.encode())
    return hop, encoded(hop)


def following(hop: Hop, status: int, location: str) -> Hop:
    """The hop that a redirect names. Raises BadTarget."""
    if len(location) > MAX_LOCATION:
        raise BadTarget(f"a URL of {len(location)} characters, {MAX_LOCATION} are followed")
    try:
        target = urljoin(hop.url, location)
    except ValueError as exc:
        raise BadTarget(f"{location[:100]!r} is not a URL") from exc
    scheme, host, port, path = _parts(target)
    if len(path) > MAX_LOCATION:  # escaped, a character may take twelve
        raise BadTarget(f"a path of {len(path)} characters, {MAX_LOCATION} are followed")
    method, headers, body = hop.method, hop.headers, hop.body
    # RFC 9110 15.4.2-4: 303 turns any method into GET; after 301 and 302 everybody does so with POST.
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = tuple(h for h in headers if h[0].lower() not in _OF_THE_BODY)
    found = Hop(scheme, host, port, path, method, headers, body)
    if found.origin == hop.origin:
        return found
    if body is not None and (found.host.lower() != hop.host.lower() or hop.scheme == "https" != scheme):
        raise BadTarget(f"the body of the request is not sent on to {scheme}://{found.authority}")
    return found._replace(headers=tuple(h for h in headers if h[0].lower() in _OF_ANY_ORIGIN))


def encoded(hop: Hop, for_proxy: tuple[tuple[str, str], ...] | None = None) -> bytes:
    """The request in HTTP/1.1; with *for_proxy*, headers for a proxy, in the form that asks a proxy.

    RFC 9112 3.2.2. Raises BadTarget.
    """
    target = hop.path if for_proxy is None else hop.url
    lines = [f"{hop.method} {target} HTTP/1.1", *(f"{name.title()}: {value}" for name, value in _own(hop))]
    lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in (*hop.headers, *(for_proxy or ()))]
    _one_line_each(lines)
    return "\r\n".join([*lines, "", ""]).encode() + (hop.body or b"")


def fields(hop: Hop) -> list[tuple[str, str]]:
    """The request's fields in HTTP/2 (RFC 9113 8.3.1). Raises BadTarget."""
    found = [(name, value) for name, value in _own(hop) if name != "host"]
    found += [(name.lower(), value) for name, value in hop.headers if name.lower() != "host"]
    host = next((value for name, value in hop.headers if name.lower() == "host"), hop.authority)
    found[:0] = [(":method", hop.method), (":scheme", hop.scheme), (":authority", host), (":path", hop.path)]
    _one_line_each([part for field in found for part in field])
    return found


def tunnel(authority: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    """What asks a proxy for a connection to *authority*, host and port (RFC 9110 9.3.6)."""
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}", f"User-Agent: {_AGENT}"]
    lines += [f"{name}: {value}" for name, value in headers]
    _one_line_each(lines)
    return "\r\n".join([*lines, "", ""]).encode()


def _own(hop: Hop) -> list[tuple[str, str]]:
    """What goes along unless the check says otherwise; names in lower case."""
    own = {"host": hop.authority, "user-agent": _AGENT, "accept": "*/*", "accept-encoding": "identity"}
    if hop.body is not None or hop.method in ("POST", "PUT", "PATCH"):  # RFC 9110 8.6
        own["content-length"] = str(len(hop.body or b""))
    for name, _ in hop.headers:
        own.pop(name.lower(), None)
    return list(own.items())


def _one_line_each(texts: list[str]) -> None:
    if any("\r" in text or "\n" in text for text in texts):
        raise BadTarget("a header or the method has a line break in it")


def _parts(url: str) -> tuple[str, str, int, str]:
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError as exc:
        raise BadTarget(f"{url[:100]!r} is not a URL: {exc}") from exc
    scheme = split.scheme.lower()
    if scheme not in _PORTS:
        raise BadTarget(f"{url[:100]!r} is neither http nor https")
    host = _host(host)
    path = split.path or "/"
    if split.query:
        path += f"?{split.query}"
    return scheme, host, port or _PORTS[scheme], quote(path, safe=_KEPT)


def _host(text: str) -> str:
    """A name in ASCII, or a literal address in its canonical form.

    What ends in a number is an address to some programs (127.1, 0x7f.1, 2130706433, in wide digits) and a
    name to others: of those only four plain decimal numbers are read, and the others are nobody's host.
    """
    if ":" in text:
        try:
            address = IPv6Address(text)
        except ValueError as exc:
            raise BadTarget(f"{text[:100]!r} is not an IPv6 address") from exc
        if address.scope_id is not None:
            raise BadTarget(f"{text[:100]!r} names an interface, which means something on one host only")
        return str(address)
    name = text
    if not text.isascii() and len(text) <= 253:
        try:
            name = text.encode("idna").decode("ascii")
        except UnicodeError as exc:
            raise BadTarget(f"{text[:100]!r} is not a host name") from exc
    labels = name.removesuffix(".").split(".")
    if not _NAME.fullmatch(name) or not all(0 < len(label) <= _MAX_LABEL for label in labels):
        raise BadTarget(f"{text[:100]!r} is not a host name")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(text))
        except ValueError as exc:
            raise BadTarget(f"{text[:100]!r} is neither a name nor four decimal numbers") from exc
    return name
