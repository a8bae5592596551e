"""The series of incidents. An incident has one while it is held, and none once it is closed."""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Final

from vedette_collector.asks import REASONS
from vedette_collector.docket import DECISIONS, SEVERITIES, Docket
from vedette_collector.exposition.text import Family
from vedette_collector.verdicts.component import Component
from vedette_collector.verdicts.incident import Incident

MOST: Final = 100  # incidents with a series; pages come first
LABEL_CHARS: Final = 160  # of a component
_TAIL: Final = 8  # characters of the hash that ends one that was cut

FAMILIES: Final = (
    Family(
        "vedette_incident",
        "gauge",
        "1 while an incident alerts, which goes on for a while after it fell quiet; else 0.",
        ("incident", "component", "kind", "severity"),
        "Gone when it is closed. The component of an incident may change while it becomes clearer. "
        f"At most {MOST} incidents, pages first and then the newest; a component of more than {LABEL_CHARS} "
        "characters is cut and ends in a hash.",
    ),
    Family(
        "vedette_check_explained",
        "gauge",
        "1 while an alerting incident accounts for the failures of a check.",
        ("check", "incident"),
    ),
    Family(
        "vedette_agent_explained",
        "gauge",
        "1 while an alerting incident accounts for the silence of an agent.",
        ("agent", "incident"),
    ),
    Family("vedette_incidents_open", "gauge", "Incidents that alert, by severity.", ("severity",)),
    Family(
        "vedette_incidents_total",
        "counter",
        "Incidents that ever had a severity.",
        ("severity",),
        "One that begins as a ticket and becomes a page counts as both.",
    ),
    Family(
        "vedette_collector_decision_seconds",
        "histogram",
        "Time of the processor that decisions about verdicts took.",
    ),
    Family(
        "vedette_collector_decision_waiting_seconds",
        "gauge",
        "How long something waits to be decided. Between two decisions it is 0.",
        (),
        "It grows while decisions end in errors, or do not end.",
    ),
    Family(
        "vedette_collector_decision_errors_total",
        "counter",
        "Decisions that ended in an error of ours. Anything but 0 is a bug.",
    ),
    Family(
        "vedette_collector_observations_total",
        "counter",
        "Results that verdicts looked at: failures, and what followed one.",
    ),
    Family("vedette_collector_asks_total", "counter", "Probes that agents were asked for."),
    Family(
        "vedette_collector_asks_answered_total", "counter", "Of these, the probes whose result came in time."
    ),
    Family("vedette_collector_asks_expired_total", "counter", "Of these, the probes that nobody answered."),
    Family(
        "vedette_collector_asks_withheld_total",
        "counter",
        "Probes that were not asked for, by reason.",
        ("reason",),
        "`absent`: the agent is not there; `unassigned`: it is not its check; `rate`: more than the agent or "
        "the fleet may be asked; `refused`: the broker did not take it: is its `acl` an old one?",
    ),
)

Sample = tuple[str, tuple[tuple[str, str], ...], float]


def samples(docket: Docket, mono: float) -> Iterator[Sample]:
    held = docket.held
    for each in sorted(held, key=lambda one: (one.severity != "page", -one.opened))[:MOST]:
        yield "vedette_incident", _labels(each), int(each.id in docket.alerting)
    for check, incident in docket.explained_checks.items():
        yield "vedette_check_explained", (("check", check), ("incident", incident)), 1
    for agent, incident in docket.explained_agents.items():
        yield "vedette_agent_explained", (("agent", agent), ("incident", incident)), 1
    for severity in SEVERITIES:
        alerting = sum(each.severity == severity and each.id in docket.alerting for each in held)
        yield "vedette_incidents_open", (("severity", severity),), alerting
        yield "vedette_incidents_total", (("severity", severity),), docket.reached[severity]
    yield from _decisions(docket)
    waiting = 0.0 if docket.due_since is None else max(mono - docket.due_since, 0.0)
    yield "vedette_collector_decision_waiting_seconds", (), round(waiting, 3)
    yield "vedette_collector_decision_errors_total", (), docket.decision_errors
    yield "vedette_collector_observations_total", (), docket.observed
    asks = docket.asks
    if asks is not None:
        yield "vedette_collector_asks_total", (), asks.asked
        yield "vedette_collector_asks_answered_total", (), asks.answered
        yield "vedette_collector_asks_expired_total", (), asks.expired
        for reason in REASONS:
            yield "vedette_collector_asks_withheld_total", (("reason", reason),), asks.withheld[reason]


def _labels(incident: Incident) -> tuple[tuple[str, str], ...]:
    return (
        ("incident", incident.id),
        ("component", component_label(incident.component)),
        ("kind", incident.component.kind),
        ("severity", incident.severity),
    )


def component_label(component: Component) -> str:
    """Its text; what is too long for a label ends in a hash of the whole, so that two stay two."""
    text = str(component)
    if len(text) <= LABEL_CHARS:
        return text
    tail = blake2b(text.encode(), digest_size=_TAIL // 2).hexdigest()
    return f"{text[: LABEL_CHARS - _TAIL - 1]}…{tail}"


def _decisions(docket: Docket) -> Iterator[Sample]:
    name, total = "vedette_collector_decision_seconds", 0
    for bound, count in zip((*(f"{each:g}" for each in DECISIONS), "+Inf"), docket.decisions, strict=True):
        total += count
        yield f"{name}_bucket", (("le", bound),), total
    yield f"{name}_sum", (), round(docket.decision_seconds, 6)
    yield f"{name}_count", (), total
