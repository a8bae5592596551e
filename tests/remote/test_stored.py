"""Late entries read from a real store, and the place that outlives a collector."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from remote.late_helpers import late, ok
from remote.writing_helpers import fresh, writing
from servers.remote_write import answer, receiver
from vedette_collector.condition import StoreCondition
from vedette_collector.remote import stored
from vedette_collector.remote.counters import Outcome, Skipped
from vedette_collector.remote.settings import Settings
from vedette_collector.remote.source import PASSAGE_BYTES
from vedette_collector.remote.stored import Stored
from vedette_collector.store.database import Database
from vedette_collector.store.entry import Entry
from vedette_collector.store.journal import Applying, Journal


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "POLL_SECONDS", 0.02)


class Store:
    """A collector's store that begins with *entries*."""

    def __init__(self, path: Path, entries: list[Entry]) -> None:
        self.database = Database(path)
        condition = StoreCondition()
        nothing = Applying(lambda entry, now: None, condition)
        self.journal = Journal(self.database, nothing, lambda: None, condition)
        self.journal.last_id = self.database.load().last_id
        self.entries = entries
        self.source = Stored(path, self.journal)

    async def __aenter__(self) -> "Store":
        self.journal.start()
        self._task = asyncio.create_task(self.journal.run())
        for each in self.entries:
            self.journal.add(each)
        await self.journal.idle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.to_thread(self.journal.stop, 20.0)
        self.database.close()


def live(number: int) -> Entry:
    return replace(fresh(number), kind="live")


def run(story: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await story

    asyncio.run(bounded())


def test_late_entries_come_in_order_and_live_ones_not_at_all(tmp_path: Path) -> None:
    async def story() -> None:
        entries = [live(1), fresh(2), live(3), fresh(4), fresh(5), live(6)]
        async with Store(tmp_path / "store.db", entries) as store:
            assert await store.source.position() == 0
            found = await store.source.late(0, 1000)
            assert [each.id for each in found.entries] == [2, 4, 5]
            assert (found.end, found.pruned) == (6, 0)
            assert found.entries[0].payload == entries[1].payload

    run(story())


def test_so_much_at_a_time_and_no_more(tmp_path: Path) -> None:
    async def story() -> None:
        entries = [fresh(number, 10) for number in range(1, 6)]
        async with Store(tmp_path / "store.db", entries) as store:
            found = await store.source.late(1, 11)
            assert ([each.id for each in found.entries], found.end) == ([2, 3], 3)

    run(story())


def test_large_payloads_are_not_read_all_at_once(tmp_path: Path) -> None:
    """20 MB of single results would fit into the number of results."""

    async def story() -> None:
        entries = [replace(fresh(number), payload=bytes(100_000)) for number in range(1, 201)]
        async with Store(tmp_path / "store.db", entries) as store:
            found = await store.source.late(0, 1000)
            assert 0 < sum(len(each.payload) for each in found.entries) <= PASSAGE_BYTES + 100_000
            assert found.end == found.entries[-1].id

    run(story())


def test_a_long_stretch_without_anything_late_is_gone_through_in_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "SPAN", 3)

    async def story() -> None:
        async with Store(tmp_path / "store.db", [*map(live, range(1, 8)), fresh(8)]) as store:
            ends = []
            after = 0
            while after < 8:
                found = await store.source.late(after, 1000)
                after = found.end
                ends.append((after, len(found.entries)))
            assert ends == [(3, 0), (6, 0), (8, 1)]

    run(story())


def test_what_comes_later_is_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        async with Store(tmp_path / "store.db", [live(1)]) as store:
            waiting = asyncio.create_task(store.source.late(1, 1000))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            store.journal.add(fresh(2))
            assert [each.id for each in (await waiting).entries] == [2]

    run(story())


def test_what_was_pruned_is_known(tmp_path: Path) -> None:
    async def story() -> None:
        async with Store(tmp_path / "store.db", [fresh(number) for number in range(1, 8)]) as store:
            await store.journal.prune(5, 2**53, 2**40, 100)
            found = await store.source.late(2, 1000)
            assert ([each.id for each in found.entries], found.pruned) == ([6, 7], 3)
            await store.journal.prune(7, 2**53, 2**40, 100)
            assert await store.source.late(5, 1000) == ([], 7, 2)
            # A collector that writes for the first time has missed nothing.
            assert await store.source.position() == 7

    run(story())


def test_a_row_that_cannot_be_read_is_counted_and_passed(tmp_path: Path) -> None:
    async def story() -> None:
        async with Store(tmp_path / "store.db", [fresh(1), fresh(2)]) as store:
            store.database._connection.execute("UPDATE journal SET head = x'c1' WHERE id = 1")
            found = await store.source.late(0, 1000)
            assert ([each.id for each in found.entries], found.pruned) == ([2], 1)

    run(story())


def test_a_collector_goes_on_where_the_one_before_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each sample is sent once over a restart: when nothing is left to do, the place is on the disk."""
    monkeypatch.setattr(stored, "KEEP_SECONDS", 1e6)

    async def story() -> None:
        path = tmp_path / "store.db"
        async with receiver(lambda *_: answer(204)) as there:
            settings = Settings(url=there.url)
            async with (
                Store(path, [fresh(1), live(2), fresh(3)]) as store,
                writing(settings, store.source) as work,
            ):
                await work.settled(4)
                assert work.samples == {Outcome.WRITTEN: 4}
                store.journal.add(fresh(4))
                await work.settled(6)
                await work.until(lambda: store.database.load().facts.get(stored.PLACE) == 4)
            before = len(there.came)
            async with (
                Store(path, [late([ok(1)], 5, received_us=1), fresh(6)]) as store,
                writing(settings, store.source) as work,
            ):
                await work.settled(2)
                assert work.samples == {Outcome.WRITTEN: 2}
                assert work.counters.skipped[Skipped.TOO_OLD] == 1
            assert len(there.came) == before + 1

    run(story())


def test_the_place_is_kept_now_and_then_while_there_is_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for every request, which would be a transaction each; and not only at the end."""

    async def story() -> None:
        async with Store(tmp_path / "store.db", [fresh(1)]) as store:
            for apart, position, kept in ((1e6, 2, 2), (1e6, 3, 2), (0.0, 4, 4)):
                monkeypatch.setattr(stored, "KEEP_SECONDS", apart)
                await store.source.settled(position)
                assert store.database.load().facts[stored.PLACE] == kept

    run(story())
