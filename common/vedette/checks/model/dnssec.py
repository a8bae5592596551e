"""Validation of the DNSSEC chain of trust down to one name and type. RFC 4035."""

from typing import Literal, NamedTuple

from vedette.checks.model.base import BaseCheck, Endpoint

Status = Literal["secure", "insecure", "bogus"]


class Anchor(NamedTuple):
    """A trusted key of *zone*, or the digest of one."""

    zone: str  # without the final dot; "." for the root
    rdtype: Literal["DS", "DNSKEY"]
    data: str  # as zone files write it, parted by single spaces


class DnssecCheck(BaseCheck, frozen=True, kw_only=True, tag="dnssec"):
    query_name: str  # absolute, without the final dot; "." for the root
    rdtype: str = "A"
    server: Endpoint | None = None  # None: the host's own resolver
    anchors: tuple[Anchor, ...] = ()  # none: those of the root, which the agent brings
    expect: Status = "secure"
    min_signature_left: float | None = None  # seconds
