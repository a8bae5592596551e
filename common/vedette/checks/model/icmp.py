"""ICMP echo."""

from vedette.checks.model.base import BaseCheck, Endpoint


class IcmpCheck(BaseCheck, frozen=True, kw_only=True, tag="icmp"):
    host: str
    resolver: Endpoint | None = None
    payload_bytes: int = 56
    count: int = 1
    spacing: float = 0.2  # seconds from one echo to the next
    ttl: int | None = None  # None: the host's own
    dont_fragment: bool = False
    max_lost: int = 0  # of `count`
    # Seconds; None: whatever it takes.
    max_rtt: float | None = None
    max_median: float | None = None
    max_deviation: float | None = None
