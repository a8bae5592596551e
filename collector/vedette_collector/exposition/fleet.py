"""Writes the series of checks, agents and the collector itself, anew every time."""

import platform
from collections.abc import Generator, Iterator
from typing import Final

import vedette
from vedette.checks.model import Check
from vedette.mqtt.counters import LinkCounters
from vedette.wire.failure import ASK_FATES, REPEAT_FATES, SHED_STEPS
from vedette.wire.messages import Heartbeat
from vedette_collector.board import AGES, AgentState, Board
from vedette_collector.condition import Condition
from vedette_collector.exposition import delivery, incidents, store
from vedette_collector.exposition.text import labels, safe_version
from vedette_collector.ledger import Figures
from vedette_collector.rejection import Rejection
from vedette_collector.remote.counters import RemoteCounters

SAMPLES: Final = 250  # at about 2 µs each

# A histogram's samples stand under the one name of its family.
_PARTS: Final = {
    f"{name}_{part}": name
    for name in ("vedette_live_age_seconds", "vedette_collector_decision_seconds")
    for part in ("bucket", "sum", "count")
}

Sample = tuple[str, tuple[tuple[str, str], ...], float]


def fleet(board: Board, condition: Condition, mono: float) -> Generator[str, None, dict[str, list[str]]]:
    """All lines by family name. The empty pieces on the way only say that some work was done."""
    out: dict[str, list[str]] = {}
    for number, (name, pairs, value) in enumerate(_samples(board, condition, mono), 1):
        inner = f"{{{labels(pairs)}}}" if pairs else ""
        out.setdefault(_PARTS.get(name, name), []).append(f"{name}{inner} {value!r}\n")
        if number % SAMPLES == 0:
            yield ""
    return out


def _samples(board: Board, condition: Condition, mono: float) -> Iterator[Sample]:
    for check in board.checks.values():
        yield from _check(check)
    for agent in board.agents.values():
        yield from _agent(agent, board.assignment.config_hash, mono)
        yield from _books(agent, board.figures(agent))
        yield from _ages(agent)
        yield from delivery.agent(agent, mono)
    for reason in Rejection:
        yield (
            "vedette_collector_results_rejected_total",
            (("reason", reason.value),),
            board.rejected[reason.value],
        )
    yield "vedette_collector_results_deferred_total", (), board.deferred
    yield from store.samples(condition.store)
    yield from incidents.samples(condition.docket, mono)
    yield "vedette_collector_evidence_total", (), board.evidence.total
    yield "vedette_collector_evidence_bytes", (), board.evidence.bytes
    for reason in Rejection:
        yield (
            "vedette_collector_evidence_rejected_total",
            (("reason", reason.value),),
            board.evidence_rejected[reason.value],
        )
    for link, connected in condition.links.items():
        yield "vedette_collector_broker_connected", (("link", link),), int(connected)
    for link, counters in condition.link_counters.items():
        yield from _link(link, counters)
    if condition.remote_write is not None:
        yield from _remote_write(condition.remote_write, mono)
    yield "vedette_collector_acks_published_total", (), condition.acks_published
    yield "vedette_collector_acks_failed_total", (), condition.acks_failed
    yield "vedette_collector_event_clients", (), condition.event_clients
    for reason_, count in condition.event_drops.items():
        yield "vedette_collector_event_clients_dropped_total", (("reason", reason_),), count
    yield "vedette_collector_config_last_reload_successful", (), int(condition.reload_error is None)
    yield (
        "vedette_collector_config_last_reload_success_timestamp_seconds",
        (),
        round(condition.reloaded_at, 3),
    )
    build = (("version", vedette.__version__), ("python", platform.python_version()))
    yield "vedette_collector_build_info", build, 1


def _link(link: str, counters: LinkCounters) -> Iterator[Sample]:
    own = (("link", link),)
    yield "vedette_collector_broker_connects_total", own, counters.connects
    for fault, count in list(counters.connect_failures.items()):  # it may grow between two pieces
        yield "vedette_collector_broker_connect_failures_total", (*own, ("reason", fault)), count
    yield "vedette_collector_broker_subscriptions_refused_total", own, counters.subscriptions_refused
    yield "vedette_collector_broker_messages_dropped_total", own, counters.dropped_unacknowledged


