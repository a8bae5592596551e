"""What TCP checks have, and others with them: phases of our own, and whether something else came."""

from typing import Final

from vedette.wire.failure import Failure
from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series

PHASES: Final = "vedette_probe_phase_seconds"
UNMATCHED: Final = "probe_failed_due_to_regex"
_UNEXPECTED: Final = frozenset({Failure.TCP_EXPECT, Failure.TCP_CLOSED})

FAMILIES: Final = (
    Family(
        PHASES,
        "gauge",
        "Duration of a probe by phase.",
        (*PAIR, "phase"),
        "For the kinds without phases in blackbox_exporter: `resolve`, `connect`, `tls`, `processing`, "
        "`transfer`, `request`.",
    ),
    Family(
        UNMATCHED,
        "gauge",
        "Whether the probe failed because something else came than was expected.",
        PAIR,
        "Of TCP and HTTP checks: 1 with the reasons `tcp.expect`, `tcp.closed`, `http.body`, `http.header`.",
    ),
)


def write_tcp(out: Series, result: Result) -> None:
    out.phases(PHASES, result, ("resolve", "connect", "tls", "processing", "transfer"))
    out.gauge(UNMATCHED, int(result.reason in _UNEXPECTED))
