"""Late results and a real Prometheus, which scrapes a collector's page by the shipped configuration."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from remote.late_helpers import AGENT, CHECK, OTHER, assignment, failed, late, ok
from remote.writing_helpers import Work, fresh, now_us, recent, writing
from servers.collector_page import Fleet, served
from servers.daemon import free_port, until
from servers.prometheus import Prometheus, prometheus, shipped_prometheus
from vedette.wire.messages import Result
from vedette_collector.condition import Condition
from vedette_collector.exposition.page import pieces
from vedette_collector.remote.counters import Failure, Outcome
from vedette_collector.remote.samples import SHIPPED
from vedette_collector.remote.settings import Settings
from vedette_collector.remote.source import Recent
from vedette_collector.store.entry import Entry

RECEIVING = ("--web.enable-remote-write-receiver",)
MINUTE_US = 60_000_000


class Aging(Fleet):
    """A collector that heard nothing for a while: its verdicts have expired."""

    is_old = False

    def page(self) -> str:
        if not self.is_old:
            return super().page()
        return "".join(pieces(self.board, Condition(time.time()), time.monotonic() + 3600))


class World(NamedTuple):
    fleet: Aging
    prometheus: Prometheus
    settings: Settings

    def live(self, check: str) -> float | None:
        return self.prometheus.value(f'probe_success{{check="{check}"}}')

    def report(self, check: str) -> None:
        """A live result that Prometheus has scraped when this returns."""
        self.fleet.report(ok(now_us(), check))
        until(lambda: self.live(check) is not None, f"{check} on Prometheus", 30)

    def raw(self, name: str, check: str) -> dict[int, float]:
        """All samples of the only series of this name and check, by ms."""
        data = self.prometheus.api("query", query=f'{name}{{check="{check}"}}[2h]')
        assert len(data["result"]) <= 1, data
        return {
            round(float(at) * 1000): float(value) for one in data["result"] for at, value in one["values"]
        }


def windowed(text: str, window: str) -> str:
    """The shipped configuration with its hint taken, for another window."""
    hint = "# storage:\n#   tsdb:\n#     out_of_order_time_window: 1h\n"
    assert hint in text
    return text.replace(hint, hint.replace("# ", "", 1).replace("\n# ", "\n").replace("1h", window))


def written(port: int, page: int, **changed: Any) -> Settings:
    labels = {"collector": f"127.0.0.1:{page}"}
    return Settings(url=f"http://127.0.0.1:{port}/api/v1/write", labels=labels, **changed)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A Prometheus that takes what is up to 30 minutes behind."""
    fleet = Aging(assignment(CHECK, OTHER))
    with served(fleet) as page:
        text = windowed(shipped_prometheus([page]), "30m")
        with prometheus(tmp_path_factory.mktemp("prometheus"), text, options=RECEIVING) as server:
            yield World(fleet, server, written(server.port, page))


def write(settings: Settings, entry: Entry, count: int) -> Work:
    """Once *count* samples of *entry* are written or dropped."""

    async def story() -> Work:
        async with asyncio.timeout(60), writing(settings, recent(entry)) as work:
            await work.settled(count)
        return work

    return asyncio.run(story())


def test_late_results_fill_the_hole_in_the_series_that_scrapes_made(world: World) -> None:
    world.report("a")
    world.fleet.is_old = True
    until(lambda: world.live("a") is None, "the hole", 30)
    began = now_us()
    until(lambda: now_us() > began + 4_000_000, "4 s of hole", 30)
    world.fleet.is_old = False
    world.report("a")

    results: list[Result] = []
    for place in range(12):  # every 300 ms, three of four are failures
        make: Callable[..., Result] = failed if place % 4 else ok
        results.append(make(began + 200_000 + place * 300_000, duration_us=10_000 + place))
    wanted = {
        (one.started_us + (one.duration_us or 0)) // 1000: float(one.outcome == "ok") for one in results
    }
    seconds = {
        (one.started_us + (one.duration_us or 0)) // 1000: (one.duration_us or 0) / 1e6 for one in results
    }
    # The agent's clock is an hour behind, and it knows.
    hour = 3_600_000_000
    entry = late(
        [_shifted(each, -hour) for each in results], received_us=now_us(), offset_us=hour, generation=1
    )
    work = write(world.settings, entry, 24)
    assert (work.samples, work.failures) == ({Outcome.WRITTEN: 24}, {})

    times = sorted(wanted)
    for name, oracle in (("probe_success", wanted), ("probe_duration_seconds", seconds)):
        have = world.raw(name, "a")
        assert {at: have.get(at) for at in times} == oracle
        assert [at for at in have if times[0] < at < times[-1]] == times[1:-1]
    (series,) = world.prometheus.query('probe_success{check="a"}')
    assert series.labels == {
        "__name__": "probe_success",
        "job": SHIPPED["job"],
        "collector": world.settings.labels["collector"],
        "instance": CHECK.target,
        "check": "a",
        "agent": AGENT,
        "target": CHECK.target,
    }
    shown = world.prometheus.api(
        "query_range",
        query='probe_success{check="a"}',
        start=f"{times[0] / 1000:.3f}",
        end=f"{times[-1] / 1000:.3f}",
        step="0.1",
    )["result"]
    assert len(shown) == 1
    for at, value in shown[0]["values"]:
        assert float(value) == wanted[max(one for one in times if one <= round(at * 1000))], at


