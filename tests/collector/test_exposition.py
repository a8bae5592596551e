"""What stands on /metrics, by the format's own checkers."""

import subprocess
from collections.abc import Iterable

import msgspec
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from collector.collector_helpers import (
    ALL,
    DNS,
    EPOCH,
    NOW,
    Core,
    assignment,
    batch,
    failed,
    heartbeat,
    ok,
    presence,
)
from collector.exposition_helpers import (
    families,
    full,
    text,
    value,
)
from collector.incident_helpers import incident
from vedette.checks.formats import RESERVED_TAGS
from vedette.wire.facts import (
    Facts,
    HttpFacts,
    TlsFacts,
)
from vedette_collector.asks import Asks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.exposition.families import CELL_FAMILIES, FLEET_FAMILIES
from vedette_collector.exposition.page import pieces
from vedette_collector.exposition.text import safe_version
from vedette_collector.remote.counters import RemoteCounters


def test_every_family_of_the_tables_appears_and_no_other() -> None:
    condition = Condition(NOW.wall)
    condition.link_counters["live"].connect_failures["refused"] += 1
    condition.remote_write = RemoteCounters()
    condition.store.checkpointed_at = condition.store.restored_at = NOW.wall
    core = full()
    one = incident()
    condition.docket.incidents = {one.id: one}
    condition.docket.explained_checks = {"web": one.id}
    condition.docket.explained_agents = {"fra-01": one.id}
    condition.docket.asks = Asks(core.board)
    page = text(core, condition=condition)
    ours = {name.split(" ")[2] for name in page.splitlines() if name.startswith("# TYPE ")}
    ours = {name for name in ours if name.startswith(("probe_", "vedette_"))}
    assert ours == {family.name for family in (*CELL_FAMILIES, *FLEET_FAMILIES)}


def test_labels_are_those_of_the_tables() -> None:
    page = text(full())
    declared = {family.name: set(family.labels) for family in CELL_FAMILIES}
    for metric in text_string_to_metric_families(page):
        for sample in metric.samples:
            name = next((n for n in (sample.name, metric.name) if n in declared), None)
            if name is not None:
                assert set(sample.labels) - {"le"} == declared[name], sample


