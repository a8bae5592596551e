"""What readers see of incidents: copies, bounded, and as series."""

import msgspec
from msgspec.structs import replace

from collector.collector_helpers import NOW, Core
from collector.exposition_helpers import text, value
from collector.incident_helpers import DYN, finding, incident
from vedette_collector.condition import Condition
from vedette_collector.docket import KEPT_CLOSED, Docket
from vedette_collector.exposition.incidents import LABEL_CHARS, MOST, component_label
from vedette_collector.store.cases import Cases
from vedette_collector.store.database import Loaded, Writing
from vedette_collector.verdicts.component import Component, Entity, Kind, Part, component
from vedette_collector.verdicts.incident import Change, Incident


def page(docket: Docket) -> str:
    condition = Condition(NOW.wall)
    condition.docket = docket
    return text(Core(), condition=condition)


def numbered(count: int, **more: object) -> dict[str, Incident]:
    return {each.id: each for each in (incident(f"20270115-{n:04d}-00000000", **more) for n in range(count))}


def loaded(writing: Writing) -> Loaded:
    return Loaded([], [], [], writing.facts, 0, writing.incidents)


def test_readers_have_copies_and_the_newest_first() -> None:
    docket, known = Docket(), numbered(3)
    assert docket.take(known)
    assert list(docket.incidents) == sorted(known, reverse=True)
    first = next(iter(known.values()))
    first.active.clear()
    first.findings["more"] = finding()
    first.state = "quiet"
    shown = docket.incidents[first.id]
    assert (shown.state, len(shown.active), len(shown.findings)) == ("open", 1, 1)
    assert docket.take(known)
    assert docket.incidents[first.id].state == "quiet"
    assert not docket.take(known)


def test_what_the_engine_forgot_stays_up_to_a_number() -> None:
    docket = Docket()
    docket.take(numbered(KEPT_CLOSED + 5, state="closed") | {"2026": incident("2026")})
    docket.take({})
    assert len(docket.incidents) == KEPT_CLOSED + 1
    assert list(docket.incidents)[-1] == "2026"  # as old as it is: it is open
    assert "20270115-0004-00000000" not in docket.incidents


def test_an_incident_is_1_while_it_alerts_0_while_it_is_held_and_gone_when_it_is_closed() -> None:
    docket, one = Docket(), incident()
    labels = {"incident": one.id, "component": str(DYN), "kind": "compound", "severity": "page"}
    docket.take({one.id: one})
    docket.alerting = frozenset({one.id})
    assert value(page(docket), "vedette_incident", **labels) == 1
    assert value(page(docket), "vedette_incidents_open", severity="page") == 1
    docket.alerting = frozenset()
    docket.take({one.id: replace(one, state="quiet")})
    assert value(page(docket), "vedette_incident", **labels) == 0
    assert value(page(docket), "vedette_incidents_open", severity="page") == 0
    docket.take({one.id: replace(one, state="closed", closed=NOW.wall)})
    assert value(page(docket), "vedette_incident", **labels) is None


def test_there_are_so_many_series_and_no_more_and_pages_come_first() -> None:
    docket = Docket()
    docket.take(numbered(MOST + 20, severity="ticket") | {"2026": incident("2026")})
    lines = [line for line in page(docket).splitlines() if line.startswith("vedette_incident{")]
    assert len(lines) == MOST
    assert 'incident="2026"' in lines[0]


def test_a_long_component_is_cut_and_two_stay_two() -> None:
    names = [f"target-{number:03d}.example.com" for number in range(60)]
    long, longer = (
        component_label(component(Entity(Kind.TARGET, name) for name in group))
        for group in (names[:50], names)
    )
    assert len(long) == len(longer) == LABEL_CHARS
    assert long != longer
    assert component_label(DYN) == str(DYN)


def test_names_in_a_component_cannot_break_the_page() -> None:
    docket = Docket()
    hostile = Component((Part(Kind.TARGET, ('a"} 1\nvedette_incident{x="\\',)),))
    docket.take({"x": incident("x", component=hostile)})
    assert value(page(docket), "vedette_incident", component=str(hostile)) == 0


def test_what_is_counted_by_severity() -> None:
    docket = Docket()

    def change(what: str, severity: str, *, paged: bool) -> None:
        fields = {"what": what, "severity": severity, "paged": paged}
        docket.count(Change(incident="x", at=0.0, headline="", component=DYN, **fields))  # type: ignore[arg-type]

    change("opened", "ticket", paged=False)
    change("updated", "ticket", paged=False)
    change("updated", "page", paged=True)
    change("reopened", "page", paged=False)
    change("opened", "page", paged=True)
    assert docket.reached == {"page": 2, "ticket": 1}


def test_incidents_are_stored_when_they_change_and_come_back_as_they_were() -> None:
    docket, one = Docket(), incident()
    cases = Cases(docket)
    docket.take({one.id: one, "other": incident("other")})
    docket.reached["page"] = 2
    writing = cases.writing()
    assert [name for name, _ in writing.incidents] == ["other", one.id]
    assert cases.writing().incidents == []
    again = Docket()
    restored = Cases(again).restored(loaded(writing))
    assert {each.id: each for each in restored} == docket.incidents
    assert (list(again.incidents), again.reached) == ([one.id, "other"], {"page": 2, "ticket": 0})
    docket.take({one.id: replace(one, state="quiet")})
    assert [name for name, _ in cases.writing().incidents] == [one.id]
    cases.forget()
    assert len(cases.writing().incidents) == 2
    del docket.incidents["other"]
    assert cases.writing().gone_incidents == ["other"]


def test_an_incident_that_cannot_be_read_costs_only_itself() -> None:
    docket, one = Docket(), incident()
    docket.take({one.id: one})
    writing = Cases(docket).writing()
    later = msgspec.msgpack.encode({"id": "2028", "state": "of a later version"})
    broken = [*writing.incidents, ("2028", later), ("2029", b"\xc1")]
    restored = Cases(Docket()).restored(Loaded([], [], [], {}, 0, broken))
    assert restored == [one]
