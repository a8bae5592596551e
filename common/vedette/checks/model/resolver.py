"""A resolver with a name: what several addresses have in common."""

from typing import NamedTuple

from msgspec import Struct


class ResolverAddress(NamedTuple):
    host: str  # a literal address, or the name by which checks over TLS ask it
    port: int | None = None  # None: any


class Resolver(Struct, frozen=True, kw_only=True):
    name: str
    addresses: tuple[ResolverAddress, ...]
    validating: bool | None = None  # whether it validates DNSSEC; None: not known
    public: bool = False  # open to everybody, whichever network they are in
