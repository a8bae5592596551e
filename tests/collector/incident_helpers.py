"""Incidents with everything that a test does not care about."""

from typing import Any

from collector.collector_helpers import NOW
from vedette_collector.verdicts.component import Component, Entity, Kind, component
from vedette_collector.verdicts.evidence import Exonerated, Finding, First, Share
from vedette_collector.verdicts.incident import Incident

DYN = component([Entity(Kind.AUTHORITY, "dyn"), Entity(Kind.REGION, "us-east")])


def finding(blamed: Component = DYN, **more: Any) -> Finding:
    fields: dict[str, Any] = {
        "component": blamed,
        "track": "dns",
        "score": 40.0,
        "certainty": "certain",
        "inside": Share(78, 100),
        "outside": Share(4, 1000),
        "agents": ("par-01",),
        "networks": ("isp-a",),
        "targets": ("api.example.com",),
        "codes": (("dns.timeout", 78),),
        "began": NOW.wall - 60,
        "last": NOW.wall - 1,
        "alternatives": (component([Entity(Kind.ZONE, "example.com")]),),
        "exonerated": (Exonerated(entity=Entity(Kind.RESOLVER, "isp"), elsewhere=Share(0, 50)),),
        "firsts": (First(agent="par-01", check="api-dns", at=NOW.wall - 60, code="dns.timeout"),),
        "confirmed": 70,
        "asked": Share(5, 6),
        "bypasses": (("resolver", Share(3, 3)),),
    }
    return Finding(**{**fields, **more})


def incident(name: str = "20270115-0800-0123abcd", **more: Any) -> Incident:
    head = more.get("component", DYN)
    fields: dict[str, Any] = {
        "id": name,
        "state": "open",
        "severity": "page",
        "component": head,
        "findings": {str(head): finding(head)},
        "active": [str(head)],
        "began": NOW.wall - 60,
        "opened": NOW.wall - 57,
        "changed": NOW.wall - 57,
    }
    return Incident(**{**fields, **more})
