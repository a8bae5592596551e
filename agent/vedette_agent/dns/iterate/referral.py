"""What a response means, coming from a server of *zone*. That decides what it may say at all.

A server speaks for its zone and for nothing else: it may answer names in it, and refer to a zone between
its own and the asked name. A referral to itself, upwards or sideways is *lame* (RFC 9499 7). An address that
comes along is believed only where its name lies in the zone and is one of the servers (RFC 2181 5.4.1).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from vedette_agent.dns.iterate.sections import Sections, is_within
from vedette_agent.dns.reading import rcode_text
from vedette_agent.dns.records import AAAA, CNAME, NS, SOA, A

MAX_SERVERS: Final = 16  # of one zone; those named first. The root and the largest zones have 13.
MAX_GLUE: Final = 4  # addresses of one server and family

NXDOMAIN: Final = 3


class Found(NamedTuple):
    """Records of the asked type, with authority."""

    owner: str  # the asked name, or where its aliases within the zone end
    data: tuple[str, ...]  # see `Rr.data`


class Alias(NamedTuple):
    """The name is another's alias, and that one's records are not here."""

    target: str


class Nothing(NamedTuple):
    """With authority: no such name, or no such record of it."""

    exists: bool


class Referral(NamedTuple):
    """The zone is delegated to these servers."""

    zone: str
    servers: tuple[str, ...]
    glue: Mapping[str, tuple[str, ...]]  # addresses of both families, of servers in the referring zone


class Lame(NamedTuple):
    """The server does not serve the zone that is delegated to it."""

    why: str


Meaning = Found | Alias | Nothing | Referral | Lame


def meant(said: Sections, zone: str, name: str, rdtype: int) -> Meaning:
    """What *said*, the response to *name* and *rdtype* from a server of *zone*, means."""
    if said.rcode not in (0, NXDOMAIN):
        return Lame(f"it says {rcode_text(said.rcode)}")
    owner, was_followed = _followed(said, zone, name, rdtype)
    # What a server says of a name in another zone is hearsay.
    data = said.found(owner, rdtype) if is_within(owner, zone) else ()
    if data or was_followed:
        if not said.authoritative:
            return Lame("it answers without authority (AA clear)")
        return Found(owner, data) if data else Alias(owner)
    if said.rcode == NXDOMAIN:
        return Nothing(exists=False) if said.authoritative else Lame("it says NXDOMAIN without authority")
    cuts = {rr.owner for rr in said.authority if rr.rdtype == NS}
    below = [cut for cut in cuts if cut != zone and is_within(cut, zone) and is_within(name, cut)]
    if below:
        return _referral(said, zone, max(below, key=len))
    if said.authoritative:
        return Nothing(exists=True)
    if not cuts:
        soa = any(rr.rdtype == SOA for rr in said.authority)
        return Lame("it says without authority that there is no record" if soa else "it says nothing")
    cut = min(cuts)
    if cut == zone:
        return Lame("it refers to the zone that it should serve itself")
    return Lame(f"it refers {'upwards' if is_within(zone, cut) else 'sideways'}, to {shown(cut)}")


def _followed(said: Sections, zone: str, name: str, rdtype: int) -> tuple[str, bool]:
    """Where the aliases of *name* lead within *zone*, and whether there was one."""
    if rdtype == CNAME:
        return name, False
    aliases = {rr.owner: rr.data for rr in said.answer if rr.rdtype == CNAME}
    owner = name
    seen = {name}
    while owner in aliases and is_within(owner, zone) and aliases[owner] not in seen:
        owner = aliases[owner]
        seen.add(owner)
    if owner in aliases and aliases[owner] in seen:  # a loop: let who counts aliases find it
        return aliases[owner], True
    return owner, owner != name


def _referral(said: Sections, zone: str, cut: str) -> Referral:
    named = dict.fromkeys(rr.data for rr in said.authority if rr.rdtype == NS and rr.owner == cut)
    servers = tuple(named)[:MAX_SERVERS]
    glue: dict[str, tuple[str, ...]] = {}
    for server in servers:
        if is_within(server, zone):
            v4, v6 = (
                [rr.data for rr in said.additional if rr.owner == server and rr.rdtype == kind][:MAX_GLUE]
                for kind in (A, AAAA)
            )
            glue[server] = (*v4, *v6)
    return Referral(cut, servers, glue)


def shown(name: str) -> str:
    """*name* with its final dot, as zones are written."""
    return name if name == "." else f"{name}."
