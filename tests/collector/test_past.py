"""The history of results: what is found, in which order, and what bounds an answer."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collector.collector_helpers import NOW, STARTED_US, Core, batch, failed, ok
from collector.running_helpers import collecting, ready, speaking, until
from collector.web_helpers import site
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette.wire import codec
from vedette.wire.messages import Batch
from vedette.wire.topics import Kind, topic
from vedette_collector.cell import Moment
from vedette_collector.store import entry as entries
from vedette_collector.store import past
from vedette_collector.store.database import Database, Writing
from vedette_collector.store.past import Asked, Token, passage

ALL = Asked(0, round(NOW.wall * 1e6) + 10**12)


class Store:
    """A journal as ingest makes it."""

    def __init__(self, path: Path) -> None:
        self.path = path / "store.db"
        self.core = Core()
        self.database = Database(self.path)
        self.seconds = 0

    def take(self, message: Batch, *, late: bool = False) -> None:
        self.seconds += 1
        now = Moment(NOW.wall + self.seconds, NOW.mono + self.seconds)
        payload, content_type = codec.encode(message)
        kind = Kind.REPLAY if late else Kind.LIVE
        entry = self.core.take(topic(message.agent, kind), payload, content_type, now=now)
        assert entry is not None
        if entry.is_kept:
            self.database.write(Writing(entries=[entries.row(entry)]))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def seqs(found: past.Passage) -> list[int]:
    """Each result began at its own microsecond."""
    return [each.result.started_us - STARTED_US for each in found.told]


def numbered(first: int, count: int, **more: Any) -> Batch:
    results = [ok(started_us=STARTED_US + first + place) for place in range(count)]
    return batch(*results, first=first, **more)


def test_a_result_has_its_own_time_and_says_whether_it_came_late(store: Store) -> None:
    store.take(batch(failed(detail="why"), offset_us=5_000_000))
    store.take(batch(ok("web"), first=1), late=True)
    live, late = passage(store.path, ALL).told
    assert (live.result.detail, live.late, live.is_synced) == ("why", False, True)
    assert live.started_us == STARTED_US + 5_000_000
    assert live.received_us == round(NOW.wall * 1e6) + 1_000_000
    assert (late.late, late.is_synced, late.started_us) == (True, False, STARTED_US)


def test_what_came_twice_or_could_not_be_applied_is_not_told(store: Store) -> None:
    store.take(numbered(0, 3))
    store.take(numbered(0, 5))
    store.take(batch(ok("nothing"), ok(started_us=STARTED_US + 6), first=5))
    assert seqs(passage(store.path, ALL)) == [0, 1, 2, 3, 4, 6]


def test_filters(store: Store) -> None:
    store.take(numbered(0, 2))
    store.take(batch(ok("web"), ok(), agent="fra-01"))
    told = passage(store.path, ALL._replace(agent="fra-01", check="web")).told
    assert [(each.agent, each.result.check) for each in told] == [("fra-01", "web")]
    assert len(passage(store.path, ALL._replace(check="api-dns")).told) == 3
    assert passage(store.path, ALL._replace(agent="nobody")).told == []
    second = round(NOW.wall * 1e6) + 2_000_000
    assert len(passage(store.path, ALL._replace(until_us=second)).told) == 2
    assert len(passage(store.path, ALL._replace(from_us=second)).told) == 2


@pytest.mark.parametrize("agent", [None, "par-01"])
@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_answers_that_go_on_from_each_other_tell_everything_once(
    store: Store, agent: str | None, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PAGE", 3)
    for first in range(0, 40, 5):
        store.take(numbered(first, 5), late=first % 2 == 0)
        store.take(numbered(first, 5, agent="fra-01"))
    asked, found = ALL._replace(agent=agent, limit=limit), list[int]()
    for _ in range(200):
        answer = passage(store.path, asked)
        assert len(answer.told) <= limit
        found += seqs(answer)
        if answer.next is None:
            break
        asked = asked._replace(after=Token.parse(str(answer.next)))
    expected = list(range(40)) if agent else sorted([*range(40), *range(40)])
    assert sorted(found) == expected


def test_an_answer_is_bounded_by_bytes_and_by_time(store: Store) -> None:
    for first in range(0, 40, 5):
        store.take(numbered(first, 5))
    few = passage(store.path, ALL, most_bytes=1)
    assert seqs(few) == [0, 1, 2, 3, 4]
    assert few.next is not None
    at_once = passage(store.path, ALL, seconds=0.0)
    assert seqs(at_once) == [0, 1, 2, 3, 4], "at least one entry, or nobody would ever come to the end"
    assert at_once.next == few.next


def test_a_long_search_is_interrupted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of rows of which none is wanted."""
    monkeypatch.setattr(past, "STEPS", 10)
    store.take(numbered(0, 1))
    with sqlite3.connect(store.path) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
            "INSERT INTO journal SELECT i, 'claim', 'par-01', 1, 'e', 0, 0, x'', NULL, x'' FROM n"
        )
    connection.close()
    answer = passage(store.path, Asked(0, 10), seconds=0.0)
    assert answer.told == []
    assert answer.next is not None


