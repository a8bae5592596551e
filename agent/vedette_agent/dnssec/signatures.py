"""Which signature of a record set holds, and at what cost.

Whoever serves a zone chooses how many keys share a tag and how many signatures name it, and naive validators
try every pair (CVE-2023-50387, "KeyTrap"). Here each set and each probe has a number of attempts, keys have a
greatest size and exponent, and the loop gets a turn after each attempt.
"""

# Before dns.dnssec, which finds cryptography by it: see `vedette_agent.dns`.
import importlib.metadata  # noqa: F401
from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import cryptography.exceptions
import dns.dnssec
import dns.exception
import dns.rdataset
from dns.rdata import Rdata
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.RRSIG import RRSIG

from vedette_agent.dnssec.reply import Name, Signed, Type, shown

MAX_ATTEMPTS: Final = 8  # signature verifications for one record set; up to 1 ms each
MAX_PROBE_ATTEMPTS: Final = 256
MAX_KEY_BYTES: Final = 640  # RSA of 4096 bits needs 516 (RFC 3110 2)
MAX_EXPONENT_BITS: Final = 64  # with a modulus of its size, an exponent costs milliseconds

# RFC 8624 3.1 without those that must not validate. A zone with others only is insecure (RFC 4035 5.2).
ALGORITHMS: Final = {
    5: "RSASHA1",
    7: "RSASHA1-NSEC3-SHA1",
    8: "RSASHA256",
    10: "RSASHA512",
    13: "ECDSAP256SHA256",
    14: "ECDSAP384SHA384",
    15: "ED25519",
    16: "ED448",
}
_RSA: Final = frozenset({5, 7, 8, 10})
_ZONE_KEY, _REVOKED = 0x0100, 0x0080  # RFC 4034 2.1.1, RFC 5011 2.1


class Unverified(Exception):
    """No signature holds. The text is the reason of the one that came closest."""

    def __init__(self, why: str, expired: float | None = None) -> None:
        super().__init__(why)
        self.expired = expired  # when the last of them did, if that is the reason


class Held(NamedTuple):
    """The signature that held, of those that would hold the one that lasts longest."""

    expires: float  # Unix time
    labels: int  # fewer than the owner has: expanded from a wildcard
    key_tag: int
    algorithm: int


class Keys:
    """The usable keys of one zone, by algorithm and key tag."""

    __slots__ = ("by_tag",)

    def __init__(self, records: Iterable[Rdata]) -> None:
        self.by_tag: dict[tuple[int, int], list[DNSKEY]] = {}
        for key in records:
            if isinstance(key, DNSKEY) and _is_usable(key):
                self.by_tag.setdefault((int(key.algorithm), key.key_id()), []).append(key)


class Verifier:
    """Verifies at *now* (Unix time), for one probe."""

    __slots__ = ("_left", "_now")

    def __init__(self, now: float) -> None:
        self._now = now
        self._left = MAX_PROBE_ATTEMPTS

    def verify(self, rrset: Signed, zone: Name, keys: Keys) -> Generator[None, None, Held]:
        """The signature by *zone* that holds; gives the loop a turn between attempts. Raises Unverified."""
        mine = [each for each in rrset.signatures if each.signer == zone]
        if not mine:
            raise Unverified("it has no RRSIG" if not rrset.signatures else f"no RRSIG by {shown(zone)}")
        mine = [each for each in mine if int(each.algorithm) in ALGORITHMS]
        if not mine:
            raise Unverified("no RRSIG of a supported algorithm")
        reasons: list[tuple[int, str, float | None]] = []
        attempts = 0
        # The one that lasts longest first: its end is when the set stops being valid.
        for signature in sorted(mine, key=lambda each: -each.expiration):
            reason = self._untimely(signature)
            if reason is not None:
                reasons.append(reason)
                continue
            tag = int(signature.algorithm), signature.key_tag
            for key in keys.by_tag.get(tag, ()):
                if attempts == MAX_ATTEMPTS or not self._left:
                    raise Unverified("more signatures and keys than are worth trying")
                attempts += 1
                self._left -= 1
                holds = _holds(rrset, signature, key)
                yield
                if holds:
                    return Held(signature.expiration, signature.labels, tag[1], tag[0])
            if tag in keys.by_tag:
                reasons.append((3, f"the RRSIG of key tag {tag[1]} does not fit the data", None))
            else:
                reasons.append((1, f"no usable DNSKEY has the key tag {tag[1]} of its RRSIG", None))
        _, why, expired = max(reasons, key=lambda each: each[0])
        raise Unverified(why, expired)

    def _untimely(self, signature: RRSIG) -> tuple[int, str, float | None] | None:
        expires, begins = signature.expiration, signature.inception
        if expires < self._now:
            return 2, f"the RRSIG of key tag {signature.key_tag} expired at {utc(expires)}", expires
        if begins > self._now:
            return 2, f"the RRSIG of key tag {signature.key_tag} is valid from {utc(begins)} only", None
        return None


def utc(time: float) -> str:
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _is_usable(key: DNSKEY) -> bool:
    if key.protocol != 3 or not key.flags & _ZONE_KEY or key.flags & _REVOKED:
        return False
    if int(key.algorithm) not in ALGORITHMS or len(key.key) > MAX_KEY_BYTES:
        return False
    return int(key.algorithm) not in _RSA or _exponent_bits(key.key) <= MAX_EXPONENT_BITS


def _exponent_bits(key: bytes) -> int:
    """RFC 3110 2."""
    long = key[:1] == b"\0"
    length = int.from_bytes(key[1:3], "big") if long else int.from_bytes(key[:1], "big")
    start = 3 if long else 1
    return int.from_bytes(key[start : start + length], "big").bit_length()


def _holds(rrset: Signed, signature: RRSIG, key: DNSKEY) -> bool:
    """One verification. The time is known to be right, and the key to be the only candidate."""
    alone = dns.rdataset.Rdataset(key.rdclass, Type.DNSKEY)
    alone.add(key)
    try:
        dns.dnssec.validate_rrsig(
            (rrset.name, rrset.records), signature, {signature.signer: alone}, now=signature.inception
        )
    except (dns.exception.DNSException, cryptography.exceptions.UnsupportedAlgorithm, ValueError):
        return False
    return True
