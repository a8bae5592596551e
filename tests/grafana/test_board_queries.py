"""Every query of every board, asked of a real Prometheus: in health, with a target down, with an agent lost.

The page that Prometheus scrapes is written by the collector's own exposition. No Grafana runs here: what is
proved is that the queries are valid and find what they look for, not how the panels look.
"""

import json
import math
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collector.incident_stories import story_incidents
from servers.collector_page import Fleet, served
from servers.daemon import until
from servers.prometheus import Prometheus, Sample, prometheus, shipped_prometheus
from vedette.checks.model import (
    Assignment,
    DnsCheck,
    HttpCheck,
    IcmpCheck,
    TcpCheck,
    Vantage,
)
from vedette.wire.facts import DnsFacts, Facts, HttpFacts, IcmpFacts, TlsFacts
from vedette.wire.messages import Phase, Result
from vedette_collector.docket import Docket

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")

BOARDS = sorted((Path(__file__).parents[2] / "grafana" / "dashboards").glob("*.json"))
AGENTS = ("lon-02", "par-01")
SLOW = {"interval": 5.0, "timeout": 2.0}
CHECKS = (
    HttpCheck(name="web", target="https://www.example.com/", url="https://www.example.com/", **SLOW),
    DnsCheck(name="api-dns", target="api.example.com A", query_name="api.example.com", **SLOW),
    TcpCheck(name="db", target="db.example.com:5432", host="db.example.com", port=5432, **SLOW),
    IcmpCheck(name="host", target="db.example.com", host="db.example.com", **SLOW),
)
NEVER_HERE = {"Lost results"}
INCIDENTS = {"Incidents", "Incidents, over time"}
NEVER_IN_HEALTH = (
    NEVER_HERE | INCIDENTS | {"Firing alerts", "Why it fails, now", "Failures by reason", "Not run"}
)

FAILED = Result(check="api-dns", outcome="fail", reason="dns.nodata", started_us=0, duration_us=8000)
SPOILED = Result(check="api-dns", outcome="not_run", reason="loop_lag", started_us=0)


def results() -> list[Result]:
    """One success of each kind, with every fact a panel looks for."""
    expiry = int((time.time() + 40 * 86400) * 1e6)

    def ok(check: str, phases: dict[Phase, int], **facts: Any) -> Result:
        return Result(
            check=check,
            outcome="ok",
            started_us=0,
            duration_us=sum(phases.values()),
            phases_us=phases,
            facts=Facts(address="192.0.2.1", **facts),
        )

    tls = TlsFacts(version="TLSv1.3", verified=True, earliest_not_after_us=expiry)
    web: dict[Phase, int] = {
        "resolve": 2000,
        "connect": 9000,
        "tls": 20000,
        "processing": 30000,
        "transfer": 400,
    }
    return [
        ok("web", web, http=HttpFacts(status=200, version="1.1"), tls=tls),
        ok("api-dns", {"request": 8000}, dns=DnsFacts(rcode="NOERROR", answer_rrs=1)),
        ok("db", {"resolve": 1000, "connect": 9000}),
        ok("host", {"rtt": 7000}, icmp=IcmpFacts(sent=1, received=1, hop_limit=55)),
    ]


class World(NamedTuple):
    fleet: Fleet
    prometheus: Prometheus
    trouble: set[str]  # of: target, agent


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    assignment = Assignment(
        agents=tuple(Vantage(name=name, tags={"network": f"isp-{name}"}) for name in AGENTS),
        checks=CHECKS,
        by_agent={name: tuple(check.name for check in CHECKS) for name in AGENTS},
        config_hash="0" * 64,
    )
    fleet = Fleet(assignment)
    stop = threading.Event()
    trouble: set[str] = set()

    def report() -> None:
        """Agents that go on probing: rates need counters that move."""
        while not stop.wait(0.3):
            for result in results():
                if "target" in trouble and result.check == "api-dns":
                    for one in (FAILED, SPOILED, FAILED):
                        fleet.report(one, *AGENTS)
                else:
                    fleet.report(result, *(AGENTS[:1] if "agent" in trouble else AGENTS))

    probing = threading.Thread(target=report, name="probing")
    probing.start()
    try:
        directory = tmp_path_factory.mktemp("boards")
        with served(fleet) as port, prometheus(directory, shipped_prometheus([port])) as server:
            until(lambda: server.value("sum(rate(vedette_probe_attempts_total[10s]))"), "rates", within=30)
            yield World(fleet, server, trouble)
    finally:
        stop.set()
        probing.join()


