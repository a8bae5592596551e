"""What verified NSEC and NSEC3 records prove. RFC 4035 5.4, RFC 5155 8, RFC 6840 4.

Both kinds answer the same questions about a zone: which types does this very name have, which ancestor of it
exists, and is it denied.
"""

from base64 import b32hexencode
from enum import Enum
from hashlib import sha1
from typing import Final, NamedTuple, Protocol

from dns.name import Name
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.NSEC3 import NSEC3

MAX_ITERATIONS: Final = 100  # RFC 9276 3.2: above that a validator may take the zone for insecure
MAX_HASHES: Final = 48  # of names in one reply, each of up to 101 rounds: 5 ms (CVE-2023-50868)

_NS, _CNAME, _SOA, _DNAME, _DS = 2, 5, 6, 39, 43
_OPT_OUT: Final = 1  # RFC 5155 3.1.2.1
_SHA1: Final = 1

Windows = tuple[tuple[int, bytes], ...]


class Proof(Enum):
    NOTHING = "proves nothing"
    PROVEN = "proven"
    OPT_OUT = "whatever is there is unsigned"  # RFC 5155 6


class Delegation(Enum):
    """What the parent says about a name for which it has no DS."""

    UNPROVEN = "unproven"
    INSECURE = "a delegation without DS"
    OPT_OUT = "a delegation without DS, or nothing"
    NONE = "no delegation"
    NO_NAME = "no such name"


class TooCostly(Exception):
    """The zone demands more hashing than anybody does."""


class Encloser(NamedTuple):
    """The longest existing ancestor of a denied name, and how its next longer name is denied."""

    name: Name
    is_opt_out: bool


class Denial(Protocol):
    """The verified records of one reply, of one zone."""

    def types(self, name: Name) -> Windows | None:
        """The types at *name*; none for an empty non-terminal; None when no record is about it."""

    def encloser(self, name: Name) -> Encloser | None:
        """The closest encloser of *name*, if *name* is proven not to exist."""

    def denied_below(self, name: Name, encloser: Name) -> Encloser | None:
        """*encloser*, if the ancestor of *name* that is one label longer is proven not to exist."""

    def covers(self, name: Name) -> bool:
        """Whether *name* is denied, all by itself."""


def nodata(denial: Denial, name: Name, rdtype: int) -> Proof:
    """That *name* exists, or a wildcard stands for it, without *rdtype*."""
    types = denial.types(name)
    if types is not None:
        return Proof.PROVEN if _lacks(types, rdtype) and not _is_wrong_side(types, name, rdtype) else _NO
    encloser = denial.encloser(name)
    if encloser is None:
        return _NO
    if rdtype == _DS and encloser.is_opt_out:
        return Proof.OPT_OUT  # RFC 5155 8.6
    types = denial.types(_wildcard(encloser.name))
    if types is None or not _lacks(types, rdtype):
        return _NO
    return Proof.OPT_OUT if encloser.is_opt_out else Proof.PROVEN


def nxdomain(denial: Denial, name: Name) -> Proof:
    """That neither *name* exists nor a wildcard stands for it."""
    encloser = denial.encloser(name)
    if encloser is None or not denial.covers(_wildcard(encloser.name)):
        return _NO
    return Proof.OPT_OUT if encloser.is_opt_out else Proof.PROVEN


def expanded(denial: Denial, name: Name, labels: int) -> Proof:
    """That nothing closer to *name* exists than the wildcard below its last *labels* labels."""
    encloser = denial.denied_below(name, name.split(labels + 1)[1])
    if encloser is None:
        return _NO
    return Proof.OPT_OUT if encloser.is_opt_out else Proof.PROVEN


def delegation(denial: Denial, name: Name) -> Delegation:
    """What the zone above *name* says about it: there was no DS in the answer."""
    types = denial.types(name)
    if types is not None:
        if has(types, _DS) or has(types, _SOA):
            return Delegation.UNPROVEN  # RFC 6840 4.1: from below the cut
        return Delegation.INSECURE if has(types, _NS) else Delegation.NONE
    encloser = denial.encloser(name)
    if encloser is None:
        return Delegation.UNPROVEN
    if encloser.is_opt_out:
        return Delegation.OPT_OUT
    wildcard = _wildcard(encloser.name)
    if denial.covers(wildcard):
        return Delegation.NO_NAME
    types = denial.types(wildcard)
    return Delegation.UNPROVEN if types is None or has(types, _DS) else Delegation.NONE


