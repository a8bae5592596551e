"""What the HTTP server answers: the API's keys, tags, limits, headers, and the stream of events."""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from jinja2 import Environment, PackageLoader

from collector.collector_helpers import NOW, Core, batch, failed, heartbeat, ok, presence, spoiled
from collector.test_exposition import full
from vedette.errors import ConfigError
from vedette.wire.facts import Facts, HttpFacts
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.web import view
from vedette_collector.web.events import QUEUE, Hub
from vedette_collector.web.pages import Pages
from vedette_collector.web.scrape import accepts_gzip
from vedette_collector.web.server import Listen, Routes, listen, serving


class Site:
    def __init__(
        self, core: Core, condition: Condition, hub: Hub, base: str, http: aiohttp.ClientSession
    ) -> None:
        self.core = core
        self.condition = condition
        self.hub = hub
        self.base = base
        self.http = http

    async def json(self, path: str) -> dict[str, object]:
        async with self.http.get(self.base + path) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "application/json"
            body: dict[str, object] = await answer.json()
            return body


@asynccontextmanager
async def site(core: Core, clients: int = 3) -> AsyncIterator[Site]:
    async def reload() -> None:
        raise ConfigError("c.yaml: never")

    condition = Condition(NOW.wall)
    hub = Hub(core.board, condition, clients)
    app = Routes(core.board, condition, hub, reload).application()
    async with (
        serving(app, Listen("127.0.0.1", 0)) as where,
        aiohttp.ClientSession(auto_decompress=False) as http,
        asyncio.timeout(60),  # Chromium takes its time
    ):
        try:
            yield Site(core, condition, hub, f"http://{where}", http)
        finally:
            await hub.close()


def fresh(core: Core | None = None) -> Core:
    """Results that are fresh by the clock of the running loop."""
    core = core or Core()
    now = Moment(NOW.wall, asyncio.get_running_loop().time())
    core.send(presence(), now=now)
    core.send(heartbeat(), now=now)
    facts = Facts(address="192.0.2.1", http=HttpFacts(status=502, version="1.1"))
    phases = {"connect": 10_000, "processing": 2_000}
    web = failed("web", "http.status", detail="502 <script>alert(1)</script>", facts=facts, phases_us=phases)
    core.send(batch(ok(), web, spoiled("ssh")), now=now)
    return core


def test_results_have_stable_keys_and_filters() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            body = await it.json("/api/v1/results?check=web&agent=par-01")
            assert body["total"] == 1
            (result,) = body["results"]  # type: ignore[misc]
            assert result == {
                "check": "web",
                "agent": "par-01",
                "target": "https://www.example.com/",
                "state": "fail",
                "since": NOW.wall,
                "received": NOW.wall,
                "outcome": "fail",
                "failure": "http.status",
                "not_run": None,
                "detail": "502 <script>alert(1)</script>",
                "started": 1e-06,
                "duration_seconds": 0.012,
                "phases": {"connect": 0.01, "processing": 0.002},
                "clock": "monotonic",
                "facts": {"address": "192.0.2.1", "http": {"status": 502, "version": "1.1"}},
            }
            (nothing,) = (await it.json("/api/v1/results?check=web&agent=fra-01"))["results"]  # type: ignore[misc]
            assert nothing.keys() == result.keys()
            assert (nothing["state"], nothing["outcome"]) == ("no_data", None)

    asyncio.run(story())


def test_checks_and_agents_have_stable_keys() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            (check,) = (await it.json("/api/v1/checks?check=web"))["checks"]  # type: ignore[misc]
            assert check == {
                "name": "web",
                "kind": "http",
                "target": "https://www.example.com/",
                "interval_seconds": 30.0,
                "timeout_seconds": 5.0,
                "tags": {},
                "state": "fail",
                "failing": 1,
                "agents": {"par-01": "fail", "fra-01": "no_data"},
            }
            (agent,) = (await it.json("/api/v1/agents?agent=par-01"))["agents"]  # type: ignore[misc]
            assert agent["connected"] is True
            assert agent["results"] == {
                "produced": 42,
                "applied": 3,
                "pending": 2,
                "declared_lost": {"queue_full": 0, "refused": 0},
                "late": 0,
                "missed": 0,
            }

    asyncio.run(story())


def test_a_listing_is_limited_and_says_how_much_there_is() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            body = await it.json("/api/v1/results?limit=3")
            assert (len(body["results"]), body["total"]) == (3, 10)  # type: ignore[arg-type]
            for bad in ("0", "-1", "10001", "x", "", "9" * 5000):
                async with it.http.get(f"{it.base}/api/v1/results?limit={bad}") as answer:
                    assert answer.status == 400
                    assert "limit must be" in json.loads(await answer.read())["error"]

    asyncio.run(story())


def test_an_unchanged_listing_is_not_sent_again() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            async with it.http.get(f"{it.base}/api/v1/checks") as answer:
                etag = answer.headers["ETag"]
            async with it.http.get(f"{it.base}/api/v1/checks", headers={"If-None-Match": etag}) as answer:
                assert (answer.status, await answer.read()) == (304, b"")
            now = Moment(NOW.wall, asyncio.get_running_loop().time())
            it.core.send(batch(failed(), first=3), now=now)
            async with it.http.get(f"{it.base}/api/v1/checks", headers={"If-None-Match": etag}) as answer:
                assert answer.status == 200

    asyncio.run(story())


def test_every_answer_carries_the_headers_that_keep_a_browser_strict() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            for path in ("/", "/checks/web", "/metrics", "/api/v1/checks", "/nowhere", "/static/vedette.js"):
                async with it.http.get(it.base + path) as answer:
                    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"

    asyncio.run(story())


