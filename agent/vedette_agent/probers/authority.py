"""All name servers of one zone: found, asked side by side, and held against each other."""

from collections.abc import Sequence

from vedette.checks.model import AuthorityCheck
from vedette.wire.facts import AuthorityFacts, AuthorityServerFacts
from vedette_agent.dns.iterate.compared import Delegation, Fault, Findings, Seen, compared
from vedette_agent.dns.iterate.referral import shown
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import Record
from vedette_agent.outcome import microseconds
from vedette_agent.probers.delegated import Servers, delegated
from vedette_agent.probers.iterating import Inquiry, failure
from vedette_agent.probers.zoneservers import Asking

# What an answer without the record says.
_NONE: dict[tuple[str, ...] | None, Fault] = {
    (): ("dns.nodata", "that there is no such record"),
    ("NXDOMAIN",): ("dns.nxdomain", "NXDOMAIN"),
}


async def probe_authority(check: AuthorityCheck, io: Io, record: Record) -> None:
    """Phases "resolve" (the servers are found) and "request". Facts are kept also when something is wrong."""
    record.stage = "dns"
    inquiry = Inquiry(io, record, check.port, "resolve")
    found = await delegated(check, io, record, inquiry)
    if not found.servers:
        versions = " or ".join(f"IPv{family}" for family in check.families)
        nothing = ("dns.delegation", f"no server of {shown(check.zone)} has an {versions} address")
        raise failure(*(found.faults or [nothing])[0])
    inquiry.phase = "request"
    asked = Asking(check, inquiry, found)
    await asked.run()
    delegation = Delegation(found.stated, asked.own, check.families)
    findings = compared(check.zone, asked.seen, delegation, check.max_serial_lag)
    record.authority = _facts(found, asked.seen, findings, inquiry)
    faults = [*findings.faults[:1], *found.faults, *findings.faults[1:], *_nowhere(check, asked.seen)]
    if faults:
        raise failure(faults[0][0], "; ".join(text for _, text in faults))


def _nowhere(check: AuthorityCheck, seen: Sequence[Seen]) -> list[Fault]:
    """The fault of a record about which all servers agree because none of them has it."""
    said = {one.record for one in seen if one.record is not None}
    if len(said) != 1 or not said <= _NONE.keys():
        return []
    code, words = _NONE[said.pop()]
    return [(code, f"no server has {check.record_name} {check.record_type}: all say {words}")]


def _facts(found: Servers, seen: Sequence[Seen], findings: Findings, inquiry: Inquiry) -> AuthorityFacts:
    took = [one.seconds for one in seen if one.seconds is not None]
    return AuthorityFacts(
        servers=[
            AuthorityServerFacts(
                name=one.server.name,
                address=one.server.address,
                rcode=one.rcode,
                authoritative=one.authoritative,
                serial=one.serial,
                duration_us=None if one.seconds is None else microseconds(one.seconds),
                failure=one.code,
            )
            for one in seen
        ],
        known=found.names,
        answering=sum(one.code is None for one in seen),
        lame=sum(one.code == "dns.lame" for one in seen),
        serials=findings.serials,
        newest_serial=findings.newest,
        slowest_us=microseconds(max(took)) if took else None,
        delegation_differs=findings.delegation_differs,
        servers_differ=findings.servers_differ,
        spoof_suspected=inquiry.strangers,
    )
