"""Phases of the kinds for which blackbox_exporter has none."""

from typing import Final

from vedette_collector.exposition.text import PAIR, Family

PHASES: Final = "vedette_probe_phase_seconds"

FAMILIES: Final = (
    Family(
        PHASES,
        "gauge",
        "Duration of a probe by phase.",
        (*PAIR, "phase"),
        "For the kinds without phases in blackbox_exporter: `resolve`, `connect`, `tls`, `processing`, "
        "`transfer`, `request`.",
    ),
)
