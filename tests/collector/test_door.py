"""HTTP clients that mean no good: they cost themselves an answer, and nobody else."""

import asyncio
import logging

import pytest

from collector.collector_helpers import NOW, Core, batch, failed
from collector.web_helpers import Site, fresh, site
from vedette_collector.cell import Moment
from vedette_collector.web import door, server

HALF = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX: "
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(it: Site, said: bytes = b"") -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(it.base.rpartition(":")[2]))
    writer.write(said)
    return reader, writer


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


def test_a_first_request_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr(server, "ASK_SECONDS", 0.2)
        async with site(Core()) as it:
            reader, writer = await connect(it, HALF)
            async with asyncio.timeout(20):
                assert await ended(reader)
            writer.close()

    asyncio.run(story())


def test_a_request_in_time_may_take_as_long_as_it_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open page has asked; its stream stays."""

    async def story() -> None:
        monkeypatch.setattr(server, "ASK_SECONDS", 0.5)
        async with site(fresh()) as it, it.http.get(f"{it.base}/events") as answer:
            await answer.content.readuntil(b"\n\n")
            await asyncio.sleep(0.7)
            it.hub.tell(7)
            assert b"id: 7" in await answer.content.readuntil(b"\n\n")

    asyncio.run(story())


@pytest.mark.parametrize("said", [HALF, b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_connections_without_a_request_make_room(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ten places, twenty that stall or idle do not keep the next one out: the oldest of them go."""

    async def story() -> None:
        monkeypatch.setattr(server, "MAX_CONNECTIONS", 10)
        async with site(Core()) as it:
            held = []
            for _ in range(20):
                held.append(await connect(it, said))
                if said != HALF:
                    await held[-1][0].readuntil(b"healthy\n")
            async with it.http.get(f"{it.base}/-/healthy") as answer:
                assert answer.status == 200
            async with asyncio.timeout(20):
                assert await ended(held[0][0])
            for _, writer in held:
                writer.close()

    asyncio.run(story())


def test_a_reader_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr(door, "TAKE_SECONDS", 0.2)
        async with site(fresh()) as it:
            ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
            _, writer = await connect(it)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(ask * 2000)
            async with asyncio.timeout(20):
                while not writer.transport.is_closing():
                    writer.write(b"\r\n")
                    await asyncio.sleep(0.02)
            writer.close()

    asyncio.run(story())


def test_scrapes_at_once_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        monkeypatch.setattr(server, "MAX_SCRAPES", 0)
        async with site(fresh()) as it:
            async with it.http.get(f"{it.base}/metrics") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            monkeypatch.setattr(server, "MAX_SCRAPES", 2)  # the first may just be ending
            for _ in range(5):
                async with it.http.get(f"{it.base}/metrics") as answer:
                    await answer.read()
                    assert answer.status == 200

    asyncio.run(story())


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9960", "Host": "localhost:9960"},  # that they agree proves nothing
        {"Origin": "http://[evil"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_no_browser_may_reload(headers: dict[str, str]) -> None:
    async def story() -> None:
        async with site(Core()) as it, it.http.post(f"{it.base}/-/reload", headers=headers) as answer:
            assert answer.status == 403

    asyncio.run(story())


def test_a_limit_of_thousands_of_digits_is_a_bad_request() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            for digits in (3000, 6000):
                path = f"/api/v1/results?limit=000000001{'0' * digits}"
                async with it.http.get(it.base + path) as answer:
                    assert answer.status == 400

    asyncio.run(story())


def test_bad_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Anybody may send them, as many as he likes."""

    async def story() -> None:
        async with site(Core()) as it:
            reader, writer = await connect(it, b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.0 400")
            writer.close()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(story())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_control_characters_of_an_agent_do_not_reach_the_page() -> None:
    """Neither an escape sequence, for whoever reads it with curl, nor what turns the text around."""

    async def story() -> None:
        async with site(fresh()) as it:
            now = Moment(NOW.wall, asyncio.get_running_loop().time())
            said = failed("web", "http.status", detail="\x1b[31m 502 \u202eevil")
            it.core.send(batch(said, first=100), now=now)
            for path in ("/", "/checks/web"):
                async with it.http.get(it.base + path, headers={"Accept-Encoding": "identity"}) as answer:
                    page = await answer.text()
                assert r"\x1b[31m 502 \u202eevil" in page
                assert "\x1b" not in page
                assert "\u202e" not in page

    asyncio.run(story())
