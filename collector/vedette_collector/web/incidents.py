"""`/api/v1/incidents`: what broke, since when, seen from where and how sure. Keys are stable."""

from typing import Any, Final

from aiohttp import web

from vedette_collector.board import Board
from vedette_collector.docket import SEVERITIES, Docket
from vedette_collector.verdicts import words
from vedette_collector.verdicts.component import Component
from vedette_collector.verdicts.evidence import Exonerated, Finding, First, Share
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.incident import Incident, State
from vedette_collector.web import api
from vedette_collector.web.incident_view import Watch

MOST: Final = 100  # in one answer; each may have some 50 KiB
DEFAULT: Final = 50
_STATES: Final[dict[State, int]] = {"open": 0, "quiet": 1, "closed": 2}


def incidents(request: web.Request, board: Board, docket: Docket, watch: Watch, now: float) -> web.Response:
    """The worst first: open ones that page, other open ones, those held for a return, closed ones; of each
    the newest. `state=open`, the default, are those that are not closed."""
    state, wanted = request.query.get("state", "open"), request.query.get("id")
    if state not in ("open", "all"):
        return api.problem(400, "state must be open or all")
    found = [
        each
        for each in docket.incidents.values()
        if wanted == each.id or (wanted is None and (state == "all" or each.state != "closed"))
    ]
    found.sort(key=lambda each: (_STATES[each.state], each.state == "open" and each.severity != "page"))
    extents = docket.extents
    failing = [each.severity for each in docket.held if each.state == "open"]
    head = {
        "decided": docket.decided_at,
        "open": {severity: failing.count(severity) for severity in SEVERITIES},
        "watching": watch._asdict(),
    }
    return api.listing(
        request,
        "incidents",
        found,
        lambda each: _incident(each, board, docket, extents, now),
        most=MOST,
        usual=DEFAULT,
        head=head,
    )


def _incident(
    incident: Incident, board: Board, docket: Docket, extents: Extents | None, now: float
) -> dict[str, Any]:
    said = words.report(incident, now, extents)
    headline = incident.findings[str(incident.component)]
    others = [each for key, each in incident.findings.items() if key != str(incident.component)]
    return {
        "id": incident.id,
        "state": incident.state,
        "severity": incident.severity,
        "alerting": incident.id in docket.alerting,
        "headline": said.headline,
        "component": str(incident.component),
        "kind": incident.component.kind,
        "parts": _parts(incident.component),
        "began": incident.began,
        "opened": incident.opened,
        "changed": incident.changed,
        "quiet_since": incident.quiet_since,
        "closed": incident.closed,
        "reopened": incident.reopened,
        "longest_lull_seconds": incident.lulls,
        "merged_into": incident.merged_into,
        "telemetry_lost": incident.frozen,
        "text": said,
        **_finding(headline, board),
        "dependents": [
            {
                "component": str(each.component),
                "kind": each.component.kind,
                "active": str(each.component) in incident.active,
                **_finding(each, board),
            }
            for each in sorted(others, key=lambda each: (each.began, str(each.component)))
        ],
        "checks": sorted(check for check, by in docket.explained_checks.items() if by == incident.id),
        "silent_agents": sorted(agent for agent, by in docket.explained_agents.items() if by == incident.id),
    }


def _finding(finding: Finding, board: Board) -> dict[str, Any]:
    return {
        "track": finding.track,
        "certainty": finding.certainty,
        "score_nats": finding.score,
        "partial": finding.is_partial,
        "of_attempts": finding.of_attempts,
        "inside": _share(finding.inside),
        "outside": _share(finding.outside),
        "agents": finding.agents,
        "networks": finding.networks,
        "targets": finding.targets,
        "failures": dict(finding.codes),
        "first_failure": finding.began,
        "last_failure": finding.last,
        "confirmed": finding.confirmed,
        "asked": _share(finding.asked),
        "bypasses": {bypass: _share(share) for bypass, share in finding.bypasses},
        "alternatives": [str(each) for each in finding.alternatives],
        "rivals": [str(each) for each in finding.rivals],
        "exonerated": [_exonerated(each) for each in finding.exonerated],
        "first_failures": [_first(each, board) for each in finding.firsts],
    }


def _parts(component: Component) -> list[dict[str, Any]]:
    return [{"kind": part.kind.value, "names": part.names} for part in component.parts]


def _share(share: Share) -> dict[str, int]:
    return {"failed": share.failed, "total": share.total}


def _exonerated(each: Exonerated) -> dict[str, Any]:
    return {"kind": each.entity.kind.value, "name": each.entity.name, "elsewhere": _share(each.elsewhere)}


def _first(first: First, board: Board) -> dict[str, Any]:
    has_evidence = board.evidence.has(first.check, first.agent)
    return {
        "agent": first.agent,
        "check": first.check,
        "at": first.at,
        "failure": first.code,
        "evidence": f"/evidence/{first.check}/{first.agent}" if has_evidence else None,
    }
