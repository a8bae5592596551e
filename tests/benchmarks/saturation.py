"""How many probes a second one core carries: the agent's and the exporter's, each alone on the same core.

The agent's figure is the highest rate at which every slot of the schedule runs and no probe fails. The
exporter has no schedule: 16 connections ask it again as soon as it has answered. Servers, broker, collector
and the process that asks the exporter have the other cores. "mix" is what a real agent looks like.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice

from benchmarks import blackbox
from benchmarks.figure import Figure, median_figure
from benchmarks.probes import KINDS, TUNING, WARM_UP, Pipeline, World, drive, world
from benchmarks.proc import cpu_seconds
from benchmarks.settings import Settings

MIX = ("dns", "https", "dns", "dns", "https", "dns", "icmp", "dns", "https", "dns")
MIX += (*MIX[:6], "tcp", *MIX[7:])  # 60 % DNS, 30 % HTTPS, 5 % ICMP, 5 % TCP
LOADS: dict[str, Sequence[str]] = {"mix": MIX, **{kind: (kind,) for kind in KINDS}}
FIRST_RATE = 400
MAX_RATE = 20_000
MAX_TRIALS = 8
BUSY = 0.96  # of the core; what a rate is aimed at
CARRIED = 0.97  # of the slots; collectors are asked a moment early or late


@dataclass(frozen=True, kw_only=True)
class Trial:
    rate: int  # slots a second
    ran: float  # probes a second
    cpu_us: float  # a probe
    failures: float

    @property
    def is_carried(self) -> bool:
        return not self.failures and self.ran >= CARRIED * self.rate


def figures(settings: Settings) -> Iterator[Figure]:
    peer = blackbox.binary()
    with _spare_core() as core, ExitStack() as stack:
        servers = world(stack, settings.scratch)
        for name in [kind for kind in settings.kinds or LOADS if kind in LOADS]:
            kinds = LOADS[name]
            ours: list[Trial] = []
            theirs: dict[str, list[float]] = {"": [], "_tuned_peer": []}
            for _ in range(settings.runs):
                ours.append(_highest(servers, kinds, settings, core, ours[-1].rate if ours else FIRST_RATE))
                if peer is not None:
                    theirs[""].append(_exporter(servers, kinds, settings, core, None))
                    theirs["_tuned_peer"].append(_exporter(servers, kinds, settings, core, TUNING))
            note = f"on {'one core' if core is not None else 'the only core, which the servers share'}"
            for which, said in (("", blackbox.NAME), ("_tuned_peer", f"{blackbox.NAME}, GOGC=400")):
                values = [trial.ran for trial in ours]
                peers = theirs[which]
                yield median_figure(
                    f"saturation_{name}{which}", values, "probes/s", said if peers else None, peers, note
                )
                if not peers:
                    break
            yield median_figure(f"saturation_{name}_cpu", [trial.cpu_us for trial in ours], "us", note=note)


@contextmanager
def _spare_core() -> Iterator[int | None]:
    """A core that this process and those it starts leave alone; None where there is but one."""
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        yield None
        return
    spare = max(cores)
    os.sched_setaffinity(0, cores - {spare})
    try:
        yield spare
    finally:
        os.sched_setaffinity(0, cores)


def _highest(servers: World, kinds: Sequence[str], settings: Settings, core: int | None, rate: int) -> Trial:
    """The best trial that was carried: up while the core has room, down while slots are missed."""
    best: Trial | None = None
    for _ in range(MAX_TRIALS):
        trial = _agent(servers, kinds, settings, core, rate)
        if not trial.is_carried:
            if best is not None:
                return best
            rate = int(min(0.93 * rate, trial.ran))
            continue
        best = trial
        room = min(int(BUSY * 1e6 / trial.cpu_us), MAX_RATE)
        if room < 1.04 * rate:
            return best
        rate = room
    if best is None:
        raise RuntimeError(f"no rate is carried: {rate}/s was the last to be tried")
    return best


def _agent(servers: World, kinds: Sequence[str], settings: Settings, core: int | None, rate: int) -> Trial:
    checks = [servers.check(kind, number) for number, kind in enumerate(islice(cycle(kinds), rate))]
    with Pipeline(settings.scratch, checks, core) as pipeline:
        time.sleep(WARM_UP)
        began, before, cpu = time.monotonic(), pipeline.attempts(), cpu_seconds(pipeline.agent.pid)
        time.sleep(settings.seconds)
        took, spent = time.monotonic() - began, cpu_seconds(pipeline.agent.pid) - cpu
        ran = pipeline.attempts() - before
        failures = pipeline.total("vedette_probe_failures_total")
    return Trial(rate=rate, ran=ran / took, cpu_us=spent / ran * 1e6, failures=failures)


def _exporter(
    servers: World,
    kinds: Sequence[str],
    settings: Settings,
    core: int | None,
    tuning: dict[str, str] | None,
) -> float:
    """Probes a second."""
    paths = [servers.path(kind) for kind in kinds]
    child, port = blackbox.start(settings.scratch, servers.modules(), tuning, core)
    with child:
        child.until_port(port)
        drive(port, paths, 0, WARM_UP)
        answered, succeeded = drive(port, paths, 0, settings.seconds)
    if succeeded != answered:
        raise RuntimeError(f"the exporter answered {answered}, {succeeded} of them with success")
    return answered / settings.seconds
