"""One load in the network: reported durations beside what was on the wire, probe by probe."""

import itertools
import json
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.on_wire.exchanges import exchanges
from benchmarks.on_wire.far import PAGE_BYTES
from benchmarks.on_wire.network import INTERFACE, Helper, Network, environment, python

WARM_UP = 500_000_000  # nanoseconds after the first exchange that do not count: imports, first certificates
_KINDS = ("dns", "tcp", "http", "https")


class Sample(NamedTuple):
    """One probe that succeeded, and had its request and its reply in the capture."""

    at: int  # nanoseconds since the epoch: when its request left
    error_us: float  # reported minus wire
    is_kernel_timed: bool


@dataclass(frozen=True)
class Measured:
    """Of one kind in one load. *unmatched*: probes that failed or cannot be told apart on the wire."""

    samples: list[Sample]
    unmatched: int

    def error_us(self, percent: int) -> float:
        """That percentile of the size of the error."""
        return percentile([abs(sample.error_us) for sample in self.samples], percent)

    @property
    def kernel_share(self) -> float:
        """The part of the probes whose times all came from the kernel."""
        return sum(sample.is_kernel_timed for sample in self.samples) / len(self.samples)

    def windows(self, number: int) -> list["Measured"]:
        """The same, cut in the order of time into that many parts of equally many samples."""
        ends = [len(self.samples) * part // number for part in range(number + 1)]
        return [Measured(self.samples[begin:end], 0) for begin, end in itertools.pairwise(ends)]


def percentile(values: Sequence[float], percent: int) -> float:
    if len(values) < 2:
        raise RuntimeError(f"a percentile of {len(values)} values")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def measure(
    network: Network, scratch: Path, prober: Sequence[str], rates: dict[str, int], seconds: float
) -> dict[str, Measured]:
    """Run *prober* (a module of this package and its first arguments) under a load of *rates* by kind."""
    pcap = scratch / f"{time.monotonic_ns()}.pcap"
    load = json.dumps({"rates": rates, "seconds": seconds, "servers": network.servers})
    capture = Helper(network.near, "benchmarks.on_wire.capture", INTERFACE, str(pcap))
    try:
        done = subprocess.run(
            network.near.command([*python(*prober), load]),
            check=False,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=seconds + 60,
        )
    finally:
        capture.end()
    if done.returncode:
        raise RuntimeError(f"{prober[0]} ended with {done.returncode}:\n{done.stderr}")
    reported: dict[tuple[str, int], list[tuple[float | None, str]]] = defaultdict(list)
    for line in done.stdout.splitlines():
        kind, number, took, clock = json.loads(line)
        reported[kind, number].append((took, clock))
    on_wire = exchanges(pcap, {kind: network.servers[kind] for kind in _KINDS}, PAGE_BYTES)
    pcap.unlink()
    begin = min(each[0].at for each in on_wire.values())
    samples: dict[str, list[Sample]] = {kind: [] for kind in rates}
    unmatched = dict.fromkeys(rates, 0)
    for (kind, number), said in reported.items():
        truth = on_wire.get((kind, number), [])
        # One probe at a time for each address: so the first is the first. Any that left no trace, or two,
        # would shift those behind it.
        if len(truth) != len(said):
            unmatched[kind] += len(said)
            continue
        for (took, clock), exchange in zip(said, truth, strict=True):
            if took is None or exchange.took is None:
                unmatched[kind] += 1
            elif exchange.at >= begin + WARM_UP:
                error = took * 1e6 - exchange.took / 1e3
                samples[kind].append(Sample(exchange.at, error, clock == "kernel"))
    for kind in rates:
        if not samples[kind]:
            raise RuntimeError(
                f"no {kind} probe succeeded and left a trace on the wire:\n{done.stderr[-2000:]}"
            )
    return {kind: Measured(sorted(samples[kind]), unmatched[kind]) for kind in rates}
