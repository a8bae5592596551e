"""Cookies that a response on the way sets, for the hops after it: some sites send in circles who has none.

Less than RFC 6265 has, and nothing that could carry a cookie to others: it goes back to the very host that
set it, whatever Domain says, over TLS alone if it came so, to every path, and is forgotten with the probe.
"""

import re
from typing import Final

from vedette_agent.http.dates import http_date
from vedette_agent.http.request import Hop

MAX_COOKIES: Final = 50  # RFC 6265 6.1
MAX_COOKIE: Final = 4096
MAX_BYTES: Final = 8192  # of all; servers take no more headers than some 8 KiB to 16 KiB
_PAIR: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256})=([ -:<-~]*)")


class Jar:
    """Of one probe."""

    __slots__ = ("_bytes", "_kept")

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[str, bool]] = {}  # host and name: value, whether over TLS
        self._bytes = 0  # of names and values

    def take(self, hop: Hop, lines: str, now: float) -> None:
        """The values of Set-Cookie in the response to *hop*, one a line. *now*: seconds since the epoch."""
        for line in lines.split("\n"):
            pair, _, attributes = line.partition(";")
            found = _PAIR.fullmatch(pair.strip())
            if found is None or len(pair) > MAX_COOKIE:
                continue
            key = hop.host.lower(), found[1]
            known = self._kept.pop(key, None)
            if known is not None:
                self._bytes -= len(found[1]) + len(known[0])
            value = found[2].strip()
            size = len(found[1]) + len(value)
            if _is_over(attributes, now) or len(self._kept) >= MAX_COOKIES or self._bytes + size > MAX_BYTES:
                continue
            self._kept[key] = value, hop.scheme == "https"
            self._bytes += size

    def added(self, hop: Hop) -> Hop:
        """*hop* with the cookies of its host, after those that the check sends itself."""
        said = [
            f"{name}={value}"
            for (host, name), (value, is_secure) in self._kept.items()
            if host == hop.host.lower() and (hop.scheme == "https" or not is_secure)
        ]
        if not said:
            return hop
        own = [value for name, value in hop.headers if name.lower() == "cookie"]
        others = tuple(header for header in hop.headers if header[0].lower() != "cookie")
        return hop._replace(headers=(*others, ("Cookie", "; ".join((*own, *said)))))


def _is_over(attributes: str, now: float) -> bool:
    """Whether they take the cookie away. RFC 6265 5.3: Max-Age comes before Expires."""
    given = {
        name.strip().lower(): value.strip()
        for name, _, value in (one.partition("=") for one in attributes.split(";"))
    }
    age = given.get("max-age", "")
    if re.fullmatch("-?[0-9]{1,15}", age):
        return int(age) <= 0
    end = given.get("expires", "")
    until = http_date(end) if len(end) == 29 else None
    return until is not None and until <= now * 1e6