def board_queries() -> list[tuple[str, str]]:
    """Panel title and expression, as Grafana would send it for a view of some seconds with all chosen."""
    found = []
    for path in BOARDS:
        board = json.loads(path.read_text())
        asked = [(p["title"], t["expr"]) for p in board["panels"] for t in p["targets"]]
        titles = {"Alerts": "Firing alerts", "Incidents": "Incidents"}
        asked += [(titles[one["name"]], one["expr"]) for one in board["annotations"]["list"]]
        for title, shipped in asked:
            expr = shipped
            for name, value in (
                ("$__rate_interval", "10s"),
                ("$__range", "20s"),
                ("$__interval", "5s"),
                ("$check", ".*"),
                ("$agent", ".*"),
            ):
                expr = expr.replace(name, value)
            assert "$" not in expr, expr
            found.append((title, expr))
    return found


def ask_all(server: Prometheus) -> dict[str, list[Sample]]:
    """Samples by panel. A query that Prometheus refuses fails the test; so does NaN."""
    answers: dict[str, list[Sample]] = {}
    for title, expr in board_queries():
        samples = server.query(expr)
        assert not any(math.isnan(sample.value) for sample in samples), (title, expr, samples)
        answers.setdefault(title, []).extend(samples)
    return answers


def states(answers: dict[str, list[Sample]]) -> dict[tuple[str, str], float]:
    return {(s.labels["check"], s.labels["agent"]): s.value for s in answers["Checks by vantage, now"]}


def firing(answers: dict[str, list[Sample]]) -> set[str]:
    return {s.labels["alertname"] for s in answers["Firing alerts"]}


def test_in_a_healthy_world_every_panel_has_something_to_show(world: World) -> None:
    """But those that show trouble, which are empty."""
    answers = ask_all(world.prometheus)
    empty = {title for title, samples in answers.items() if not samples}
    assert empty == NEVER_IN_HEALTH
    assert set(states(answers).values()) == {1.0}
    assert answers["Checks failing"] == [Sample({}, 0.0)]
    assert answers["Not observed"] == [Sample({}, 0.0)]
    assert answers["Reachability"] == [Sample({}, 1.0)]
    assert round(answers["First certificate to expire"][0].value) == 40
    assert len(answers["Phases"]) == 5 + 1 + 2 + 1


def test_every_single_query_finds_something_in_health(world: World) -> None:
    """A panel of five queries must not hide that one of them is empty."""
    for title, expr in board_queries():
        if title not in NEVER_IN_HEALTH:
            assert world.prometheus.query(expr), (title, expr)


def test_variables_list_checks_and_agents(world: World) -> None:
    found = {}
    for path in BOARDS:
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                assert match is not None, variable
                found[variable["name"]] = world.prometheus.api(
                    f"label/{match[2]}/values", **{"match[]": match[1]}
                )
    assert found == {"check": sorted(check.name for check in CHECKS), "agent": list(AGENTS)}


def test_a_target_that_is_down_shows_with_its_reason(world: World) -> None:
    world.trouble.add("target")
    world.fleet.condition.docket = story_incidents()
    try:
        until(
            lambda: {t for t, samples in ask_all(world.prometheus).items() if not samples} <= NEVER_HERE,
            "no empty panel",
            within=30,
        )
        until(
            lambda: firing(ask_all(world.prometheus)) == {"VedetteCheckFailing", "VedetteIncident"},
            "the alerts of a check and of incidents",
            within=30,
        )
        answers = ask_all(world.prometheus)
        assert states(answers)[("api-dns", "par-01")] == 0
        assert states(answers)[("web", "par-01")] == 1
        assert answers["Checks failing"] == [Sample({}, 1.0)]
        assert {s.labels["reason"] for s in answers["Why it fails, now"]} == {"dns.nodata"}
        assert {s.labels["reason"] for s in answers["Failures by reason"]} == {"dns.nodata"}
        # Alerting, held for a return, and nothing of the one that is closed; the mark is of those that alert.
        assert sorted(s.value for s in answers["Incidents"]) == [0, 1, 1, 1, 1]
        assert sorted(s.value for s in answers["Incidents, over time"]) == [0, 1, 1]
    finally:
        world.trouble.clear()
        world.fleet.condition.docket = Docket()


def test_an_agent_that_is_lost_shows_as_no_data_and_not_as_failure(world: World) -> None:
    """Its verdicts expire at the collector; the assignment stays."""
    world.trouble.add("agent")
    world.fleet.lose("par-01")
    for cell in world.fleet.board.cells["par-01"].values():
        cell.last = cell.spoiled = None  # what a minute of silence does
        cell.blocks = None
    until(lambda: states(ask_all(world.prometheus))[("web", "par-01")] == 2, "no data", within=20)
    answers = ask_all(world.prometheus)
    assert states(answers)[("web", "lon-02")] == 1
    assert answers["Not observed"] == [Sample({}, 4.0)]
    assert answers["Agents connected"] == [Sample({}, 0.5)]
