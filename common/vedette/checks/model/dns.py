"""One DNS question to one server. The record types are texts; RFC 1035."""

from typing import Literal

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint
from vedette.checks.model.tls import TlsOptions


class Patterns(Struct, frozen=True, kw_only=True):
    """Regular expressions that are searched in texts."""

    every: tuple[str, ...] = ()  # each found in every text
    some: tuple[str, ...] = ()  # each found in one text at least
    none: tuple[str, ...] = ()  # each found in no text
    not_all: tuple[str, ...] = ()  # each lacking in one text at least


class RecordsExpect(Struct, frozen=True, kw_only=True):
    """Of one section. Texts are "owner TYPE data"; patterns see "owner. TTL CLASS TYPE data"."""

    min_records: int = 1
    max_records: int | None = None
    exact: tuple[str, ...] | None = None
    contains: tuple[str, ...] = ()
    patterns: Patterns = Patterns()
    within: tuple[str, ...] = ()  # every A and AAAA is in one of these networks


class SectionsExpect(Struct, frozen=True, kw_only=True):
    answer: RecordsExpect | None = None
    authority: RecordsExpect | None = None
    additional: RecordsExpect | None = None


class ExtendedErrorsExpect(Struct, frozen=True, kw_only=True):
    contains: tuple[int, ...] = ()
    lacks: tuple[int, ...] = ()
    most: int | None = None


class DnsExpect(Struct, frozen=True, kw_only=True):
    """Non-empty is expected by default: one record of the asked type at the end of any CNAME chain."""

    rcodes: tuple[str, ...] = ("NOERROR",)
    min_answers: int = 1  # records of the asked type, CNAMEs not counted; only asked of NOERROR
    max_answers: int | None = None
    exact: tuple[str, ...] | None = None  # the answer set is exactly this
    contains: tuple[str, ...] = ()  # the answer set has at least these
    patterns: Patterns | None = None  # of the answers
    within: tuple[str, ...] = ()  # every answer is an address in one of these networks
    min_ttl: int | None = None
    max_ttl: int | None = None
    flags: dict[str, bool] = {}  # which of aa, tc, rd, ra, ad, cd must be set, or clear
    sections: SectionsExpect | None = None
    nsid: str | None = None  # the name of the instance matches this
    extended_errors: ExtendedErrorsExpect | None = None


class QueryOptions(Struct, frozen=True, kw_only=True):
    """What a query says beside its question and RD."""

    rdclass: str = "IN"
    checking_disabled: bool = False
    authentic_data: bool = True
    dnssec_ok: bool = False
    edns: bool = True
    payload_bytes: int = 1232
    edns_version: int = 0
    nsid: bool = False
    client_subnet: str | None = None  # a network; RFC 7871
    padding: bool = False


class Doh(Struct, frozen=True, kw_only=True):
    """Where a query goes over HTTPS. RFC 8484."""

    url: str
    method: Literal["POST", "GET"] = "POST"


class DnsCheck(BaseCheck, frozen=True, kw_only=True, tag="dns"):
    query_name: str  # absolute, without the final dot; "." for the root
    rdtype: str = "A"
    # None: the host's own resolver. For tls, https and quic the address may be a name, to be looked up.
    server: Endpoint | None = None
    transport: Literal["udp", "tcp", "tls", "https", "quic"] = "udp"  # udp falls back to tcp on TC
    recursion_desired: bool = True
    options: QueryOptions | None = None  # None: as all by default
    tls: TlsOptions = TlsOptions()  # for tls, https and quic
    doh: Doh | None = None  # exactly for https
    expect: DnsExpect = DnsExpect()
