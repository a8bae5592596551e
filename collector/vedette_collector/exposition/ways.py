"""Families of what is done when a check fails: repeats, and other ways to its target."""

from typing import Final

from vedette_collector.exposition.text import PAIR, Family

FAMILIES: Final = (
    Family(
        "vedette_probe_repeats_total",
        "counter",
        "Of the attempts, those that repeated a first failure at once, by outcome.",
        (*PAIR, "outcome"),
        "`fail` confirmed it. Appears with the first one.",
    ),
    Family(
        "vedette_probe_bypass_success",
        "gauge",
        "Whether the last probe by another way succeeded.",
        (*PAIR, "bypass"),
        "Ways around something: `resolver`, `authority`, `no_validation`, `last_good`, `family`. What "
        "is seen by it is in no other series of the check.",
    ),
    Family(
        "vedette_probe_bypass_attempts_total",
        "counter",
        "Probes by another way, with whatever result.",
        (*PAIR, "bypass"),
    ),
    Family(
        "vedette_probe_bypass_failures_total",
        "counter",
        "Of these, the probes that failed, by failure code.",
        (*PAIR, "bypass", "reason"),
    ),
    Family(
        "vedette_probe_bypass_not_run_total",
        "counter",
        "Probes by another way that our own side spoiled.",
        (*PAIR, "bypass"),
        "Appears with the first one.",
    ),
    Family(
        "vedette_probe_bypass_late_total",
        "counter",
        "Probes by another way whose results came too late for the live series.",
        (*PAIR, "bypass"),
        "Appears with the first one.",
    ),
)
