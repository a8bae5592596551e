"""Validates the chain of trust from an anchor down to a name and type.

A server that answers questions about any zone (a resolver) is asked with DO and CD, so that it neither strips
signatures nor judges them itself. The work is a generator: it yields a Question and is sent the Reply, or
yields None where the loop may take a turn, and returns a Verdict.

The zone that signed an answer names itself in the RRSIG. From the anchor down to that name each label is
asked for its DS: either it is there (a cut, and the keys below it are known), or its absence is proven, which
makes it an insecure delegation or no cut at all. Without a signature the way down leads to the name itself:
then some delegation on it must be proven insecure, or the answer is bogus. RFC 4035 5, RFC 6840.
"""

from collections.abc import Generator, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar

import dns.name
import dns.rcode
import dns.rdatatype
from dns.rdtypes.ANY.NSEC import NSEC
from dns.rdtypes.ANY.NSEC3 import NSEC3

from vedette.wire.failure import Failure
from vedette_agent.dnssec import denial
from vedette_agent.dnssec.anchors import Secure, secure
from vedette_agent.dnssec.denial import Delegation, Denial, Nsec3s, Nsecs, Proof, TooCostly
from vedette_agent.dnssec.reply import Name, Reply, Section, Signed, Type, shown
from vedette_agent.dnssec.signatures import Held, Keys, Unverified, Verifier
from vedette_agent.dnssec.verdict import Bogus, Insecure, Link, Question, Unusable, Verdict

MAX_QUESTIONS: Final = 96
MAX_ALIASES: Final = 16
MAX_DENIALS: Final = 8  # NSEC or NSEC3 sets of one reply; proofs need three

_RCODES: Final = {2: Failure.DNS_SERVFAIL, 5: Failure.DNS_REFUSED}
_NXDOMAIN: Final = 3
_PROOFS: Final = (Type.NSEC, Type.NSEC3)
_DENYING: Final = (*_PROOFS, Type.SOA)

T = TypeVar("T")
Steps = Generator[Question | None, Any, T]  # sent: the Reply to a Question, and anything after a turn


class Zone(NamedTuple):
    name: Name
    keys: Keys


