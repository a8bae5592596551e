"""Signs zones with NSEC or NSEC3 as their owners would, and spoils them as accidents do. RFC 4035, 5155."""

import struct
from base64 import b32hexdecode, b32hexencode
from collections.abc import Callable, Iterable
from typing import Any

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.node
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
import dns.rdtypes.ANY.NSEC
import dns.rdtypes.ANY.NSEC3
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dns.dnssectypes import Algorithm, DSDigest
from dns.rdatatype import RdataType as Type

Name = dns.name.Name
DAY = 86400
IN = dns.rdataclass.IN


def name(text: str) -> Name:
    return dns.name.from_text(text)


class Key:
    """A key pair. Flags 257: it signs the keys, and everything where no other key does."""

    def __init__(self, algorithm: Algorithm = Algorithm.ECDSAP256SHA256, flags: int = 257) -> None:
        self.private: Any
        match algorithm:
            case Algorithm.ECDSAP256SHA256:
                self.private = ec.generate_private_key(ec.SECP256R1())
            case Algorithm.ED25519:
                self.private = ed25519.Ed25519PrivateKey.generate()
            case _:
                self.private = rsa.generate_private_key(65537, 2048)
        self.public = dns.dnssec.make_dnskey(self.private.public_key(), algorithm, flags=flags)
        self.tag = self.public.key_id()

    def sign(
        self, owner: Name, records: dns.rdataset.Rdataset, zone: Name, begins: float, expires: float
    ) -> dns.rdata.Rdata:
        return dns.dnssec.sign(
            (owner, records), self.private, zone, self.public, inception=int(begins), expiration=int(expires)
        )


class Nsec3:
    def __init__(self, iterations: int = 0, salt: str = "", opt_out: bool = False) -> None:
        self.iterations = iterations
        self.salt = bytes.fromhex(salt)
        self.opt_out = opt_out

    def hashed(self, owner: Name) -> bytes:
        return b32hexdecode(dns.dnssec.nsec3_hash(owner, self.salt, self.iterations, "SHA1"))


Spoil = Callable[["SignedZone"], None]


