"""What an agent runs: checks with every default filled in and every reference resolved.

The configuration file is read by `vedette.checks.read`; nothing here knows YAML. Durations are seconds.
A check of both address families is two checks here, named `web:ipv4` and `web:ipv6`.
"""

from typing import Literal, NamedTuple

from msgspec import Struct

Family = Literal[4, 6]


class Endpoint(NamedTuple):
    """A literal address and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class _Check(Struct, frozen=True, kw_only=True):
    name: str
    target: str  # the label: what a person would call the thing that is probed
    interval: float
    timeout: float  # for the whole probe, name resolution included; at most the interval
    family: Family = 4
    tags: dict[str, str] = {}


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


class DnsCheck(_Check, frozen=True, kw_only=True, tag="dns"):
    query_name: str  # absolute, without the final dot; "." for the root
    rdtype: str = "A"
    server: Endpoint | None = None  # None: the host's own resolver
    transport: Literal["udp", "tcp"] = "udp"  # udp falls back to tcp on TC
    recursion_desired: bool = True
    expect: DnsExpect = DnsExpect()


class TlsOptions(Struct, frozen=True, kw_only=True):
    verify: bool = True
    ca_file: str | None = None  # PEM; None: the host's trust store
    server_name: str | None = None  # SNI and the name to verify; None: the target's host
    min_days_left: float | None = None  # of the certificate that expires first


class HttpExpect(Struct, frozen=True, kw_only=True):
    statuses: tuple[tuple[int, int], ...] = ((200, 299),)  # inclusive ranges
    headers: dict[str, str] = {}  # name (lower case) to a regular expression that its value matches (search)
    body_matches: str | None = None  # regular expression, searched in the body
    body_lacks: str | None = None  # regular expression that must not be found


class HttpCheck(_Check, frozen=True, kw_only=True, tag="http"):
    url: str  # absolute, http or https, no user info, no fragment
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    address: str | None = None  # probe this literal address; Host and SNI stay those of the URL
    resolver: Endpoint | None = None  # None: the host's own
    max_redirects: int = 5  # 0: a redirect is the answer
    max_body_bytes: int = 1 << 20  # decoded
    tls: TlsOptions = TlsOptions()
    expect: HttpExpect = HttpExpect()


class TcpCheck(_Check, frozen=True, kw_only=True, tag="tcp"):
    host: str
    port: int
    resolver: Endpoint | None = None
    send: str | None = None  # after connect, as UTF-8
    expect: str | None = None  # regular expression, searched in the first 64 KiB that come


class TlsCheck(_Check, frozen=True, kw_only=True, tag="tls"):
    host: str
    port: int
    resolver: Endpoint | None = None
    tls: TlsOptions = TlsOptions()


class IcmpCheck(_Check, frozen=True, kw_only=True, tag="icmp"):
    host: str
    resolver: Endpoint | None = None
    payload_bytes: int = 56


Check = DnsCheck | HttpCheck | TcpCheck | TlsCheck | IcmpCheck


class Vantage(Struct, frozen=True, kw_only=True):
    """One agent as the configuration names it."""

    name: str
    tags: dict[str, str] = {}


class Assignment(Struct, frozen=True, kw_only=True):
    """A whole configuration, ready to run: which agent runs which checks."""

    agents: tuple[Vantage, ...]
    checks: tuple[Check, ...]
    by_agent: dict[str, tuple[str, ...]]  # agent name to the names of its checks, in file order
    config_hash: str  # sha256 of the canonical form, hex; the same file gives the same hash everywhere
