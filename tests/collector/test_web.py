"""What the HTTP server answers to programs: the API's keys, tags and limits, headers, packed metrics."""

import asyncio
import gzip
import json
import zlib

import pytest

from collector.collector_helpers import NOW, Core, batch, failed
from collector.exposition_helpers import full
from collector.web_helpers import fresh, site
from vedette_collector.cell import Moment
from vedette_collector.web.scrape import accepts_gzip
from vedette_collector.web.server import listen


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
                "started": 1_799_999_999.0,
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
                "pending": 39,
                "declared_lost": {},
                "late": 0,
                "residual": 0,
                "disagreement": 0,
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


def test_a_reload_that_fails_says_why() -> None:
    async def story() -> None:
        async with site(fresh()) as it, it.http.post(f"{it.base}/-/reload") as answer:
            assert (answer.status, await answer.text()) == (400, "c.yaml: never\n")

    asyncio.run(story())


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
