"""Series of traces."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series

LEVELS: Final = 10  # that have a series: the label is a closed set

FAMILIES: Final = (
    Family(
        "vedette_dns_trace_level_seconds",
        "gauge",
        "How long the servers of a level took, those that failed included.",
        (*PAIR, "level"),
        "Level 0 is the root; each delegation or alias is one more. Levels above 9 have no series.",
    ),
    Family("vedette_dns_trace_levels", "gauge", "Levels that a trace came to.", PAIR),
    Family(
        "vedette_dns_trace_failed_level",
        "gauge",
        "The level at which a trace failed.",
        PAIR,
        "Absent when it came to its end.",
    ),
    Family(
        "vedette_dns_trace_lookups", "gauge", "Queries for the addresses of name servers on the way.", PAIR
    ),
)


def write(out: Series, result: Result) -> None:
    facts = None if result.facts is None else result.facts.trace
    if facts is None:
        return
    took: dict[int, int] = {}
    for step in facts.steps:
        if step.level < LEVELS:
            took[step.level] = took.get(step.level, 0) + step.duration_us
    out.spread(
        "vedette_dns_trace_level_seconds",
        "level",
        [(str(level), us / 1e6) for level, us in sorted(took.items())],
    )
    out.gauge("vedette_dns_trace_levels", facts.levels)
    out.gauge("vedette_dns_trace_failed_level", facts.failed_level)
    out.gauge("vedette_dns_trace_lookups", facts.lookups)
