"""A fleet on one machine: agents with 20 results a second each, Mosquitto, and one collector with its store.

Everything is real but the probes; see `benchmarks.crowd`. Nothing may be lost, and the books must agree to
the last result. CPU of each part is in cores, while results are produced; the page is scraped every 15 s.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

from benchmarks import mixed
from benchmarks.crowd import Crowd
from benchmarks.figure import Figure, median_figure
from benchmarks.page import Page
from benchmarks.proc import cpu_seconds, rss_mib
from benchmarks.settings import Settings
from benchmarks.site import Site

CHECKS, RATE = 20, 20.0  # of an agent; each check once a second
PROCESSES = 1  # of the load generator
SCRAPE_SECONDS = 15.0

_UNITS = {
    "load_rate": "results/s",
    "load_live_age_p50": "s",
    "load_live_age_p99": "s",
    "load_broker_cpu": "cores",
    "load_collector_cpu": "cores",
    "load_collector_cpu_per_result": "us",
    "load_generator_cpu": "cores",
    "load_generator_late": "s",
    "load_collector_rss": "MiB",
}


def figures(settings: Settings) -> Iterator[Figure]:
    agents = settings.agents
    runs = [measured(settings, agents, RATE, settings.seconds) for _ in range(settings.runs)]
    note = f"{agents} agents, {RATE:g}/s each, {settings.seconds:g} s; 0 lost, residual and disagreement 0"
    for name, unit in _UNITS.items():
        yield median_figure(name, [run[name] for run in runs], unit, note=note)


def measured(settings: Settings, agents: int, rate: float, seconds: float) -> dict[str, float]:
    """One run. Raises RuntimeError when anything is lost or the books do not agree."""
    with ExitStack() as stack:
        site = stack.enter_context(Site(settings.scratch, mixed.config(agents, CHECKS, interval=1.0)))
        crowds = [
            stack.enter_context(
                Crowd(
                    site, range(agents * n // PROCESSES, agents * (n + 1) // PROCESSES), CHECKS, rate, seconds
                )
            )
            for n in range(PROCESSES)
        ]
        for crowd in crowds:
            crowd.until_ready()
        before, pids = Page.read(site.port), (site.broker.pid, site.collector.pid)
        spent = [*(-cpu_seconds(pid) for pid in pids), -sum(crowd.cpu_seconds() for crowd in crowds)]
        for crowd in crowds:
            crowd.go()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SCRAPE_SECONDS))
            Page.scrape(site.port)
        for crowd in crowds:
            crowd.until_produced()
        for place, pid in enumerate(pids):
            spent[place] += cpu_seconds(pid)
        spent[2] += sum(crowd.cpu_seconds() for crowd in crowds)
        for crowd in crowds:
            crowd.until_acked()
        produced, took = sum(crowd.produced for crowd in crowds), max(crowd.seconds for crowd in crowds)
        page = site.settle(produced)
        return {
            "load_rate": produced / took,
            "load_live_age_p50": page.live_age(0.5, before),
            "load_live_age_p99": page.live_age(0.99, before),
            "load_broker_cpu": spent[0] / took,
            "load_collector_cpu": spent[1] / took,
            "load_collector_cpu_per_result": spent[1] / produced * 1e6,
            "load_generator_cpu": spent[2] / took,
            "load_generator_late": max(crowd.late for crowd in crowds),
            "load_collector_rss": rss_mib(site.collector.pid),
        }