def _shifted(result: Result, by_us: int) -> Result:
    return Result(
        check=result.check,
        outcome=result.outcome,
        started_us=result.started_us + by_us,
        duration_us=result.duration_us,
        reason=result.reason,
    )


def test_the_same_again_changes_nothing(world: World) -> None:
    """After a crash of the collector some is sent twice."""
    world.report("b")
    began = now_us() - MINUTE_US
    entry = late([ok(began, "b"), failed(began + 2_000_000, "b")], received_us=now_us())
    for _ in range(2):
        assert write(world.settings, entry, 4).samples == {Outcome.WRITTEN: 4}
    have = world.raw("probe_success", "b")
    assert [have[at] for at in sorted(have)][:2] == [1.0, 0.0]


def test_a_sample_behind_the_receivers_window_takes_no_good_one_along(world: World) -> None:
    """2.42 says 500 to it. Good, bad, good: the good ones are stored."""
    world.report("b")
    now = now_us()
    good, bad, also_good = now - 20 * MINUTE_US, now - 45 * MINUTE_US, now - 19 * MINUTE_US
    entry = late([ok(at, "b", duration_us=0) for at in (good, bad, also_good)], received_us=now)
    work = write(world.settings, entry, 6)
    assert work.samples == {Outcome.WRITTEN: 4, Outcome.REFUSED_TOO_OLD: 2}
    assert set(work.failures) == {Failure.REJECTED}
    have = world.raw("probe_success", "b")
    assert (have.get(good // 1000), have.get(bad // 1000), have.get(also_good // 1000)) == (1.0, None, 1.0)


def test_with_the_receivers_window_the_old_is_cut_before_it_is_sent(world: World) -> None:
    world.report("b")
    now = now_us()
    entry = late([ok(now - at * MINUTE_US, "b") for at in (45, 18)], received_us=now)
    settings = Settings(url=world.settings.url, labels=world.settings.labels, window_seconds=1800.0)
    work = write(settings, entry, 4)
    assert (work.samples, work.failures) == ({Outcome.WRITTEN: 2, Outcome.TOO_OLD: 2}, {})


def test_a_prometheus_that_comes_later_and_has_no_window(tmp_path: Path) -> None:
    """What waited for it is written; behind a live sample all is refused, and said so."""
    fleet = Aging(assignment(CHECK))
    port = free_port()

    async def story(page: int) -> None:
        source = Recent()
        async with asyncio.timeout(90), writing(written(port, page), source) as work:
            began = now_us()
            source.put(late([ok(began - 2_000_000)], received_us=began))
            await work.until(lambda: work.counters.failures[Failure.CONNECT] >= 1)
            running = prometheus(tmp_path, shipped_prometheus([page]), port=port, options=RECEIVING)
            server = await asyncio.to_thread(running.__enter__)
            try:
                await work.settled(2)
                assert work.samples == {Outcome.WRITTEN: 2}
                world = World(fleet, server, written(port, page))
                await asyncio.to_thread(world.report, "a")
                await work.until(lambda: len(world.raw("probe_success", "a")) > 1)
                before = world.raw("probe_success", "a")
                source.put(late([ok(began - 1_000_000)], 2, received_us=now_us()))
                await work.settled(4)
                assert work.samples == {Outcome.WRITTEN: 2, Outcome.REFUSED_OUT_OF_ORDER: 2}
                assert before.items() <= world.raw("probe_success", "a").items()
            finally:
                await asyncio.to_thread(running.__exit__, None, None, None)

    with served(fleet) as page:
        asyncio.run(story(page))


def test_a_prometheus_that_is_no_receiver_is_no_reason_to_stop(tmp_path: Path) -> None:
    """Without the flag it says 404: loud, and tried again."""
    with prometheus(tmp_path, shipped_prometheus([])) as server:

        async def story() -> None:
            settings = written(server.port, 1)
            async with asyncio.timeout(60), writing(settings, recent(fresh())) as work:
                await work.until(lambda: bool(work.failures))
                assert set(work.failures) == {Failure.NOT_FOUND}
                assert work.samples == {}

        asyncio.run(story())
