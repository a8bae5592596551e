"""`vedette incidents`: what a person reads at night, the exit codes, and what it does with nonsense."""

import json
from typing import Any

import pytest

from cli.test_status import serving
from vedette import cli
from vedette_collector.status import incidents

TEXT: dict[str, Any] = {
    "headline": "Name servers of dyn from region us-east: no DNS answer in time (dns.timeout), "
    "78 % of 412 probes fail, 0.4 % of 3,100 that avoid it",
    "since": "2027-01-15 07:48:00 UTC, for 12 min",
    "state": "open, somebody was paged",
    "certainty": "Certain: no other component explains it as well.",
    "evidence": "78 % of 412 probes that need the name servers of dyn from region us-east failed.",
    "failures": "no DNS answer in time (dns.timeout) 300 times",
    "seen_from": "2 agents (fra-01 and par-01) in 2 networks (AS64500 and AS64501)",
    "not_seen_from": "3 agents that probe it see nothing",
    "confirmed": ["300 probes failed again when repeated.", "a", "b", "c"],
    "alternatives": [],
    "exonerated": ["Not resolver 192.0.2.53: 0.1 % of 950 other probes through it failed."],
    "dependents": ["Target www.example.com: wrong HTTP status"],
    "earlier": [],
    "firsts": [
        {"agent": "par-01", "check": "api-dns", "code": "dns.timeout", "at": 1.0, "text": "07:48: api-dns"}
    ],
    "notes": [],
}
PAGE: dict[str, Any] = {
    "id": "20270115-0748-0a1b2c3d",
    "state": "open",
    "severity": "page",
    "began": 1.0,
    "closed": None,
    "text": TEXT,
    "checks": ["api-dns", "web"],
    "silent_agents": [],
    "first_failures": [{"evidence": "/evidence/api-dns/par-01"}],
}
TICKET = PAGE | {
    "id": "20270115-0750-00000002",
    "severity": "ticket",
    "text": TEXT | {"headline": "Agent x: silent"},
}
CLOSED = PAGE | {"id": "20270115-0700-00000003", "state": "closed", "closed": 2.0}


def told(*found: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    failing = [each["severity"] for each in found if each["state"] == "open"]
    return {
        "decided": 1.0,
        "open": {severity: failing.count(severity) for severity in ("page", "ticket")},
        "watching": {"probes": 5000, "agents": 10, "networks": 1},
        "incidents": list(found),
        "total": len(found) if total is None else total,
    }


def run(document: dict[str, Any], *words: str) -> int:
    with serving(json.dumps(document).encode()) as url:
        return cli.main(["incidents", "--url", url, *words])


def test_no_incident_says_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(told()) == 0
    assert capsys.readouterr().out.splitlines() == [
        "✓ No incident",
        "5,000 probes of 10 connected agents in 1 network looked.",
    ]


def test_nobody_looks_is_no_comfort(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(told() | {"watching": {"probes": 0, "agents": 0, "networks": 0}}) == 0
    assert "Nobody looks: no connected agent has a fresh result." in capsys.readouterr().out


def test_what_broke_stands_first_and_fits_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page before the ticket, headline, since, evidence, and where to read on."""
    monkeypatch.setenv("COLUMNS", "80")
    assert run(told(TICKET, PAGE)) == 1
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "✕ 2 open incidents, 1 to wake somebody"
    assert lines[3] == "PAGE    Name servers of dyn from region us-east: no DNS answer in time"
    assert lines[4].strip() == "(dns.timeout), 78 % of 412 probes fail, 0.4 % of 3,100 that avoid it"
    assert lines[5].strip() == "Since 2027-01-15 07:48:00 UTC, for 12 min; open, somebody was paged."
    assert "TICKET  Agent x: silent" in lines
    for text in ("Not resolver 192.0.2.53", "With it: Target www", "First: 07:48: api-dns", "and 1 more"):
        assert text in out
    assert "        More: --id 20270115-0748-0a1b2c3d" in lines
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in out, "no colour where nobody looks"


def test_one_is_told_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(told(PAGE), "--id", PAGE["id"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("PAGE    Name servers of dyn")
    for text in (
        "3 agents that probe it see nothing.",
        "Checks that fail because of it: api-dns, web.",
        "Evidence: /evidence/api-dns/par-01",
        "ID 20270115-0748-0a1b2c3d",
    ):
        assert text in out
    assert "more" not in out


@pytest.mark.parametrize(
    ("found", "words", "code"),
    [
        ((TICKET,), (), 0),
        ((CLOSED,), ("--all",), 0),
        ((CLOSED,), ("--id", CLOSED["id"]), 0),
        ((PAGE,), ("--json",), 1),
        ((), ("--id", "nothing"), 2),
    ],
)
def test_the_exit_code_says_whether_somebody_is_to_be_woken(
    found: tuple[dict[str, Any], ...], words: tuple[str, ...], code: int
) -> None:
    assert run(told(*found), *words) == code


def test_a_page_that_is_not_in_the_answer_counts() -> None:
    """The API tells 100 incidents at most: the oldest may be the one that pages."""
    assert run(told(TICKET, total=101) | {"open": {"page": 1, "ticket": 100}}) == 1


def test_an_unknown_id_says_how_to_find_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(told(), "--id", "a b#c") == 2
    assert "knows no incident 'a b#c'; `vedette incidents --all` lists them" in capsys.readouterr().err


def test_json_is_what_the_collector_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(told(PAGE, TICKET), "--json") == 1
    assert json.loads(capsys.readouterr().out) == told(PAGE, TICKET)


def test_many_incidents_stay_readable() -> None:
    """Three in sentences, others in a few lines, and no more than twenty."""
    lines = incidents.lines(told(*[PAGE] * 90, total=150), width=80, colour=False)
    assert sum(line.startswith("PAGE") for line in lines) == incidents.MOST
    assert sum("Certain: " in line for line in lines) == incidents.FULL
    assert lines[-1] == "… and 130 more: --json lists them, 100 at most"


def test_colours_are_for_terminals() -> None:
    lines = incidents.lines(told(PAGE), width=80, colour=True)
    assert lines[0].startswith("\x1b[31m✕\x1b[0m")
    assert lines[3].startswith("\x1b[31mPAGE    \x1b[0m")


def test_no_text_commands_the_terminal() -> None:
    hostile = PAGE | {
        "id": "\x1b]0;x\x07",
        "text": TEXT | {"headline": "\x1b[2Jgone\r\n\u202e", "confirmed": ["\x07bell"]},
        "checks": ["\x1b[31m"],
    }
    for is_one in (False, True):
        lines = incidents.lines(told(hostile), width=80, colour=False, is_one=is_one)
        assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, ()),
        ({}, ("--id", "x")),
        ({"incidents": None}, ("--json",)),
        (told() | {"watching": None}, ()),
        (told() | {"open": {"page": "many", "ticket": 0}}, ("--json",)),
        (told(PAGE | {"text": None}), ()),
        (told(PAGE | {"text": TEXT | {"headline": 7}}), ("--json",)),
        (told(PAGE) | {"incidents": [PAGE | {"state": "odd"}]}, ()),
        (told(PAGE | {"first_failures": 3}), ("--id", PAGE["id"])),
    ],
)
def test_nonsense_is_told_in_one_line(
    document: dict[str, Any], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(document, *words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "does not answer as a collector does: " in said.err
    assert said.err.count("\n") == 1


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["incidents", "--url", "http://127.0.0.1:1"]) == 2
    assert "cannot be reached" in capsys.readouterr().err
