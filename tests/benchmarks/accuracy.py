"""How far reported durations are from the wire: the agent's, and the exporter's in the same network.

Two hosts, 10 ms apart each way, are network namespaces of this run: see `on_wire`. At each load the agent's
runner and probers run first, then the exporter, which is asked for the same probes at the same rate.
"""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import blackbox
from benchmarks.on_wire import network
from benchmarks.on_wire.measure import Measured, measure
from benchmarks.settings import Settings

SECONDS = 3.0  # of each load and side
LOADS: tuple[dict[str, int], ...] = (  # probes a second by kind, all in one process
    {"dns": 50},
    {"dns": 500},
    {"dns": 1000},
    {"dns": 500, "https": 100},
    {"tcp": 200},
    {"tcp": 1000},
    {"tcp": 200, "https": 100},
    {"icmp": 200},
    {"icmp": 1000},
    {"http": 200},
    {"https": 100},
)


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Of one kind in one load: percentiles of the size of the error; medians over the runs."""

    name: str
    ours: list[Measured]
    theirs: list[Measured]
    note: str

    def line(self) -> str:
        fields: dict[str, object] = {"name": self.name, "unit": "us"}
        for prefix, runs in (("", self.ours), ("peer_", self.theirs)):
            if runs:
                for percent in (50, 99):
                    errors = [run.error_us(percent) for run in runs]
                    fields[f"{prefix}error_p{percent}_us"] = round(statistics.median(errors), 1)
        fields["kernel_timed"] = round(statistics.median(run.kernel_share for run in self.ours), 4)
        if self.theirs:
            fields["peer"] = blackbox.NAME
        fields["runs"] = len(self.ours)
        fields["probes"] = sum(len(run.samples) for run in self.ours)
        fields["unmatched"] = sum(run.unmatched for run in self.ours)
        return json.dumps(fields | {"note": self.note})


def figures(settings: Settings) -> Iterator[Accuracy]:
    problem = network.problem()
    if problem is not None:
        raise RuntimeError(problem)
    sides = {"agent": ["benchmarks.on_wire.agent"]}
    if blackbox.binary() is not None:
        sides["exporter"] = ["benchmarks.on_wire.exporter", str(settings.scratch)]
    with network.Network(settings.scratch) as path:
        for load in LOADS:
            runs = {
                side: [measure(path, settings.scratch, argv, load, SECONDS) for _ in range(settings.runs)]
                for side, argv in sides.items()
            }
            said = " beside ".join(f"{rate} {kind}/s" for kind, rate in load.items())
            for kind in load:
                yield Accuracy(
                    name="_".join(["accuracy", kind, *(f"{each}{rate}" for each, rate in load.items())]),
                    ours=[run[kind] for run in runs["agent"]],
                    theirs=[run[kind] for run in runs.get("exporter", [])],
                    note=said,
                )