class Nsecs:
    """RFC 4034 4."""

    def __init__(self, zone: Name, records: list[tuple[Name, NSEC]]) -> None:
        self._zone = zone
        self._records = records

    def types(self, name: Name) -> Windows | None:
        for owner, nsec in self._records:
            if owner == name:
                return nsec.windows
            if self._spans(owner, nsec, name) and nsec.next.is_subdomain(name):
                return ()  # RFC 4035 5.4, RFC 8020: something exists below it
        return None

    def encloser(self, name: Name) -> Encloser | None:
        for owner, nsec in self._records:
            if self._denies(owner, nsec, name):
                near, far = _shared(name, owner), _shared(name, nsec.next)
                return Encloser(near if len(near) > len(far) else far, False)
        return None

    def denied_below(self, name: Name, encloser: Name) -> Encloser | None:
        found = self.encloser(name)
        return found if found is not None and found.name == encloser else None

    def covers(self, name: Name) -> bool:
        return any(self._denies(owner, nsec, name) for owner, nsec in self._records)

    def _denies(self, owner: Name, nsec: NSEC, name: Name) -> bool:
        if not self._spans(owner, nsec, name) or nsec.next.is_subdomain(name):
            return False
        return not (name.is_subdomain(owner) and _leads_away(nsec.windows, owner, self._zone))

    def _spans(self, owner: Name, nsec: NSEC, name: Name) -> bool:
        if not name.is_subdomain(self._zone) or not owner < name:
            return False
        return bool(name < nsec.next or nsec.next == self._zone)


class Nsec3s:
    """RFC 5155 3. All records have the parameters of the first (8.2)."""

    def __init__(self, zone: Name, records: list[tuple[Name, NSEC3]]) -> None:
        """Raises TooCostly."""
        self._zone = zone
        usable = [(owner, nsec) for owner, nsec in records if _is_usable(nsec) and owner.parent() == zone]
        self._salt = usable[0][1].salt if usable else b""
        self._iterations = usable[0][1].iterations if usable else 0
        if self._iterations > MAX_ITERATIONS:
            raise TooCostly(
                f"{self._iterations} NSEC3 iterations; more than {MAX_ITERATIONS} are not followed"
            )
        self._records = [
            (bytes(owner.labels[0]).upper(), nsec)
            for owner, nsec in usable
            if nsec.iterations == self._iterations and nsec.salt == self._salt
        ]
        self._hashes: dict[Name, bytes] = {}

    def types(self, name: Name) -> Windows | None:
        wanted = b32hexencode(self._hash(name))
        for owner, nsec in self._records:
            if owner == wanted:
                windows: Windows = nsec.windows
                return windows
        return None

    def encloser(self, name: Name) -> Encloser | None:
        """RFC 5155 8.3."""
        closer = name
        while closer != self._zone and closer.is_subdomain(self._zone):
            parent = closer.parent()
            types = self.types(parent)
            if types is not None:
                if _leads_away(types, parent, self._zone):
                    return None
                return self.denied_below(name, parent)
            closer = parent
        return None

    def denied_below(self, name: Name, encloser: Name) -> Encloser | None:
        """RFC 5155 8.8."""
        nsec = self._covering(name.split(len(encloser) + 1)[1])
        return None if nsec is None else Encloser(encloser, bool(nsec.flags & _OPT_OUT))

    def covers(self, name: Name) -> bool:
        return self._covering(name) is not None

    def _covering(self, name: Name) -> NSEC3 | None:
        hashed = self._hash(name)
        wanted = b32hexencode(hashed)
        for owner, nsec in self._records:
            following = b32hexencode(nsec.next)
            is_last = following <= owner
            if (owner < wanted < following) or (is_last and (wanted > owner or wanted < following)):
                return nsec
        return None

    def _hash(self, name: Name) -> bytes:
        """RFC 5155 5. Raises TooCostly."""
        known = self._hashes.get(name)
        if known is None:
            if len(self._hashes) == MAX_HASHES:
                raise TooCostly(f"more than {MAX_HASHES} names to hash for one NSEC3 proof")
            known = name.to_digestable()
            for _ in range(self._iterations + 1):
                known = sha1(known + self._salt, usedforsecurity=False).digest()
            self._hashes[name] = known
        return known


def has(types: Windows, rdtype: int) -> bool:
    """RFC 4034 4.1.2."""
    for window, bits in types:
        if window == rdtype >> 8:
            at = (rdtype & 0xFF) >> 3
            return at < len(bits) and bits[at] & 0x80 >> (rdtype & 7) != 0
    return False


def _lacks(types: Windows, rdtype: int) -> bool:
    return not has(types, rdtype) and not has(types, _CNAME)


def _is_wrong_side(types: Windows, name: Name, rdtype: int) -> bool:
    """Whether the record stands on the other side of a zone cut than the asked type (RFC 6840 4.1)."""
    if rdtype == _DS:
        return has(types, _SOA) and len(name) > 1
    return has(types, _NS) and not has(types, _SOA)


def _leads_away(types: Windows, owner: Name, zone: Name) -> bool:
    """Whether names below *owner* are not this zone's to deny (RFC 6840 4.1)."""
    return has(types, _DNAME) or (owner != zone and has(types, _NS) and not has(types, _SOA))


def _is_usable(nsec: NSEC3) -> bool:
    """RFC 5155 8.1, 8.2."""
    return bool(nsec.algorithm == _SHA1 and not nsec.flags & ~_OPT_OUT)


def _shared(name: Name, other: Name) -> Name:
    """The longest name that both are at or below."""
    _, _, count = name.fullcompare(other)
    return name.split(count)[1]


def _wildcard(encloser: Name) -> Name:
    return Name((b"*", *encloser.labels))


_NO: Final = Proof.NOTHING