class SignedZone:
    """A zone file's text, signed at *now*. `records` may be spoiled: they are what is served."""

    def __init__(
        self,
        origin: str,
        text: str,
        now: float,
        *,
        keys: Iterable[Key] | None = None,
        nsec3: Nsec3 | None = None,
        children: Iterable["SignedZone"] = (),
        days: float = 14,
    ) -> None:
        """*children* have their DS here; *text* has their NS."""
        self.origin = name(origin)
        self.keys = list(keys) if keys is not None else [Key()]
        self.nsec3 = nsec3
        self.now = now
        self._days = days
        self.zone = dns.zone.from_text(text, origin=self.origin, relativize=False, check_origin=False)
        for child in children:
            for ds in child.ds():
                self._add(child.origin, ds)
        self.cuts = {
            owner
            for owner, node in self.zone.items()
            if owner != self.origin and node.get_rdataset(IN, Type.NS) is not None
        }
        if self.keys:
            for key in self.keys:
                self._add(self.origin, key.public)
            self._deny()
            for owner, node in list(self.zone.items()):
                for records in list(node.rdatasets):
                    if self._is_signed(owner, records.rdtype):
                        self.resign(owner, records.rdtype)

    def ds(self, digest: DSDigest = DSDigest.SHA256) -> list[dns.rdata.Rdata]:
        entries = [key for key in self.keys if key.public.flags & 1]
        policy = dns.dnssec.allow_all_policy
        return [dns.dnssec.make_ds(self.origin, key.public, digest, policy=policy) for key in entries]

    @property
    def anchors(self) -> list[str]:
        return [f"{self.origin} DS {ds}" for ds in self.ds()]

    def text(self, serial: int) -> str:
        """For a name server. The SOA of the source says {serial}, which has no place in a signed zone."""
        return self.zone.to_text(sorted=True, relativize=False)

    def records(self, owner: str, rdtype: str) -> dns.rdataset.Rdataset:
        return self.zone.get_rdataset(name(owner), rdtype)

    def replace(self, owner: str, rdtype: str, *texts: str) -> None:
        """Other data under the same signature."""
        ttl = self.records(owner, rdtype).ttl
        self.zone.replace_rdataset(name(owner), dns.rdataset.from_text(IN, rdtype, ttl, *texts))

    def drop_signature(self, owner: str, rdtype: str) -> None:
        self.zone.delete_rdataset(name(owner), "RRSIG", rdtype)

    def drop(self, owner: str, rdtype: str) -> None:
        self.drop_signature(owner, rdtype)
        self.zone.delete_rdataset(name(owner), rdtype)

    def resign(
        self, owner: Name | str, rdtype: Any, *, begins: float | None = None, expires: float | None = None
    ) -> None:
        """Sign one record set again, with times relative to now."""
        owner = name(owner) if isinstance(owner, str) else owner
        records = self.zone.get_rdataset(owner, rdtype)
        entries = [key for key in self.keys if key.public.flags & 1]
        others = [key for key in self.keys if not key.public.flags & 1]
        signers = entries if records.rdtype == Type.DNSKEY else others or entries
        begin = self.now + (-DAY if begins is None else begins)
        end = self.now + (self._days * DAY if expires is None else expires)
        made = [key.sign(owner, records, self.origin, begin, end) for key in signers]
        self.zone.replace_rdataset(owner, dns.rdataset.from_rdata_list(records.ttl, made))

    def _add(self, owner: Name, data: dns.rdata.Rdata) -> None:
        self.zone.find_rdataset(owner, data.rdtype, create=True).add(data, 60)

    def _is_below_cut(self, owner: Name) -> bool:
        return any(owner != cut and owner.is_subdomain(cut) for cut in self.cuts)

    def _is_signed(self, owner: Name, rdtype: int) -> bool:
        if rdtype == Type.RRSIG or self._is_below_cut(owner):
            return False
        return owner not in self.cuts or rdtype in (Type.DS, Type.NSEC, Type.NSEC3)

    def _types(self, owner: Name) -> list[Type]:
        node = self.zone.get_node(owner)
        types = {records.rdtype for records in node.rdatasets} if node is not None else set()
        if any(self._is_signed(owner, rdtype) for rdtype in types):
            types.add(Type.RRSIG)
        if owner in self.cuts:
            types &= {Type.NS, Type.DS, Type.RRSIG}
        return sorted(types)

    def _deny(self) -> None:
        owners = [owner for owner in self.zone.nodes if not self._is_below_cut(owner)]
        if self.nsec3 is None:
            self._chain_of_nsecs(sorted(owners))
        else:
            self._chain_of_nsec3s(self.nsec3, owners)

    def _chain_of_nsecs(self, owners: list[Name]) -> None:
        for owner, following in zip(owners, [*owners[1:], self.origin], strict=True):
            types = [*self._types(owner), Type.NSEC, Type.RRSIG]
            windows = dns.rdtypes.ANY.NSEC.Bitmap.from_rdtypes(sorted(set(types)))
            self._add(owner, dns.rdtypes.ANY.NSEC.NSEC(IN, Type.NSEC, following, windows))

    def _chain_of_nsec3s(self, how: Nsec3, owners: list[Name]) -> None:
        salt = how.salt.hex() or "-"
        self._add(self.origin, dns.rdata.from_text(IN, "NSEC3PARAM", f"1 0 {how.iterations} {salt}"))
        names = {
            owner
            for owner in owners
            if not (how.opt_out and owner in self.cuts and Type.DS not in self._types(owner))
        }
        for owner in list(names):  # empty non-terminals have one, too
            names.update(owner.split(count)[1] for count in range(len(self.origin), len(owner)))
        by_hash = {how.hashed(owner): self._types(owner) for owner in names}
        hashes = sorted(by_hash)
        for hashed, following in zip(hashes, [*hashes[1:], hashes[0]], strict=True):
            windows = dns.rdtypes.ANY.NSEC3.Bitmap.from_rdtypes(by_hash[hashed])
            made = dns.rdtypes.ANY.NSEC3.NSEC3(
                IN, Type.NSEC3, 1, int(how.opt_out), how.iterations, how.salt, following, windows
            )
            self._add(name(f"{_b32(hashed)}.{self.origin}"), made)


def _b32(hashed: bytes) -> str:
    return b32hexencode(hashed).decode().lower()


def colliding(key: Key, count: int) -> list[dns.rdata.Rdata]:
    """Keys of no use with the same tag as *key*: two words that change by opposite amounts leave the sum."""
    made = []
    body = bytearray(key.public.key)
    for number in range(1, count + 1):
        changed = bytearray(body)
        first, second = struct.unpack_from(">HH", body, 0)
        if first + number > 0xFFFF or second < number:
            first, second = first - number, second + number
        else:
            first, second = first + number, second - number
        struct.pack_into(">HH", changed, 0, first & 0xFFFF, second & 0xFFFF)
        made.append(key.public.replace(key=bytes(changed)))
    return [each for each in made if each.key_id() == key.tag]