def test_promtool_accepts_the_page() -> None:
    """Also as a linter: no complaint about names, types or help that are ours to choose."""
    found = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text(full()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    complaints = [line for line in found.stderr.splitlines() + found.stdout.splitlines() if line]
    assert found.returncode in (0, 3), complaints
    assert [line for line in complaints if line.startswith("vedette_")] == []
    assert "error while linting" not in found.stderr


def test_the_samples_of_a_family_stand_together_and_none_is_repeated() -> None:
    order: list[str] = []
    seen: set[str] = set()
    for line in text(full()).splitlines():
        if line.startswith("# TYPE "):
            order.append(line.split(" ")[2])
        elif not line.startswith("#"):
            series = line.rpartition(" ")[0]
            assert series not in seen
            seen.add(series)
            assert series.partition("{")[0].startswith(order[-1])
    assert len(order) == len(set(order))


def test_what_an_agent_says_of_itself() -> None:
    page = text(full())
    assert value(page, "vedette_agent_connected", agent="par-01") == 1
    assert value(page, "vedette_agent_last_seen_timestamp_seconds", agent="par-01") == NOW.wall
    assert value(page, "vedette_results_produced_total", agent="par-01") == 100
    applied = value(page, "vedette_results_applied_total", agent="par-01")
    assert applied is not None
    assert value(page, "vedette_results_pending", agent="par-01") == 100 - 3 - applied
    assert value(page, "vedette_results_declared_lost_total", agent="par-01", reason="spool_full") == 3
    assert value(page, "vedette_ledger_residual", agent="par-01") == 0
    assert value(page, "vedette_live_age_seconds_count", agent="par-01") == 1
    assert value(page, "vedette_agent_loop_lag_seconds", agent="par-01") == 0.0015
    assert value(page, "vedette_agent_clock_offset_seconds", agent="par-01") == -0.0015
    assert value(page, "vedette_agent_config_matches", agent="par-01") == 1
    assert value(page, "vedette_agent_clock_offset_seconds", agent="fra-01") is None
    assert value(page, "vedette_agent_shed_total", agent="par-01", step="detail") == 7
    assert value(page, "vedette_agent_repeats_total", agent="par-01", fate="run") == 5
    assert value(page, "vedette_agent_asks_total", agent="par-01", fate="expired") == 2
    assert "made_up" not in page
    assert value(page, "vedette_agent_clock_bad", agent="par-01") == 0
    assert value(page, "vedette_agent_clock_bad", agent="fra-01") is None
    info = {"agent": "par-01", "version": "1.2.3", "network": "isp-a", "region": "eu"}
    assert value(page, "vedette_agent_info", **info) == 1


def test_a_clock_is_bad_when_it_is_off_or_unknown_for_a_minute() -> None:
    core = Core(assignment(ALL))

    def bad(seconds: float, offset_us: int | None, epoch: str = EPOCH) -> float | None:
        now = Moment(NOW.wall + seconds, NOW.mono + seconds)
        core.send(heartbeat(epoch=epoch, clock_offset_us=offset_us), now=now)
        return value(text(core, now=now), "vedette_agent_clock_bad", agent="par-01")

    assert bad(0.0, None) == 0
    assert bad(30.0, None) == 0
    assert bad(61.0, None) == 1
    assert bad(62.0, 2_000_000) == 0
    assert bad(63.0, 2_000_001) == 1
    assert bad(64.0, -2_000_001) == 1
    assert bad(65.0, 0) == 0
    assert bad(66.0, None) == 0  # of an agent that has lost its collector, say
    assert bad(127.0, None) == 1
    assert bad(128.0, None, "f" * 32) == 0  # started anew
    silent = Moment(NOW.wall + 300.0, NOW.mono + 300.0)
    assert value(text(core, now=silent), "vedette_agent_clock_bad", agent="par-01") is None


def test_what_the_links_to_the_broker_counted() -> None:
    condition = Condition(NOW.wall)
    counters = condition.link_counters["live"]
    counters.connects = 3
    counters.connect_failures["tls_expired"] += 2
    counters.subscriptions_refused = 1
    counters.dropped_unacknowledged = 7
    page = text(full(), condition=condition)
    ours = "vedette_collector_broker_"
    assert value(page, f"{ours}connects_total", link="live") == 3
    assert value(page, f"{ours}connect_failures_total", link="live", reason="tls_expired") == 2
    assert value(page, f"{ours}subscriptions_refused_total", link="live") == 1
    assert value(page, f"{ours}messages_dropped_total", link="live") == 7
    assert value(page, f"{ours}connects_total", link="control") == 0


def test_no_tag_of_an_agent_can_hide_a_label_of_ours() -> None:
    """Tags stand beside them under their own names, so the configuration refuses these."""
    labels = next(family.labels for family in FLEET_FAMILIES if family.name == "vedette_agent_info")
    assert {"agent", "version"} == set(labels) - {"tag…"} <= RESERVED_TAGS


def test_label_values_are_escaped() -> None:
    nasty = 'say "hi"\\ and\nleave'
    check = msgspec.structs.replace(DNS, target=nasty)
    core = Core(assignment(checks=(check,)))
    core.send(batch(ok()))
    assert value(text(core), "probe_success", target=nasty) == 1


def strings(metrics: Iterable[Metric]) -> set[str]:
    return {v for metric in metrics for sample in metric.samples for v in sample.labels.values()}


def test_no_payload_creates_a_label_value() -> None:
    """Every text field of a payload says "evil"; the labels of the page stay those of an honest one."""
    honest = strings(families(text(full())).values())
    core = full()
    tls = TlsFacts(version="evil", cipher="evil", alpn="evil", subject="evil", issuer="evil")
    core.send(
        batch(failed("mail", "evil.evil", detail="evil", facts=Facts(tls=tls, address="evil")), first=50)
    )
    core.send(batch(failed("evil"), first=51))
    core.send(
        batch(ok("web", facts=Facts(address="evil", http=HttpFacts(status=200, version="evil"))), first=52)
    )
    core.send(presence(version='evil"}\n{', tags={"evil": "evil"}))
    assert strings(families(text(core)).values()) - honest == {
        "unknown",
        "other",
        "rejected",
        "evil",
    }
    assert value(text(core), "vedette_agent_info", agent="par-01", version="evil") == 1


@pytest.mark.parametrize(
    ("said", "shown"), [("1.2.3+git.5-x_y", "1.2.3+git.5-x_y"), ('"} 1\n', "1"), ("9" * 99, "9" * 32)]
)
def test_a_version_is_cut_to_what_versions_look_like(said: str, shown: str) -> None:
    assert safe_version(said) == shown


def test_an_empty_configuration_renders() -> None:
    board = Board(assignment(checks=(), agents=()))
    page = "".join(pieces(board, Condition(0.0), 0.0))
    assert "probe_success" not in page
    assert "process_resident_memory_bytes" in page


def test_all_kinds_of_checks_are_rendered() -> None:
    core = Core()
    core.send(batch(*[ok(check.name) for check in ALL]))
    page = text(core)
    assert all(value(page, "probe_success", check=check.name, agent="par-01") == 1 for check in ALL)
