"""ICMP echo."""

from vedette.checks.model.base import BaseCheck, Endpoint


class IcmpCheck(BaseCheck, frozen=True, kw_only=True, tag="icmp"):
    host: str
    resolver: Endpoint | None = None
    payload_bytes: int = 56
