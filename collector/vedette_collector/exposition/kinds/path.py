"""Series of path checks. Who the hops are is no label: it comes from the network."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series

FAMILIES: Final = (
    Family("vedette_path_reached", "gauge", "Whether the target of a path answered.", PAIR),
    Family(
        "vedette_path_hops",
        "gauge",
        "Hops to the target, itself included.",
        PAIR,
        "To the last hop that answered when the target did not.",
    ),
    Family("vedette_path_silent_hops", "gauge", "Hops among them that did not answer.", PAIR),
    Family(
        "vedette_path_hop_rtt_seconds",
        "gauge",
        "Shortest round-trip time to a hop.",
        (*PAIR, "ttl"),
        "`ttl` from 1 to 30; absent where the hop did not answer.",
    ),
    Family(
        "vedette_path_changes_total",
        "counter",
        "Runs that found another route than the run before, by the agent's count.",
        PAIR,
        "Starts at 0 with the agent. A hop that is silent now and then is no change.",
    ),
)


def write(out: Series, result: Result) -> None:
    facts = None if result.facts is None else result.facts.path
    if facts is None:
        return
    out.gauge("vedette_path_reached", int(facts.reached))
    out.gauge("vedette_path_hops", facts.hops[-1].ttl if facts.hops else 0)
    out.gauge("vedette_path_silent_hops", sum(hop.address is None for hop in facts.hops))
    times = {hop.ttl: hop.rtt_us for hop in facts.hops if hop.rtt_us is not None}
    out.spread(
        "vedette_path_hop_rtt_seconds", "ttl", [(str(ttl), us / 1e6) for ttl, us in sorted(times.items())]
    )
    out.gauge("vedette_path_changes_total", facts.changes)
