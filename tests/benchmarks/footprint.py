"""Memory and start-up of an agent with 200 checks, beside the exporter's at the same rate."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from benchmarks import blackbox
from benchmarks.figure import Figure, median_figure
from benchmarks.probes import KINDS, Pipeline, World, drive, world
from benchmarks.proc import rss_mib
from benchmarks.settings import Settings

CHECKS = 200
ALL_KINDS = (*KINDS, "authority", "trace", "tls", "path", "udp", "ntp", "websocket", "grpc")


def figures(settings: Settings) -> Iterator[Figure]:
    with ExitStack() as stack:
        servers = world(stack, settings.scratch)
        memory, start = zip(*(_agent(servers, settings, KINDS) for _ in range(settings.runs)), strict=True)
        memory_of_all = [_agent(servers, settings, ALL_KINDS)[0] for _ in range(settings.runs)]
        peer_memory: list[float] = []
        peer_start: list[float] = []
        if blackbox.binary() is not None:
            for _ in range(settings.runs):
                rss, ready = _exporter(servers, settings)
                peer_memory.append(rss)
                peer_start.append(ready)
    peer = blackbox.NAME if peer_memory else None
    note = f"{CHECKS} checks of {len(KINDS)} kinds at 1 s for {settings.seconds:g} s"
    yield median_figure("agent_rss", memory, "MiB", peer, peer_memory, note)
    note = (
        f"{CHECKS} checks of {len(ALL_KINDS)} kinds at 1 s for {settings.seconds:g} s: all without an extra"
    )
    yield median_figure("agent_rss_all_kinds", memory_of_all, "MiB", peer, peer_memory, note)
    yield median_figure(
        "agent_start",
        start,
        "s",
        peer,
        peer_start,
        "process start to the first result at the collector; the exporter's is to its open port",
    )


def _agent(servers: World, settings: Settings, kinds: Sequence[str]) -> tuple[float, float]:
    checks = [servers.check(kinds[number % len(kinds)], number) for number in range(CHECKS)]
    with Pipeline(settings.scratch, checks) as pipeline:
        ready = time.monotonic() - pipeline.agent.started
        time.sleep(settings.seconds)
        return rss_mib(pipeline.agent.pid), ready


def _exporter(servers: World, settings: Settings) -> tuple[float, float]:
    child, port = blackbox.start(settings.scratch, servers.modules())
    with child:
        ready = child.until_port(port)
        drive(port, [servers.path("https")], settings.rate, settings.seconds)
        return rss_mib(child.pid), ready
