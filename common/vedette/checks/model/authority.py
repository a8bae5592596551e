"""The name servers of one zone, beside each other."""

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint, Family


class NamedServer(Struct, frozen=True, kw_only=True):
    name: str
    addresses: tuple[str, ...]  # of the families of the check


class AuthorityCheck(BaseCheck, frozen=True, kw_only=True, tag="authority"):
    """Unlike other checks it asks over all its families at once: servers must agree over both."""

    zone: str  # absolute, without the final dot; "." for the root
    families: tuple[Family, ...] = (4,)
    servers: tuple[NamedServer, ...] = ()  # none: those that the zone is delegated to
    delegation: tuple[str, ...] = ()  # names that must be the NS records; none: not known from here
    parents: tuple[str, ...] = ()  # addresses of the parent's servers, to be asked for the delegation
    resolver: Endpoint | None = None  # finds the servers; None: from the roots down
    roots: tuple[str, ...] = ()  # addresses; none: the root servers
    port: int = 53  # of every server but the resolver
    max_serial_lag: int = 0  # by RFC 1982 3.2
    record_name: str | None = None  # to be the same everywhere
    record_type: str = "A"
