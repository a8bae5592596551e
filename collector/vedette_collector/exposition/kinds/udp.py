"""Series of UDP checks."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.kinds import stream
from vedette_collector.exposition.text import PAIR, Family, Series

FAMILIES: Final = (
    Family("vedette_udp_answer_bytes", "gauge", "Bytes of the answer.", PAIR, "Absent when none came."),
    Family(
        "vedette_udp_foreign_datagrams",
        "gauge",
        "Datagrams that came from elsewhere while the answer was awaited, and were ignored.",
        PAIR,
    ),
)


def write(out: Series, result: Result) -> None:
    out.phases(stream.PHASES, result, ("resolve", "request"))
    facts = None if result.facts is None else result.facts.udp
    if facts is not None:
        out.gauge("vedette_udp_answer_bytes", facts.answer_bytes)
        out.gauge("vedette_udp_foreign_datagrams", facts.foreign)
