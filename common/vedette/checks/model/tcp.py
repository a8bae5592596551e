"""One TCP connection."""

from vedette.checks.model.base import BaseCheck, Endpoint


class TcpCheck(BaseCheck, frozen=True, kw_only=True, tag="tcp"):
    host: str
    port: int
    resolver: Endpoint | None = None
    send: str | None = None  # after connect, as UTF-8
    expect: str | None = None  # regular expression, searched in the first 64 KiB that come
