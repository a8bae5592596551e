"""The stream of events, and readers of it that are many, slow or gone."""

import asyncio

import aiohttp
import pytest

from collector.exposition_helpers import full
from collector.web_helpers import fresh, site
from vedette_collector.web.events import QUEUE


def test_events_carry_ids_and_tolerate_a_last_event_id() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            headers = {"Last-Event-ID": "whatever"}
            async with it.http.get(f"{it.base}/events", headers=headers) as stream:
                assert stream.content_type == "text/event-stream"
                assert await stream.content.readuntil(b"\n\n") == b"retry: 3000\n: vedette\n\n"
                it.hub.tell(7)
                assert await stream.content.readuntil(b"\n\n") == b"id: 7\nevent: change\ndata: 7\n\n"
                assert it.condition.event_clients == 1

    asyncio.run(story())


def test_a_change_is_told_and_so_is_time() -> None:
    """With a tick of 10 ms: one event for a change, another after the idle time without one."""

    async def story() -> None:
        async with (
            site(fresh()) as it,
            asyncio.TaskGroup() as group,
            it.http.get(f"{it.base}/events") as stream,
        ):
            await stream.content.readuntil(b"\n\n")
            task = group.create_task(it.hub.run(0.01, 0.2))
            await asyncio.sleep(0)
            it.core.board.version += 1
            changed = await stream.content.readuntil(b"\n\n")
            assert await stream.content.readuntil(b"\n\n") == changed
            task.cancel()

    asyncio.run(story())


def test_more_open_pages_than_allowed_are_turned_away_and_counted() -> None:
    async def story() -> None:
        async with site(fresh(), clients=1) as it, it.http.get(f"{it.base}/events") as stream:
            await stream.content.readuntil(b"\n\n")
            async with it.http.get(f"{it.base}/events") as second:
                assert second.status == 503
            assert it.condition.event_drops["full"] == 1

    asyncio.run(story())


def test_a_reader_that_does_not_keep_up_is_dropped_and_counted() -> None:
    """The queue holds four events; the fifth before anything was taken ends the stream."""

    async def story() -> None:
        async with site(fresh()) as it:
            async with it.http.get(f"{it.base}/events") as stream:
                await stream.content.readuntil(b"\n\n")
                for number in range(QUEUE + 1):
                    it.hub.tell(number)
                assert it.condition.event_drops["slow"] == 1
                assert it.condition.event_clients == 0
                with pytest.raises((aiohttp.ClientError, asyncio.IncompleteReadError)):
                    await stream.content.readexactly(10_000)
            it.hub.tell(9)  # nobody is left to be told

    asyncio.run(story())


def test_a_reader_of_metrics_that_leaves_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with site(full()) as it:
            for _ in range(20):
                _, writer = await asyncio.open_connection("127.0.0.1", int(it.base.rpartition(":")[2]))
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await writer.drain()
                writer.transport.abort()
            async with it.http.get(f"{it.base}/-/healthy") as answer:
                assert answer.status == 200

    asyncio.run(story())
    assert caplog.records == []


def test_a_reader_of_events_that_leaves_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            async with it.http.get(f"{it.base}/events") as stream:
                await stream.content.readuntil(b"\n\n")
            while it.condition.event_clients:
                it.hub.tell(1)
                await asyncio.sleep(0.001)

    asyncio.run(story())
    assert caplog.records == []
