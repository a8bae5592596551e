"""The broker, the collector or its disk is away for a while, with a long backlog and with a short one."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crash.measures import age, memory
from crash.plant import APPLIED, LATE, Plant, increase, plant, scraped, until_scraped
from crash.spooled import fill
from crash.stories import pause
from servers.daemon import until

BACKLOG = 90_000  # half an hour at 50 a second
SPOOL = "vedette_agent_spool_results"


@pytest.mark.timeout(400)
def test_backlog_is_replayed(tmp_path: Path, say: Callable[[str], None]) -> None:
    outage(tmp_path, say, backlog=2_000, away=1.0, replay=60.0, heartbeat=2.0)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_half_an_hour_is_replayed(tmp_path: Path, say: Callable[[str], None]) -> None:
    """90,000 results within a minute, while fresh ones are as fresh as ever."""
    fresh, growth, seconds = outage(tmp_path, say, backlog=BACKLOG, away=60.0, replay=90.0, heartbeat=None)
    assert fresh <= 0.25, "99 % of the live batches"
    assert growth <= 32.0, "MiB"
    assert seconds <= 60.0


def outage(
    directory: Path,
    say: Callable[[str], None],
    *,
    backlog: int,
    away: float,
    replay: float,
    heartbeat: float | None,
) -> tuple[float, float, float]:
    """99th percentile of the age of live batches, growth of the agent in MiB, seconds of the replay."""
    with plant(directory, agents=1, checks=50, heartbeat=heartbeat) as made, scraped(made) as prometheus:
        (name,) = made.names
        fill(directory / "state", directory / "notes", name, backlog, made.checks)
        made.start_collector()
        made.kill("broker")
        made.start_agent(name)
        made.until_spooled(name)
        pause(2.0)
        with memory(made.agents[name].pid) as rss:
            pause(away)
            made.bring_back("broker")
            # After a long outage a fleet takes up to a minute to come back.
            before = made.until(lambda page: page.total(LATE) > 0, "the replay begins", 120.0)
            began = time.monotonic()
            after = made.until(lambda page: page.total(LATE) >= backlog, "all is replayed", replay)
            seconds = time.monotonic() - began
            fresh = age(before, after, 0.99)
            made.hush()
            page = made.settle()
        until_scraped(prometheus, page)
        verdict = made.verdict(page)
        assert not verdict.faults, "\n".join((str(verdict), *verdict.faults, made.tails()))
        assert not verdict.lost, str(verdict)
        assert increase(prometheus, APPLIED) == (verdict.applied, 0)
        made.finish()
    say(
        f"{verdict}; {backlog} replayed in {seconds:.1f} s, live age p99 <= {fresh:g} s, "
        f"agent {rss.before:.1f} MiB + {rss.growth:.1f}"
    )
    return fresh, rss.growth, seconds


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_collector_is_away(tmp_path: Path, say: Callable[[str], None]) -> None:
    """The broker takes everything and nobody reads it."""
    with plant(tmp_path, agents=3) as made:
        made.start()
        before = made.until(lambda page: True, "a page")
        made.kill("collector")
        with memory(made.broker.pid) as broker:
            began = time.monotonic()
            for name in made.names:
                log = made.agents[name].log
                until(lambda log=log: "no collector answers" in log.read_text(), "the agent says so", 30.0)
            said = time.monotonic() - began
            pause(90.0)
        made.bring_back("collector")
        made.until(lambda page: page.total(LATE) > 0, "the replay begins")
        assert before.total(LATE) == 0
        line = f"agents said so after {said:.0f} s, broker {broker.before:.1f} MiB + {broker.growth:.1f}"
        finish_well(made, say, line)
        assert broker.growth <= 64.0


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_disk_of_the_collector_is_slow(tmp_path: Path, say: Callable[[str], None]) -> None:
    """Every commit takes half a second: nothing is dropped, and what is fresh goes first."""
    with plant(tmp_path, agents=3, commit_seconds=0.5) as made:
        fill(tmp_path / "state", tmp_path / "notes", made.names[0], 5_000, made.checks)
        made.start()
        with memory(made.collector.pid) as collector:
            before = made.until(lambda page: page.total(LATE) > 0, "the replay begins")
            after = made.until(lambda page: page.total(LATE) >= 5_000, "all is replayed", 180.0)
        fresh = age(before, after, 0.99)
        finish_well(made, say, f"live age p99 <= {fresh:g} s, collector at most {collector.most:.0f} MiB")
        assert collector.most <= 256.0


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_spool_is_full(tmp_path: Path, say: Callable[[str], None]) -> None:
    """The oldest go, each of them is declared, and the file stays within its bound."""
    size = 512 * 1024
    with plant(tmp_path, agents=1, VEDETTE_CRASH_SPOOL=str(size)) as made:
        (name,) = made.names
        fill(tmp_path / "state", tmp_path / "notes", name, 20_000, made.checks)
        made.start_collector()
        made.start_agent(name)
        made.until(lambda page: page.total(APPLIED) > 0, "results are applied")
        made.hush()
        verdict = made.verdict(made.settle(120.0))
        assert not verdict.faults, "\n".join((str(verdict), *verdict.faults, made.tails()))
        assert set(verdict.lost) == {"spool_full"}, str(verdict)
        made.finish()
        say(str(verdict))


def finish_well(made: Plant, say: Callable[[str], None], line: str) -> None:
    """Every result is applied, and none is lost."""
    made.hush()
    verdict = made.verdict(made.settle(120.0))
    assert not verdict.faults, "\n".join((str(verdict), *verdict.faults, made.tails()))
    assert not verdict.lost, str(verdict)
    made.finish()
    say(f"{verdict}; {line}")
