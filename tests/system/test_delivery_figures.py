"""The benchmarks of the delivery, each a moment long: they run, and what they hold themselves to holds."""

import asyncio
import json
from pathlib import Path

import pytest

from benchmarks import durable, load, memory, mixed, replay, spool, wire
from benchmarks.page import Page
from benchmarks.settings import Settings
from servers.mosquitto import MOSQUITTO
from vedette.checks import read
from vedette.wire import codec
from vedette.wire.messages import Batch

needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(runs=1, seconds=0.4, rate=50, kinds=None, scratch=tmp_path, agents=3)


def test_a_mixed_fleet_says_facts_whole_once_and_differences_then() -> None:
    """Of 10 checks in three rounds: 10 whole at first, then what changed; failures have none."""
    parcels = mixed.batches(
        "agent-0000", f"{1:032x}", mixed.check_names(10), 30, 10, 30.0, 1_800_000_000_000_000
    )
    # An acknowledged parcel has no payload any more: each is read before the next one is packed.
    rounds = [codec.decode(each.payload, each.content_type, Batch).results for each in parcels]
    assert [len(each) for each in rounds] == [10, 10, 10]
    assert all(result.diff is None for result in rounds[0])
    later = [result for results in rounds[1:] for result in results if result.outcome == "ok"]
    assert sum(result.diff == {} for result in later) > len(later) / 4
    counted_down = [result.diff for result in later if result.diff and result.check.startswith("dns")]
    assert counted_down
    assert all("ttl_seconds" in difference["dns"] for difference in counted_down)


def test_the_configuration_of_a_mixed_fleet_is_one(tmp_path: Path) -> None:
    file = tmp_path / "vedette.yaml"
    file.write_text(json.dumps(mixed.config(3, 20, interval=1.0)))
    found = read.load(file)
    assert [check.name for check in found.checks] == mixed.check_names(20)
    assert len(found.agents) == 3


def test_ages_come_out_of_the_histogram() -> None:
    """50 batches within 0.1 s, 49 more within 0.25 s and one within 0.5 s: half at 0.1, 99 % at 0.25."""

    def page(*counts: int) -> Page:
        bounds = ("0.1", "0.25", "0.5", "+Inf")
        lines = [
            f'vedette_live_age_seconds_bucket{{agent="a",le="{bound}"}} {count}'
            for bound, count in zip(bounds, counts, strict=True)
        ]
        return Page.parsed("\n".join(lines))

    now, before = page(57, 106, 107, 107), page(7, 7, 7, 7)
    assert now.live_age(0.5, before) == pytest.approx(0.1)
    assert now.live_age(0.99, before) == pytest.approx(0.25)
    assert before.live_age(0.99, before) == 0.0
    assert page(0, 0, 0, 5).live_age(0.5, Page()) == float("inf")


@pytest.mark.parametrize("size", [1, 10, 100])
def test_durable_ingest_applies_everything(settings: Settings, size: int) -> None:
    run = asyncio.run(durable._round(settings.scratch, size, 2000))
    assert run.per_core > 0


@needs_mosquitto
def test_bytes_on_the_wire_are_those_of_differences(settings: Settings) -> None:
    """After three rounds of 100 results each further one takes less than 45 bytes, MQTT included."""
    whole, later, acks = wire._round(settings, 6, seed=1)
    assert 10 < later < 45
    assert later < whole
    assert acks > 0


@needs_mosquitto
def test_a_made_up_fleet_loses_nothing(settings: Settings) -> None:
    found = load.measured(settings, agents=3, rate=20.0, seconds=1.0)
    assert set(found) == set(load._UNITS)


@needs_mosquitto
def test_the_memory_of_a_collector_is_that_of_its_series(settings: Settings) -> None:
    series, mebibytes = memory._collector(settings, 3300)
    assert series > 2000
    assert mebibytes > 10


def test_an_outage_ends_on_disk(settings: Settings) -> None:
    found = memory._outage(settings, 2000)
    assert found["highest"] >= found["before"]
    assert found["disk_bytes"] > 2000


def test_a_spool_is_opened_with_all_that_is_in_it(settings: Settings) -> None:
    assert replay._opened(settings, 1000) > 0


def test_the_thread_of_a_spool_is_measured(settings: Settings) -> None:
    assert asyncio.run(spool._thread(settings, 50)) > 0