def _remote_write(counters: RemoteCounters, mono: float) -> Iterator[Sample]:
    for outcome, count in counters.samples.items():
        yield "vedette_collector_remote_write_samples_total", (("outcome", outcome.value),), count
    for reason, count in counters.skipped.items():
        yield "vedette_collector_remote_write_entries_skipped_total", (("reason", reason.value),), count
    for failure, count in counters.failures.items():
        yield "vedette_collector_remote_write_failures_total", (("reason", failure.value),), count
    yield "vedette_collector_remote_write_lag_seconds", (), round(counters.lag_seconds(mono), 3)


def _check(check: Check) -> Iterator[Sample]:
    yield "vedette_check_interval_seconds", (("check", check.name),), check.interval
    kind = type(check).__name__.removesuffix("Check").lower()
    tags = ((f"tag_{name}", value) for name, value in check.tags.items())
    pairs = (("check", check.name), ("kind", kind), ("target", check.target), *tags)
    yield "vedette_check_info", pairs, 1


def _agent(agent: AgentState, config_hash: str, mono: float) -> Iterator[Sample]:
    own = (("agent", agent.name),)
    presence = agent.presence
    version = "" if presence is None else safe_version(presence.version)
    # Under their own names: the configuration has no tag that would hide another label.
    yield "vedette_agent_info", (*own, ("version", version), *agent.tags.items()), 1
    yield "vedette_agent_connected", own, int(agent.is_connected(mono))
    if agent.seen_at is not None:
        yield "vedette_agent_last_seen_timestamp_seconds", own, round(agent.seen_at, 3)
    if presence is not None and presence.config_hash is not None:
        yield "vedette_agent_config_matches", own, int(presence.config_hash == config_hash)
    is_clock_bad = agent.is_clock_bad(mono)
    if is_clock_bad is not None:
        yield "vedette_agent_clock_bad", own, int(is_clock_bad)
    if agent.heartbeat is not None:
        yield from _heartbeat(agent.heartbeat, own)


def _books(agent: AgentState, books: Figures) -> Iterator[Sample]:
    own = (("agent", agent.name),)
    yield "vedette_results_produced_total", own, books.produced
    yield "vedette_results_applied_total", own, books.applied
    yield "vedette_results_late_total", own, books.late
    for reason, count in books.lost.items():
        yield "vedette_results_declared_lost_total", (*own, ("reason", reason)), count
    yield "vedette_results_pending", own, books.pending
    yield "vedette_ledger_residual", own, books.residual
    yield "vedette_ledger_disagreement", own, books.disagreement
    yield "vedette_results_duplicates_total", own, agent.duplicates


def _ages(agent: AgentState) -> Iterator[Sample]:
    own = (("agent", agent.name),)
    total = 0
    for bound, count in zip((*(f"{age:g}" for age in AGES), "+Inf"), agent.ages, strict=True):
        total += count
        yield "vedette_live_age_seconds_bucket", (*own, ("le", bound)), total
    yield "vedette_live_age_seconds_sum", own, round(agent.age_sum, 6)
    yield "vedette_live_age_seconds_count", own, total


def _heartbeat(beat: Heartbeat, own: tuple[tuple[str, str], ...]) -> Iterator[Sample]:
    yield "vedette_agent_skipped_slots_total", own, beat.skipped_slots
    yield "vedette_agent_overlapping_slots_total", own, beat.overlapping_slots
    yield "vedette_agent_probes_running", own, beat.running
    yield "vedette_agent_loop_lag_seconds", own, beat.loop_lag_us / 1e6
    yield "vedette_agent_publish_refused_total", own, beat.publish_refused
    for why, number in beat.evidence_lost.items():
        yield "vedette_agent_evidence_lost_total", (*own, ("reason", why)), number
    for step in SHED_STEPS:
        if step in beat.shed:
            yield "vedette_agent_shed_total", (*own, ("step", step)), beat.shed[step]
    for fate in REPEAT_FATES:
        if fate in beat.repeats:
            yield "vedette_agent_repeats_total", (*own, ("fate", fate)), beat.repeats[fate]
    for fate in ASK_FATES:
        if fate in beat.asks:
            yield "vedette_agent_asks_total", (*own, ("fate", fate)), beat.asks[fate]
    if beat.clock_offset_us is not None:
        yield "vedette_agent_clock_offset_seconds", own, beat.clock_offset_us / 1e6
    if beat.clock_rtt_us is not None:
        yield "vedette_agent_clock_rtt_seconds", own, beat.clock_rtt_us / 1e6
