"""What a backtest found, for people and as JSON. Times are UTC."""

from datetime import UTC, datetime
from typing import Any

from vedette_collector.replay.backtest import Backtest, Said


def document(test: Backtest) -> dict[str, Any]:
    return {
        "from": _text(test.first),
        "until": _text(test.last),
        "results": test.results,
        "skipped": test.skipped,
        "gaps": test.gaps,
        "pages": sum(each.change.paged for each in test.said),
        "incidents": [_incident(each) for each in _by_incident(test).values()],
    }


def lines(test: Backtest) -> list[str]:
    if test.first is None:
        return ["no result of these agents and checks in this time"]
    found = [f"{test.results:,} results from {_text(test.first)} to {_text(test.last)}"]
    if test.skipped:
        found.append(f"{test.skipped:,} of them left out: late, or not in this configuration")
    if test.gaps:
        found.append(f"{test.gaps} times nobody was heard: the collector was away")
    incidents = _by_incident(test)
    pages = sum(each.change.paged for each in test.said)
    found.append(f"{len(incidents)} incidents, {pages} pages")
    for name, changes in incidents.items():
        found += ["", name]
        for at, change in changes:
            paged = ", would have paged" if change.paged else ""
            found.append(f"  {_text(at)} {change.what} ({change.severity}{paged}): {change.headline}")
    return found


def _by_incident(test: Backtest) -> dict[str, list[Said]]:
    found: dict[str, list[Said]] = {}
    for each in test.said:
        found.setdefault(each.change.incident, []).append(each)
    return found


def _incident(changes: list[Said]) -> dict[str, Any]:
    last = changes[-1].change
    page = next((each.at for each in changes if each.change.paged), None)
    return {
        "id": last.incident,
        "component": str(last.component),
        "severity": last.severity,
        "headline": last.headline,
        "opened": _text(changes[0].at),
        "paged": _text(page),
        "changes": [
            {
                "at": _text(each.at),
                "what": each.change.what,
                "component": str(each.change.component),
                "severity": each.change.severity,
                "paged": each.change.paged,
                "headline": each.change.headline,
            }
            for each in changes
        ],
    }


def _text(at: float | None) -> str | None:
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