class Chain:
    """One validation at *now*, Unix time."""

    def __init__(self, name: Name, rdtype: int, anchors: Sequence[Secure], now: float) -> None:
        self._name = name
        self._rdtype = rdtype
        self._anchors = anchors
        self._verifier = Verifier(now)
        self._questions = 0
        self._links: list[Link] = []
        self._zones: dict[Name, Zone] = {}  # those with keys, by their names
        self._holders: dict[Name, Zone] = {}  # names that are no cut, and the zone that they are in
        self._expires: float | None = None
        self._expiring = ""
        self._answer: Literal["data", "nodata", "nxdomain"] | None = None

    def verdict(self) -> Steps[Verdict]:
        """Raises Unusable, when the server does not answer in a way that says anything."""
        try:
            ends = yield from self._all()
        except Bogus as exc:
            return self._said("bogus", str(exc))
        if ends is None:
            return self._said("secure", "")
        is_missing = ends.cut is not None and (yield from self._has_keys(ends.cut))
        return self._said("insecure", str(ends), is_missing)

    def _said(
        self, status: Literal["secure", "insecure", "bogus"], why: str, is_missing: bool = False
    ) -> Verdict:
        chain = tuple(self._links)
        return Verdict(status, self._answer, why, chain, self._expires, self._expiring, is_missing)

    def _has_keys(self, cut: Name) -> Steps[bool]:
        try:
            reply = yield from self._ask(cut, Type.DNSKEY)
        except Unusable:
            return False
        return (cut, Type.DNSKEY) in reply.answer

    def _ask(self, name: Name, rdtype: int) -> Steps[Reply]:
        text = dns.rdatatype.to_text(Type.make(rdtype))
        what = f"{shown(name)} {text}"
        if self._questions == MAX_QUESTIONS:
            raise Unusable(Failure.DNS_WRONG_ANSWER, f"more than {MAX_QUESTIONS} questions, the last {what}")
        self._questions += 1
        reply: Reply = yield Question(name, text)
        if reply.rcode not in (0, _NXDOMAIN):
            rcode = dns.rcode.to_text(dns.rcode.Rcode(reply.rcode))
            raise Unusable(_RCODES.get(reply.rcode, Failure.DNS_RCODE), f"{rcode} for {what}")
        return reply

    def _all(self) -> Steps[Insecure | None]:
        """Every link from alias to alias. Insecure is the first that is; raises Bogus if any is bogus."""
        ends: Insecure | None = None
        name, seen = self._name, {self._name}
        reply = yield from self._ask(name, self._rdtype)
        while True:
            target = None if self._rdtype == Type.CNAME else _target(name, self._rdtype, reply)
            try:
                yield from self._link(name, reply, target)
            except Insecure as exc:
                ends = ends or exc
            except TooCostly as exc:
                ends = ends or Insecure(f"{shown(name)}: {exc}")
            if target is None:
                return ends
            if target in seen or len(seen) > MAX_ALIASES:
                raise Unusable(Failure.DNS_CNAME_DANGLING, f"the CNAMEs of {shown(self._name)} end nowhere")
            seen.add(target)
            name = target
            if not {(name, self._rdtype), (name, Type.CNAME)} & reply.answer.keys():
                reply = yield from self._ask(name, self._rdtype)

    def _link(self, name: Name, reply: Reply, target: Name | None) -> Steps[None]:
        found = reply.answer.get((name, self._rdtype))
        if target is not None:
            found = reply.answer[name, Type.CNAME]
            dname = _dname(name, reply)
            if dname is not None and not found.signatures:
                if _replaced(name, dname) != target:
                    raise Bogus(f"the CNAME of {shown(name)} is not what {dname} makes of it")
                found = dname
        if found is not None:
            self._answer = "data" if target is None else None
            yield from self._positive(found, reply)
            return
        self._answer = "nxdomain" if reply.rcode == _NXDOMAIN else "nodata"
        yield from self._negative(name, reply)

    def _positive(self, found: Signed, reply: Reply) -> Steps[None]:
        above = found.name.parent() if found.rdtype == Type.DS and len(found.name) > 1 else found.name
        signer = _signer([found], above)
        zone = yield from self._zone(above, signer, str(found))
        held = yield from self._verify(found, zone)
        if held.labels < _labels(found.name):
            denied = yield from self._denial(reply.authority, zone)
            proof = Proof.NOTHING if denied is None else denial.expanded(denied, found.name, held.labels)
            self._must(proof, f"{found} is from a wildcard, and nothing proves that there is no closer match")

    def _negative(self, name: Name, reply: Reply) -> Steps[None]:
        above = name.parent() if self._rdtype == Type.DS and len(name) > 1 else name
        signer = _signer([each for each in reply.authority.values() if each.rdtype in _DENYING], above)
        what = f"{shown(name)} {dns.rdatatype.to_text(Type.make(self._rdtype))}"
        zone = yield from self._zone(above, signer, f"the denial of {what}")
        denied = yield from self._denial(reply.authority, zone)
        if denied is None:
            proof = Proof.NOTHING
        elif self._answer == "nxdomain":
            proof = denial.nxdomain(denied, name)
        else:
            proof = denial.nodata(denied, name, self._rdtype)
        absent = (
            f"that {shown(name)} does not exist" if self._answer == "nxdomain" else f"that {what} is absent"
        )
        self._must(proof, f"nothing proves {absent}")

    def _must(self, proof: Proof, otherwise: str) -> None:
        if proof is Proof.OPT_OUT:
            raise Insecure(f"{shown(self._name)} lies in a span of unsigned delegations (NSEC3 opt-out)")
        if proof is Proof.NOTHING:
            raise Bogus(otherwise)

    def _zone(self, name: Name, signer: Name | None, what: str) -> Steps[Zone]:
        """The secure zone that *signer* is, above *name*. Raises Bogus, and Insecure on the way to it."""
        zone = yield from self._walk(name if signer is None else signer)
        if signer is None:
            raise Bogus(f"{what} has no RRSIG, and {shown(zone.name)} is signed")
        if zone.name != signer:
            raise Bogus(f"{what} is signed by {shown(signer)}, which is no zone of the chain")
        return zone

    def _walk(self, name: Name) -> Steps[Zone]:
        """Down from the nearest anchor to the zone that *name* is, or is in."""
        above = [anchor for anchor in self._anchors if name.is_subdomain(anchor.zone)]
        if not above:
            raise Insecure(f"there is no trust anchor at or above {shown(name)}")
        anchor = max(above, key=lambda each: len(each.zone))
        zone = self._zones.get(anchor.zone) or (yield from self._keys(anchor, "the trust anchor"))
        for count in range(len(anchor.zone) + 1, len(name) + 1):
            child = name.split(count)[1]
            known = self._zones.get(child) or self._holders.get(child)
            if known is not None:
                zone = known
                continue
            below, is_last = yield from self._below(zone, child)
            if below.name != child:
                self._holders[child] = zone
            if is_last:
                return zone
            zone = below
        return zone

    def _below(self, zone: Zone, child: Name) -> Steps[tuple[Zone, bool]]:
        """The zone that *child* is in, and whether nothing below it can be another."""
        reply = yield from self._ask(child, Type.DS)
        found = reply.answer.get((child, Type.DS))
        if found is not None:
            yield from self._verify(found, zone, may_be_expanded=False)
            return (yield from self._keys(secure(child, found.parsed), "its")), False
        alias = _dname(child, reply) or reply.answer.get((child, Type.CNAME))
        if alias is not None:
            # Neither is at a cut, and below a DNAME there is none.
            yield from self._verify(alias, zone)
            return zone, alias.rdtype == Type.DNAME
        denied = yield from self._denial(reply.authority, zone)
        said = Delegation.UNPROVEN if denied is None else denial.delegation(denied, child)
        match said:
            case Delegation.INSECURE:
                raise Insecure(f"{shown(zone.name)} has no DS for {shown(child)}", child)
            case Delegation.OPT_OUT:
                raise Insecure(f"{shown(zone.name)} has no DS for {shown(child)} (NSEC3 opt-out)", child)
            case Delegation.UNPROVEN:
                raise Bogus(f"{shown(zone.name)} has no DS for {shown(child)}, and does not prove it")
            case Delegation.NONE:
                return zone, False
            case Delegation.NO_NAME:
                return zone, True

    def _keys(self, believed: Secure, whence: str) -> Steps[Zone]:
        """The zone with its keys, of which one is *believed* and has signed them all."""
        name = believed.zone
        if not believed.is_supported:
            raise Insecure(f"{shown(name)} is signed with unsupported algorithms only ({believed})")
        reply = yield from self._ask(name, Type.DNSKEY)
        found = reply.answer.get((name, Type.DNSKEY))
        if found is None:
            raise Bogus(f"{shown(name)} has no DNSKEY for {whence} {believed}")
        confirmed = believed.confirmed(found.parsed)
        if not confirmed:
            raise Bogus(f"no DNSKEY of {shown(name)} matches {whence} {believed}")
        held = yield from self._verify(found, Zone(name, Keys(confirmed)), may_be_expanded=False)
        self._links.append(Link(name, held.algorithm, held.key_tag))
        zone = self._zones[name] = Zone(name, Keys(found.parsed))
        return zone

    def _verify(self, found: Signed, zone: Zone, *, may_be_expanded: bool = True) -> Steps[Held]:
        try:
            held = yield from self._verifier.verify(found, zone.name, zone.keys)
        except Unverified as exc:
            if exc.expired is not None:
                self._ends(exc.expired, str(found))
            raise Bogus(f"{found}: {exc}") from exc
        if not may_be_expanded and held.labels < _labels(found.name):
            raise Bogus(f"{found} is from a wildcard, which it cannot be")
        self._ends(held.expires, str(found))
        return held

    def _ends(self, at: float, what: str) -> None:
        if self._expires is None or at < self._expires:
            self._expires, self._expiring = at, what

    def _denial(self, authority: Section, zone: Zone) -> Steps[Denial | None]:
        """The verified records with which *zone* denies. Raises Bogus where one of them does not verify."""
        proofs = [each for each in authority.values() if each.rdtype in _PROOFS][:MAX_DENIALS]
        nsecs: list[tuple[Name, NSEC]] = []
        nsec3s: list[tuple[Name, NSEC3]] = []
        for each in proofs:
            # One made from a wildcard would deny names at will (CVE-2017-15105).
            yield from self._verify(each, zone, may_be_expanded=False)
            for data in each.parsed:
                if isinstance(data, NSEC):
                    nsecs.append((each.name, data))
                elif isinstance(data, NSEC3):
                    nsec3s.append((each.name, data))
        if nsec3s:
            return Nsec3s(zone.name, nsec3s)
        return Nsecs(zone.name, nsecs) if nsecs else None


