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
        "Phases `resolve`, `rtt`; of several echoes the mean.",
    ),
    Family("probe_icmp_reply_hop_limit", "gauge", "Hop limit of the reply as it arrived.", PAIR),
    Family("vedette_icmp_sent", "gauge", "Echoes that the probe sent.", PAIR),
    Family("vedette_icmp_received", "gauge", "Echoes that were answered.", PAIR),
    Family("vedette_icmp_loss_ratio", "gauge", "Share of the echoes that was not answered, 0 to 1.", PAIR),
    Family(
        "vedette_icmp_rtt_seconds",
        "gauge",
        "Round-trip times of a probe's echoes.",
        (*PAIR, "stat"),
        "`min`, `median`, `max`, `stddev`. Only of probes that send several.",
    ),
    Family(
        "vedette_icmp_duplicates",
        "gauge",
        "Second replies to one echo.",
        PAIR,
        "Only of probes that send several, as the next two.",
    ),
    Family("vedette_icmp_out_of_order", "gauge", "Replies that came after one to a later echo.", PAIR),
    Family(
        "vedette_icmp_corrupt", "gauge", "Replies with another payload than was sent; never successes.", PAIR
    ),
)


def write(out: Series, result: Result) -> None:
    out.phases("probe_icmp_duration_seconds", result, ("resolve", "rtt"))
    facts = None if result.facts is None else result.facts.icmp
    if facts is None:
        return
    out.gauge("probe_icmp_reply_hop_limit", facts.hop_limit)
    out.gauge("vedette_icmp_sent", facts.sent)
    out.gauge("vedette_icmp_received", facts.received)
    if facts.sent:
        out.gauge("vedette_icmp_loss_ratio", max(facts.sent - facts.received, 0) / facts.sent)
    if facts.sent < 2:
        return
    stats = {
        "min": facts.rtt_min_us,
        "median": facts.rtt_median_us,
        "max": facts.rtt_max_us,
        "stddev": facts.rtt_stddev_us,
    }
    known = [(stat, us / 1e6) for stat, us in stats.items() if us is not None]
    out.spread("vedette_icmp_rtt_seconds", "stat", known)
    out.gauge("vedette_icmp_duplicates", facts.duplicates)
    out.gauge("vedette_icmp_out_of_order", facts.out_of_order)
    out.gauge("vedette_icmp_corrupt", facts.corrupt)