def test_what_a_target_says_is_text_on_every_page() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            for path in ("/", "/checks/web"):
                async with it.http.get(it.base + path) as answer:
                    page = await answer.text()
                assert "502 &lt;script&gt;alert(1)&lt;/script&gt;" in page
                assert "<script>alert" not in page
                assert "style=" not in page
                assert " on" + "click=" not in page

    asyncio.run(story())


def test_metrics_are_packed_for_those_who_ask() -> None:
    async def story() -> None:
        async with site(full()) as it:
            async with it.http.get(f"{it.base}/metrics", headers={"Accept-Encoding": "gzip"}) as answer:
                assert answer.headers["Content-Encoding"] == "gzip"
                packed = await answer.read()
            async with it.http.get(f"{it.base}/metrics", headers={"Accept-Encoding": "identity"}) as answer:
                assert "Content-Encoding" not in answer.headers
                plain = await answer.read()
            assert len(packed) * 5 < len(plain)
            names = [line for line in plain.splitlines() if line.startswith(b"# TYPE")]
            assert [
                line for line in gzip.decompress(packed).splitlines() if line.startswith(b"# TYPE")
            ] == names

    asyncio.run(story())


@pytest.mark.parametrize(
    ("header", "wanted"),
    [("gzip", True), ("br, GZIP;q=0.5", True), ("gzip;q=0", False), ("deflate", False), ("", False)],
)
def test_who_asks_for_gzip(header: str, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted


def test_a_page_of_an_unknown_check_is_not_there() -> None:
    async def story() -> None:
        async with site(fresh()) as it:
            for path in ("/checks/%3Cb%3E", "/static/..%2fserver.py", "/static/nothing"):
                async with it.http.get(it.base + path) as answer:
                    assert answer.status == 404
                    assert b"<b>" not in await answer.read()

    asyncio.run(story())


def test_a_reload_that_fails_says_why() -> None:
    async def story() -> None:
        async with site(fresh()) as it, it.http.post(f"{it.base}/-/reload") as answer:
            assert (answer.status, await answer.text()) == (400, "c.yaml: never\n")

    asyncio.run(story())


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


def test_a_page_is_rendered_twice_a_second_at_most() -> None:
    core = Core()
    pages = Pages(core.board, Condition(NOW.wall))
    first = pages.status(NOW)
    core.send(batch(failed()))
    assert pages.status(Moment(NOW.wall + 0.4, NOW.mono + 0.4)) is first
    assert b"dns.nodata" in pages.status(Moment(NOW.wall + 0.6, NOW.mono + 0.6))


def test_an_upgrade_on_disk_does_not_reach_pages_that_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates are read once: those of the next version do not fit the code of this one."""
    core = Core()
    pages = Pages(core.board, Condition(NOW.wall))

    def replaced(loader: PackageLoader, environment: Environment, template: str) -> None:
        raise AssertionError(f"{template} was read again")

    monkeypatch.setattr(PackageLoader, "get_source", replaced)
    assert b"Checks by vantage" in pages.status(NOW)
    assert pages.check("web", NOW)


def test_the_summary_says_whether_it_is_everywhere() -> None:
    core = Core()
    core.send(batch(failed(), failed("web", "tls.expired")))
    core.send(batch(failed(), ok("web"), agent="fra-01"))
    rows = view.rows(core.board, NOW.mono)
    summary = view.summary(rows, view.agents(core.board, rows, NOW.mono), Condition(NOW.wall))
    assert summary.sentence == "2 of 5 checks failing, 6 of 10 results missing"
    assert [tuple(trouble) for trouble in summary.troubles] == [
        ("api-dns", "all 2 vantages", "dns.nodata"),
        ("web", "1 of 2 vantages: par-01", "tls.expired"),
    ]
    assert len(summary.problems) == 3


def test_what_fails_everywhere_stands_above_what_fails_somewhere() -> None:
    """Also when the configuration has them the other way round."""
    core = Core()
    core.send(batch(failed(), failed("web", "tls.expired")))
    core.send(batch(ok(), failed("web", "tls.expired"), agent="fra-01"))
    assert [row.check.name for row in view.rows(core.board, NOW.mono)][:2] == ["web", "api-dns"]


def test_the_summary_counts_what_it_does_not_name(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core()
    core.send(batch(failed(), failed("web", "tls.expired")))
    rows = view.rows(core.board, NOW.mono)
    monkeypatch.setattr(view, "MAX_TROUBLES", 1)
    summary = view.summary(rows, view.agents(core.board, rows, NOW.mono), Condition(NOW.wall))
    assert (len(summary.troubles), summary.untold) == (1, 1)
    assert b"and 1 more" in Pages(core.board, Condition(NOW.wall)).status(NOW)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0 µs"),
        (999, "999 µs"),
        (1000, "1 ms"),
        (12_340, "12.3 ms"),
        (99_960, "100 ms"),
        (999_400, "999 ms"),
        (999_600, "1 s"),
        (4_500_000, "4.5 s"),
        (None, ""),
    ],
)
def test_durations_are_three_digits_and_a_unit(us: int | None, text: str) -> None:
    assert view.duration(us) == text


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("127.0.0.1:9960", ("127.0.0.1", 9960)),
        ("[::1]:9960", ("::1", 9960)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_listen_addresses(text: str, where: tuple[str, int]) -> None:
    assert listen(text) == where


def test_a_packed_page_is_one_whole_gzip_member() -> None:
    async def story() -> None:
        headers = {"Accept-Encoding": "gzip"}
        async with site(Core()) as it, it.http.get(f"{it.base}/metrics", headers=headers) as answer:
            unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
            unpack.decompress(await answer.read())
            assert unpack.eof
            assert unpack.unused_data == b""

    asyncio.run(story())
