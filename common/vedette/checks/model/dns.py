"""One DNS question to one server. The record types are texts; RFC 1035."""

from typing import Literal

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint


class DnsExpect(Struct, frozen=True, kw_only=True):
    """Non-empty is expected by default: one record of the asked type at the end of any CNAME chain."""

    rcodes: tuple[str, ...] = ("NOERROR",)
    min_answers: int = 1  # records of the asked type, CNAMEs not counted; only asked of NOERROR
    max_answers: int | None = None
    exact: tuple[str, ...] | None = None  # the answer set is exactly this
    contains: tuple[str, ...] = ()  # the answer set has at least these
    matches: str | None = None  # every answer matches this regular expression (search)
    within: tuple[str, ...] = ()  # every answer is an address in one of these networks
    min_ttl: int | None = None
    max_ttl: int | None = None
    authoritative: bool | None = None  # AA must be so
    authenticated: bool | None = None  # AD must be so


class DnsCheck(BaseCheck, frozen=True, kw_only=True, tag="dns"):
    query_name: str  # absolute, without the final dot; "." for the root
    rdtype: str = "A"
    server: Endpoint | None = None  # None: the host's own resolver
    transport: Literal["udp", "tcp"] = "udp"  # udp falls back to tcp on TC
    recursion_desired: bool = True
    expect: DnsExpect = DnsExpect()
