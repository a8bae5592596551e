"""Series of what agents keep, how long results are pending, and whether an agent is one."""

from collections.abc import Iterator
from typing import Final

from vedette_collector.board import AgentState
from vedette_collector.exposition.text import Family

SPOOL_STATES: Final = ("off", "ok", "full", "failing")

FAMILIES: Final = (
    Family(
        "vedette_results_pending_age_seconds",
        "gauge",
        "How long results of an agent have been pending, at least. 0 when none is.",
        ("agent",),
        "By what the collector saw itself: it begins anew when that starts.",
    ),
    Family(
        "vedette_agent_spool_state",
        "gauge",
        "1 for the state of an agent's spool, 0 for the other states.",
        ("agent", "state"),
        "`off`: there is none; `full`: results were given up for room; `failing`: it cannot be written. "
        "This and the next three are absent for agents that do not say it.",
    ),
    Family("vedette_agent_spool_results", "gauge", "Results in an agent's spool.", ("agent",)),
    Family("vedette_agent_spool_bytes", "gauge", "Size of an agent's spool.", ("agent",)),
    Family(
        "vedette_agent_spool_oldest_timestamp_seconds",
        "gauge",
        "When the oldest result in an agent's spool was produced, by the agent's clock.",
        ("agent",),
        "Absent when the spool is empty.",
    ),
    Family(
        "vedette_agent_clone_suspected",
        "gauge",
        "Whether two processes spoke as this agent in the last ten minutes.",
        ("agent",),
    ),
)

Sample = tuple[str, tuple[tuple[str, str], ...], float]


def agent(state: AgentState, mono: float) -> Iterator[Sample]:
    own = (("agent", state.name),)
    yield "vedette_results_pending_age_seconds", own, round(state.waiting.seconds(mono), 3)
    yield "vedette_agent_clone_suspected", own, int(state.clones.is_suspected(mono))
    spool = None if state.heartbeat is None else state.heartbeat.spool
    if spool is None:
        return
    for name in SPOOL_STATES:
        yield "vedette_agent_spool_state", (*own, ("state", name)), int(spool.state == name)
    if spool.state != "off":
        yield "vedette_agent_spool_results", own, spool.results
        yield "vedette_agent_spool_bytes", own, spool.size_bytes
    if spool.oldest_us is not None:
        yield "vedette_agent_spool_oldest_timestamp_seconds", own, spool.oldest_us / 1e6
