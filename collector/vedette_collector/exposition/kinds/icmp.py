"""Series of ICMP checks."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series

FAMILIES: Final = (
    Family(
        "probe_icmp_duration_seconds",
        "gauge",
        "Duration of an ICMP probe by phase.",
        (*PAIR, "phase"),
        "Phases `resolve`, `rtt`.",
    ),
    Family("probe_icmp_reply_hop_limit", "gauge", "Hop limit of the reply as it arrived.", PAIR),
)


def write(out: Series, result: Result) -> None:
    out.phases("probe_icmp_duration_seconds", result, ("resolve", "rtt"))
    if result.facts is not None and result.facts.icmp is not None:
        out.gauge("probe_icmp_reply_hop_limit", result.facts.icmp.hop_limit)
