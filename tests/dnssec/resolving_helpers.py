"""Answers from zones as a resolver with DO and CD would, and validates on these answers. No sockets."""

from base64 import b32hexdecode
from collections.abc import Callable, Iterable

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdatatype import RdataType as Type

from dnssec.signing_helpers import IN, Name, SignedZone, name
from vedette.checks.anchors import anchor
from vedette_agent.dnssec.anchors import anchors_of
from vedette_agent.dnssec.chain import Chain
from vedette_agent.dnssec.reply import read
from vedette_agent.dnssec.verdict import Question, Verdict

Change = Callable[[dns.message.Message], None]


class World:
    """Zones by name; `changes` alters single answers."""

    def __init__(self, *zones: SignedZone) -> None:
        self.zones = {zone.origin: zone for zone in zones}
        self.changes: dict[tuple[str, str], Change] = {}
        self.asked: list[str] = []

    def answer(self, question: Question) -> bytes:
        self.asked.append(f"{question.name} {question.rdtype}")
        query = dns.message.make_query(question.name, question.rdtype, want_dnssec=True)
        message = dns.message.make_response(query)
        owner, rdtype = question.name, dns.rdatatype.from_text(question.rdtype)
        for _ in range(8):
            target = self._answer(message, owner, rdtype)
            if target is None:
                break
            owner = target
        change = self.changes.get((question.name.to_text(), question.rdtype))
        if change is not None:
            change(message)
        return message.to_wire(max_size=65535)

    def _answer(self, message: dns.message.Message, owner: Name, rdtype: Type) -> Name | None:
        zone = self._zone(owner, rdtype)
        node = zone.zone.get_node(owner)
        if node is not None:
            if node.get_rdataset(IN, rdtype) is not None:
                self._put(message.answer, zone, owner, owner, rdtype)
                return None
            if node.get_rdataset(IN, Type.CNAME) is not None:
                self._put(message.answer, zone, owner, owner, Type.CNAME)
                return node.get_rdataset(IN, Type.CNAME)[0].target
        dname = self._dname(zone, owner)
        if dname is not None:
            self._put(message.answer, zone, dname, dname, Type.DNAME)
            target = owner.relativize(dname).concatenate(zone.zone.get_rdataset(dname, Type.DNAME)[0].target)
            message.answer.append(
                dns.rrset.from_rdata(owner, 60, dns.rdata.from_text(IN, "CNAME", str(target)))
            )
            return target
        if self._exists(zone, owner):
            self._put(message.authority, zone, zone.origin, zone.origin, Type.SOA)
            self._deny(message, zone, owner, nodata=True)
            return None
        encloser = owner.parent()
        while not self._exists(zone, encloser):
            encloser = encloser.parent()
        wildcard = name(f"*.{encloser}" if len(encloser) > 1 else "*.")
        wild = zone.zone.get_node(wildcard)
        if wild is not None and wild.get_rdataset(IN, rdtype) is not None:
            self._put(message.answer, zone, wildcard, owner, rdtype)
            self._deny(message, zone, owner)
            return None
        if wild is not None and wild.get_rdataset(IN, Type.CNAME) is not None:
            self._put(message.answer, zone, wildcard, owner, Type.CNAME)
            self._deny(message, zone, owner)
            return wild.get_rdataset(IN, Type.CNAME)[0].target
        self._put(message.authority, zone, zone.origin, zone.origin, Type.SOA)
        self._deny(message, zone, owner)
        self._deny(message, zone, wildcard, nodata=wild is not None)
        if wild is None:
            message.set_rcode(dns.rcode.NXDOMAIN)
        return None

    def _zone(self, owner: Name, rdtype: Type) -> SignedZone:
        found = [zone for origin, zone in self.zones.items() if owner.is_subdomain(origin)]
        if rdtype == Type.DS and len(found) > 1:
            found = [zone for zone in found if zone.origin != owner]
        return max(found, key=lambda zone: len(zone.origin))

    def _dname(self, zone: SignedZone, owner: Name) -> Name | None:
        for at, node in zone.zone.items():
            if at != owner and owner.is_subdomain(at) and node.get_rdataset(IN, Type.DNAME) is not None:
                return at
        return None

    def _exists(self, zone: SignedZone, owner: Name) -> bool:
        return any(
            at.is_subdomain(owner)
            for at, node in zone.zone.items()
            if not any(records.rdtype == Type.NSEC3 for records in node.rdatasets)
        )

    def _put(
        self, section: list[dns.rrset.RRset], zone: SignedZone, source: Name, owner: Name, rdtype: Type
    ) -> None:
        """The records at *source* as *owner*'s, with their signatures."""
        node = zone.zone.get_node(source)
        found = None if node is None else node.get_rdataset(IN, rdtype)
        if found is None or any(each.name == owner and each.rdtype == rdtype for each in section):
            return
        section.append(dns.rrset.from_rdata_list(owner, found.ttl, list(found)))
        signatures = node.get_rdataset(IN, Type.RRSIG, rdtype)
        if signatures is not None:
            section.append(dns.rrset.from_rdata_list(owner, found.ttl, list(signatures)))

    def _deny(
        self, message: dns.message.Message, zone: SignedZone, owner: Name, nodata: bool = False
    ) -> None:
        if not zone.keys:
            return
        if zone.nsec3 is not None:
            self._deny_by_hash(message, zone, owner, nodata)
            return
        owners = sorted(at for at, node in zone.zone.items() if node.get_rdataset(IN, Type.NSEC) is not None)
        before = [at for at in owners if at <= owner]
        if before:
            self._put(message.authority, zone, before[-1], before[-1], Type.NSEC)

    def _deny_by_hash(
        self, message: dns.message.Message, zone: SignedZone, owner: Name, nodata: bool
    ) -> None:
        def put(wanted: Name, exact: bool) -> bool:
            hashed = zone.nsec3.hashed(wanted) if zone.nsec3 is not None else b""
            for at, node in zone.zone.items():
                nsec3 = node.get_rdataset(IN, Type.NSEC3)
                if nsec3 is None:
                    continue
                own = _unhex(at)
                ends = own < hashed < nsec3[0].next or (
                    nsec3[0].next <= own and (hashed > own or hashed < nsec3[0].next)
                )
                if (own == hashed) if exact else ends:
                    self._put(message.authority, zone, at, at, Type.NSEC3)
                    return True
            return False

        if nodata and put(owner, exact=True):
            return
        encloser = owner
        closer = owner
        while not put(encloser, exact=True):
            closer, encloser = encloser, encloser.parent()
        put(closer, exact=False)


def _unhex(owner: Name) -> bytes:
    return b32hexdecode(owner.labels[0].decode().upper())


def validated(
    world: World, owner: str, rdtype: str, anchors: Iterable[str], now: float, turns: list[None] | None = None
) -> Verdict:
    """Drives a validation to its end; *turns* grows with every turn that it gives the loop."""
    chain = Chain(name(owner), dns.rdatatype.from_text(rdtype), anchors_of(tuple(map(anchor, anchors))), now)
    steps = chain.verdict()
    try:
        wanted = next(steps)
        while True:
            if wanted is None:
                if turns is not None:
                    turns.append(None)
                wanted = steps.send(None)
                continue
            wire = world.answer(wanted)
            wanted = steps.send(read(wire, 12 + len(wanted.name.to_wire() or b"") + 4))
    except StopIteration as stop:
        verdict: Verdict = stop.value
        return verdict
