"""One datagram and its answer."""

from vedette.checks.model.base import BaseCheck, Endpoint


class UdpCheck(BaseCheck, frozen=True, kw_only=True, tag="udp"):
    host: str
    port: int
    resolver: Endpoint | None = None
    payload: bytes
    expect: str | None = None  # regular expression, searched in the answer
    expect_bytes: bytes | None = None  # instead: the answer begins with them; neither: any answer
