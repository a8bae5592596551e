"""Trust anchors: the keys that are believed without a proof. RFC 4033 2, RFC 4035 5."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha1, sha256, sha384
from importlib.resources import files
from typing import Final, NamedTuple

import dns.name
import dns.rdata
import dns.rdataclass
from dns.rdata import Rdata
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS

from vedette.checks.model import Anchor
from vedette_agent.dnssec.reply import Name
from vedette_agent.dnssec.signatures import ALGORITHMS

MAX_DIGESTS: Final = 32  # computed for one zone: DS records and keys may share tags on purpose

_SHA1: Final = 1
_DIGESTS: Final = {_SHA1: sha1, 2: sha256, 4: sha384}  # RFC 8624 3.3


class Secure(NamedTuple):
    """What is believed about the keys of *zone*: digests of some, or some themselves."""

    zone: Name
    digests: tuple[DS, ...]
    keys: tuple[DNSKEY, ...] = ()

    @property
    def is_supported(self) -> bool:
        """Whether a zone with these can be validated at all; if not it is insecure (RFC 4035 5.2)."""
        algorithms = {key.algorithm for key in self.keys} | {ds.algorithm for ds in _usable(self.digests)}
        return not algorithms.isdisjoint(ALGORITHMS)

    def confirmed(self, records: Iterable[Rdata]) -> list[DNSKEY]:
        """The keys among *records* that are believed."""
        digests, found, left = _usable(self.digests), [], MAX_DIGESTS
        for key in records:
            if not isinstance(key, DNSKEY):
                continue
            tag = key.key_id()
            if any(each.key == key.key and each.algorithm == key.algorithm for each in self.keys):
                found.append(key)
                continue
            for ds in digests:
                if ds.key_tag == tag and ds.algorithm == key.algorithm and left:
                    left -= 1
                    if _digest(self.zone, key, ds.digest_type) == ds.digest:
                        found.append(key)
                        break
        return found

    def __str__(self) -> str:
        """As "DS 12345, 23456"."""
        tags = sorted({each.key_tag for each in self.digests} | {key.key_id() for key in self.keys})
        return f"{'DS' if self.digests else 'DNSKEY'} {', '.join(map(str, tags[:8]))}"


def secure(zone: Name, records: Iterable[Rdata]) -> Secure:
    """What the DS *records* of *zone* say."""
    return Secure(zone, tuple(each for each in records if isinstance(each, DS)))


@lru_cache(maxsize=1024)
def anchors_of(configured: tuple[Anchor, ...]) -> tuple[Secure, ...]:
    """By zone. Without configured ones: those of the root, as IANA publishes them."""
    digests: dict[Name, list[DS]] = {}
    keys: dict[Name, list[DNSKEY]] = {}
    for anchor in configured or root_anchors():
        zone = dns.name.from_text(anchor.zone)
        data = dns.rdata.from_text(dns.rdataclass.IN, anchor.rdtype, anchor.data)
        if isinstance(data, DS):
            digests.setdefault(zone, []).append(data)
        elif isinstance(data, DNSKEY):
            keys.setdefault(zone, []).append(data)
    return tuple(
        Secure(zone, tuple(digests.get(zone, ())), tuple(keys.get(zone, ())))
        for zone in sorted({*digests, *keys})
    )


def root_anchors() -> tuple[Anchor, ...]:
    """Those in root-anchors.txt, which says where they are from."""
    text = files("vedette_agent.dnssec").joinpath("root-anchors.txt").read_text(encoding="ascii")
    lines = [line.split(maxsplit=2) for line in text.splitlines() if line and not line.startswith(";")]
    return tuple(Anchor(zone, "DS", data) for zone, _, data in lines)


def _usable(digests: tuple[DS, ...]) -> list[DS]:
    """Of supported algorithms and digests; SHA-1 only where there is nothing better (RFC 4509 3)."""
    usable = [ds for ds in digests if ds.algorithm in ALGORITHMS and ds.digest_type in _DIGESTS]
    better = [ds for ds in usable if ds.digest_type != _SHA1]
    return better or usable


def _digest(zone: Name, key: DNSKEY, digest_type: int) -> bytes:
    """RFC 4034 5.1.4."""
    made = _DIGESTS[digest_type](zone.to_digestable(), usedforsecurity=False)
    made.update(key.to_wire() or b"")
    return made.digest()
