"""Memory: a collector with 200,000 series, and an agent in an outage of half an hour.

The collector is a real one with its store: agents hand in results of every check through Mosquitto, its page
is read, and then its resident memory. The agent is its outbox and its spool in a process of their own; see
`benchmarks.outage`.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from benchmarks import mixed
from benchmarks.crowd import Crowd
from benchmarks.figure import Figure, median_figure
from benchmarks.page import Page
from benchmarks.proc import own_environment, rss_mib
from benchmarks.settings import Settings
from benchmarks.site import Site

SERIES = 200_000
CHECKS = 100
SERIES_OF_A_CELL = 33  # about, of a mixed fleet
OUTAGE_RESULTS, OUTAGE_RATE = 90_000, 50.0
TIMES = 5  # each check of each agent


def figures(settings: Settings) -> Iterator[Figure]:
    series, memory = _collector(settings, SERIES)
    note = f"{series} series, each check {TIMES} times; after three pages, with the store"
    yield median_figure("collector_rss_200k_series", [memory], "MiB", note=note)
    found = [_outage(settings, OUTAGE_RESULTS) for _ in range(settings.runs)]
    note = (
        f"{OUTAGE_RESULTS} results, as of {OUTAGE_RESULTS / OUTAGE_RATE / 60:g} minutes at {OUTAGE_RATE:g}/s"
    )
    yield median_figure(
        "agent_rss_growth_outage", [each["highest"] - each["before"] for each in found], "MiB", note=note
    )
    sizes = [each["disk_bytes"] / OUTAGE_RESULTS for each in found]
    yield median_figure("spool_bytes_per_result", sizes, "B", note=note)


def _outage(settings: Settings, results: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=settings.scratch) as directory:
        words = [sys.executable, "-m", "benchmarks.outage", directory, str(results), str(OUTAGE_RATE)]
        done = subprocess.run(
            words, check=True, capture_output=True, text=True, timeout=300, env=own_environment()
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _collector(settings: Settings, series: int) -> tuple[int, float]:
    """How many series there were, and MiB."""
    agents = max(1, round(series / CHECKS / SERIES_OF_A_CELL))
    with Site(settings.scratch, mixed.config(agents, CHECKS, interval=1.0)) as site:
        with Crowd(site, range(agents), CHECKS, rate=CHECKS / 2, seconds=2.0 * TIMES) as crowd:
            crowd.wait()
            site.settle(crowd.produced)
        for _ in range(3):
            page = Page.read(site.port)
            time.sleep(1.0)
        return page.series, rss_mib(site.collector.pid)
