"""Incidents as the engine would have them, with everything that a test does not care about."""

from typing import Any

from collector.collector_helpers import NOW
from vedette_collector.docket import Docket
from vedette_collector.verdicts.component import Component, Entity, Kind, component
from vedette_collector.verdicts.evidence import Exonerated, Finding, First, Share
from vedette_collector.verdicts.incident import Incident

BEGAN = NOW.wall - 720.0
DYN = component((Entity(Kind.AUTHORITY, "dyn"), Entity(Kind.REGION, "us-east")))
WEB = component((Entity(Kind.TARGET, "www.example.com"),))
ISP = component((Entity(Kind.NETWORK, "AS64500"),))
HOSTILE = component((Entity(Kind.TARGET, "<script>alert(1)</script>\u202e\x1b[31m"),))


def finding(blamed: Component = DYN, **more: Any) -> Finding:
    fields: dict[str, Any] = {
        "component": blamed,
        "track": "dns",
        "score": 812.0,
        "certainty": "certain",
        "inside": Share(321, 412),
        "outside": Share(12, 3100),
        "agents": ("fra-01", "par-01"),
        "networks": ("AS64500", "AS64501"),
        "targets": ("api.example.com", "www.example.com"),
        "codes": (("dns.timeout", 300), ("dns.servfail", 21)),
        "began": BEGAN,
        "last": NOW.wall - 5.0,
        "exonerated": (Exonerated(entity=Entity(Kind.RESOLVER, "192.0.2.53"), elsewhere=Share(1, 950)),),
        "firsts": (
            First(agent="par-01", check="api-dns", at=BEGAN, code="dns.timeout"),
            First(agent="fra-01", check="gone", at=BEGAN + 1.0, code="dns.servfail"),
        ),
        "confirmed": 300,
        "asked": Share(6, 6),
        "bypasses": (("resolver", Share(12, 12)), ("last_good", Share(0, 9))),
    }
    return Finding(**{**fields, **more})


def incident(head: Finding | None = None, *others: Finding, **more: Any) -> Incident:
    head = head or finding()
    findings = {str(each.component): each for each in (head, *others)}
    fields: dict[str, Any] = {
        "id": "20270115-0748-0a1b2c3d",
        "state": "open",
        "severity": "page",
        "component": head.component,
        "findings": findings,
        "active": list(findings),
        "began": BEGAN,
        "opened": BEGAN + 3.0,
        "changed": BEGAN + 30.0,
    }
    return Incident(**{**fields, **more})


def holding(*found: Incident) -> Docket:
    """These, as if they had been found."""
    docket = Docket()
    docket.incidents = {each.id: each for each in found}
    docket.alerting = frozenset(each.id for each in found if each.state == "open")
    docket.explained_checks = {"web": found[0].id} if found else {}
    return docket


def story_incidents() -> Docket:
    """One that pages, a ticket, one that is quiet and one that is over."""
    return holding(
        incident(finding(), finding(WEB, track="connection", codes=(("http.status", 7),))),
        incident(
            finding(ISP, track="silence", inside=Share(2, 2), outside=Share(0, 8), firsts=(), codes=()),
            id="20270115-0750-00000002",
            severity="ticket",
        ),
        incident(
            finding(WEB),
            id="20270115-0600-00000003",
            state="quiet",
            active=[],
            quiet_since=NOW.wall - 1200.0,
            lulls=300.0,
            reopened=2,
        ),
        incident(
            finding(WEB), id="20270115-0100-00000004", state="closed", active=[], closed=NOW.wall - 3600.0
        ),
    )
