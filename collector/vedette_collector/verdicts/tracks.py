"""What a failure of each track can be blamed on, and which checks are on it."""

from functools import cache
from typing import Final

from vedette_collector.verdicts.component import VANTAGES, Kind
from vedette_collector.verdicts.evidence import Track
from vedette_collector.verdicts.topology import Stage

_COMMON: Final = VANTAGES | {Kind.TARGET, Kind.PRODUCT, Kind.PROVIDER, Kind.PROVIDER_REGION}
# A name that does not resolve says nothing about its prefix.
_CONNECTION: Final = _COMMON | {
    Kind.FAMILY, Kind.TRANSIT, Kind.PROVIDER_NETWORK, Kind.PREFIX_SET,
    Kind.HOST_CLASS, Kind.DEPENDENCY, Kind.PLANE,
}  # fmt: skip
KINDS: Final[dict[Track, frozenset[Kind]]] = {
    "dns": _COMMON | {Kind.RESOLVER, Kind.RESOLVER_CLASS, Kind.ZONE, Kind.AUTHORITY, Kind.TLD},
    "connection": _CONNECTION | {Kind.CA_CHAIN, Kind.CLIENT_STACK},
    "slow": _CONNECTION,
    "silence": VANTAGES,
}
TRACKS: Final[tuple[Track, ...]] = ("dns", "connection", "slow")
STAGE: Final[dict[Track, Stage]] = {
    "dns": Stage.DNS,
    "connection": Stage.CONNECTION,
    "slow": Stage.CONNECTION,
}
_TLS_ONLY: Final = frozenset({Kind.CA_CHAIN, Kind.CLIENT_STACK})


@cache
def allowed_kinds(track: Track, *, is_tls: bool) -> frozenset[Kind]:
    return KINDS[track] if is_tls else KINDS[track] - _TLS_ONLY