def _target(name: Name, rdtype: int, reply: Reply) -> Name | None:
    """Where the alias at *name* leads; None when there is none."""
    if (name, rdtype) in reply.answer or (name, Type.CNAME) not in reply.answer:
        return None
    return reply.answer[name, Type.CNAME].target


def _dname(name: Name, reply: Reply) -> Signed | None:
    """The DNAME above *name*, of which its CNAME was made (RFC 6672 5.3)."""
    for found in reply.answer.values():
        if found.rdtype == Type.DNAME and name.is_subdomain(found.name) and name != found.name:
            return found
    return None


def _replaced(name: Name, dname: Signed) -> Name | None:
    """RFC 6672 2.2; None when no name can be so long."""
    try:
        return name.relativize(dname.name).concatenate(dname.target)
    except dns.name.NameTooLong:
        return None


def _signer(sets: Sequence[Signed], name: Name) -> Name | None:
    """The zone at or above *name* that signed one of *sets*; the lowest where there are several."""
    signers = {each.signer for found in sets for each in found.signatures if name.is_subdomain(each.signer)}
    return max(signers, key=len, default=None)


def _labels(name: Name) -> int:
    """As an RRSIG counts them (RFC 4034 3.1.3): neither the root nor a wildcard's asterisk."""
    return len(name) - 1 - name.is_wild()