def test_an_entry_that_cannot_be_read_hides_no_other(store: Store) -> None:
    for first in range(3):
        store.take(numbered(first, 1))
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE journal SET payload = x'00' WHERE id = 1")
        connection.execute("UPDATE journal SET head = x'00' WHERE id = 2")
    connection.close()
    assert seqs(passage(store.path, ALL)) == [2]


def test_the_first_entry_of_a_time_is_found_without_reading_what_is_before(store: Store) -> None:
    for first in range(20):
        store.take(numbered(first, 1))
    with sqlite3.connect(store.path) as connection:
        connection.execute("DELETE FROM journal WHERE id IN (1, 2, 9, 10, 11)")
        start = round(NOW.wall * 1e6)
        assert past._first(connection, start) == 3
        assert past._first(connection, start + 10_000_000) in (9, 10, 11, 12)
        assert past._first(connection, start + 15_000_000) == 15
    connection.close()


@pytest.mark.parametrize("text", ["", "1", "1-2", "1-2-3-4", "a-b-c", "1-2--3", "-1-2-3", "1-2-" + "9" * 30])
def test_tokens_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Token.parse(text)


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=10001", "limit=x", "from=yesterday", "to=nan", "from=-1", "to=1e300", "after=1-2"],
)
def test_questions_that_cannot_be_answered(query: str, tmp_path: Path) -> None:
    store = Store(tmp_path)

    async def story() -> None:
        async with (
            site(store.core, store=store.path) as it,
            it.http.get(f"{it.base}/api/v1/history?{query}") as answer,
        ):
            assert answer.status == 400
            assert query.partition("=")[0] in (await answer.json())["error"]

    asyncio.run(story())


def test_without_a_store_there_is_no_history() -> None:
    async def story() -> None:
        async with site(Core()) as it, it.http.get(it.base + "/api/v1/history") as answer:
            assert answer.status == 404
            assert "--no-store" in (await answer.json())["error"]

    asyncio.run(story())


def test_one_reader_at_a_time(tmp_path: Path) -> None:
    """The others are asked to come again: fresh results want the processor."""
    store = Store(tmp_path)
    store.database.close()

    async def story() -> None:
        with closing(sqlite3.connect(store.path, isolation_level=None)) as holder:
            holder.execute("PRAGMA locking_mode = EXCLUSIVE")
            holder.execute("BEGIN EXCLUSIVE")  # whoever reads now waits for the file
            async with site(store.core, store=store.path) as it, asyncio.TaskGroup() as group:
                url = it.base + "/api/v1/history"
                asked = [group.create_task(answered(it.http, url)) for _ in range(2)]
                done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=30)
                assert [task.result()[:2] for task in done] == [(503, "1")]
                holder.close()
                assert [await task for task in waiting] == [(200, None, {"results": [], "next": None})]
                assert await it.json("/api/v1/history") == {"results": [], "next": None}

    asyncio.run(story())


async def answered(http: aiohttp.ClientSession, url: str) -> tuple[int, str | None, Any]:
    async with http.get(url) as answer:
        return answer.status, answer.headers.get("Retry-After"), await answer.json()


@pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
def test_a_whole_collector_tells_its_past(tmp_path: Path) -> None:
    """Through a restart of it."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "defaults: {interval: 10s, timeout: 5s}\nagents: [{name: par-01}]\n"
        "checks:\n  - name: api-dns\n    dns: {name: api.example.com, type: A}\n"
    )

    async def story(broker: Mosquitto) -> None:
        async with collecting(broker.url, config) as running, speaking(broker) as voice:
            await ready(running)
            await voice.say(batch(failed()), Kind.LIVE)
            await until(lambda: running.collector.board.ledger.book("par-01").applied == 1)
        async with collecting(broker.url, config) as running:
            status, body, _ = await running.get("/api/v1/history?check=api-dns&from=2020-01-01T00:00:00Z")
            assert status == 200
            assert '"failure":"dns.nodata"' in body
            assert '"late":false' in body

    with Mosquitto() as broker:
        asyncio.run(story(broker))
