"""The way to a target."""

from typing import Literal

from vedette.checks.model.base import BaseCheck, Endpoint


class PathCheck(BaseCheck, frozen=True, kw_only=True, tag="path"):
    host: str
    resolver: Endpoint | None = None
    protocol: Literal["udp", "tcp"] = "udp"
    port: int = 33434
    first_ttl: int = 1
    max_ttl: int = 30
    probes: int = 2  # packets to each hop
    wait: float = 1.0  # seconds, for the answer to one packet
    max_silent: int = 4  # hops in a row
    must_reach: bool = True
    max_hops: int | None = None
    through: tuple[str, ...] = ()  # networks in CIDR form
    avoids: tuple[str, ...] = ()
    must_be_stable: bool = False
