"""Evidence at the collector: hostile until checked, kept within bounds, shown as text."""

import asyncio
import base64
import json

import aiohttp
import msgspec
import pytest

from collector.collector_helpers import (
    ALL,
    LATER_EPOCH,
    NOW,
    Core,
    assignment,
    batch,
    evidence,
    failed,
    heartbeat,
    presence,
)
from collector.web_helpers import fresh, site
from vedette.wire import codec, limits
from vedette.wire.messages import Note
from vedette.wire.topics import Kind, topic
from vedette_collector.board import EVIDENCE_BURST
from vedette_collector.cell import Moment
from vedette_collector.evidence import KEPT, Exhibit, Shelf

TOPIC = topic("par-01", Kind.EVIDENCE)


def rejections(core: Core) -> dict[str, int]:
    return dict(core.board.evidence_rejected)


def test_good_evidence_is_kept_and_counts_as_no_result() -> None:
    core = Core()
    core.send(evidence())
    (kept,) = core.board.evidence.of("api-dns", "par-01")
    assert (kept.at, kept.opened()) == (NOW.wall, evidence())
    assert (core.board.evidence.total, rejections(core), core.rejected) == (1, {}, {})
    assert not core.acks, "nothing is owed for it"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"agent": "fra-01"}, "identity"),
        ({"check": "nothing"}, "unknown_check"),
        ({"check": "web"}, "not_assigned"),
        ({"v": 2}, "version"),
        ({"seq": -1}, "schema"),
        ({"started_us": -1}, "schema"),
        ({"reason": "x y"}, "schema"),
        ({"target": "x" * 257}, "schema"),
        ({"notes": [Note(at_us=-1, event="e")]}, "schema"),
        ({"notes": [Note(at_us=1, event="<script>")]}, "schema"),
        ({"notes": [Note(at_us=1, event="e", text="x" * (limits.MAX_NOTE_BYTES + 1))]}, "schema"),
        ({"notes": [Note(at_us=1, event="e")] * (limits.MAX_NOTES + 1)}, "schema"),
    ],
)
def test_each_lie_is_a_counted_rejection(more: dict[str, object], reason: str) -> None:
    core = Core(assignment(only={"par-01": ("api-dns",)}))
    raw = msgspec.json.encode(evidence(**more))  # type: ignore[arg-type]
    core.ingest.message(TOPIC, raw, codec.JSON, False, NOW)
    assert (rejections(core), core.board.evidence.held()) == ({reason: 1}, [])


@pytest.mark.parametrize(
    ("payload", "content_type", "retained", "reason"),
    [
        (b"{}" + b" " * limits.MAX_EVIDENCE_BYTES, codec.JSON, False, "too_large"),
        (b"{}", "text/html", False, "content_type"),
        (b"{}", codec.ZSTD, False, "compression"),
        (b"[]", codec.JSON, False, "schema"),
        (b'{"v":1,"notes":[{"data":"!"}]}', codec.JSON, False, "schema"),
        (b"[" * 9999, codec.JSON, False, "schema"),
        (msgspec.json.encode(evidence()), codec.JSON, True, "retained"),
    ],
)
def test_each_broken_payload_is_a_counted_rejection(
    payload: bytes, content_type: str, retained: bool, reason: str
) -> None:
    core = Core()
    core.ingest.message(TOPIC, payload, content_type, retained, NOW)
    assert rejections(core) == {reason: 1}


def test_a_stranger_is_refused() -> None:
    core = Core()
    core.send(evidence(agent="nyc-01"))
    assert rejections(core) == {"unknown_agent": 1}


def test_a_flood_is_refused_and_silences_no_heartbeat() -> None:
    core = Core()
    large = evidence(notes=[Note(at_us=1, event="e", text="x" * 16_000)] * 3)
    for _ in range(100):
        core.send(large)
    assert rejections(core)["rate"] > 50
    assert EVIDENCE_BURST < 100 * 48
    core.send(heartbeat())
    assert core.board.agents["par-01"].heartbeat is not None
    later = evidence(detail="another")
    core.send(later, now=Moment(NOW.wall + 60, NOW.mono + 60))
    assert core.board.evidence.of("api-dns", "par-01")[0].at == NOW.wall + 60


def exhibit(text: str) -> Exhibit:
    return Exhibit(1.0, text.encode(), codec.JSON)


def test_three_of_a_cell_are_kept_the_newest_first_and_none_twice() -> None:
    shelf = Shelf()
    for text in "abccde":
        shelf.put("web", "par-01", exhibit(text))
    assert [each.payload for each in shelf.of("web", "par-01")] == [b"e", b"d", b"c"]
    assert (len(shelf.of("web", "par-01")), shelf.total) == (KEPT, 5)
    assert shelf.bytes == sum(each.size for each in shelf.of("web", "par-01"))


def test_the_memory_is_bounded_and_the_longest_unused_goes() -> None:
    shelf = Shelf(max_bytes=3 * exhibit("x" * 1000).size)
    for name in "abc":
        shelf.put(name, "par-01", exhibit("x" * 1000))
    assert shelf.of("a", "par-01")  # somebody looks
    shelf.put("d", "par-01", exhibit("x" * 1000))
    assert [check for check, _ in shelf.held()] == ["c", "a", "d"]
    assert shelf.bytes <= 3 * exhibit("x" * 1000).size


def test_a_reload_forgets_the_evidence_of_what_is_gone() -> None:
    core = Core()
    core.send(evidence())
    core.send(evidence(check="web"))
    core.board.configure(assignment(ALL[:1]))
    assert core.board.evidence.held() == [("api-dns", "par-01")]


def test_the_api_lists_it_by_check_and_agent() -> None:
    asyncio.run(_the_api_lists_it_by_check_and_agent())


async def _the_api_lists_it_by_check_and_agent() -> None:
    core = fresh()
    core.send(evidence())
    core.send(evidence(check="web"))
    async with site(core) as here:
        told = await here.json("/api/v1/evidence?check=api-dns&agent=par-01")
        listed = await here.json("/api/v1/evidence")
        none = await here.json("/api/v1/evidence?agent=fra-01")
        async with here.http.get(here.base + "/api/v1/evidence?limit=31") as refused:
            assert refused.status == 400
    assert (listed["total"], none["total"]) == (2, 0)
    assert told == {
        "total": 1,
        "evidence": [
            {
                "check": "api-dns",
                "agent": "par-01",
                "target": "api.example.com A",
                "received": NOW.wall,
                "started": 1_800_000_000.0,
                "failure": "dns.nodata",
                "detail": "NOERROR with 0 A records",
                "epoch": evidence().epoch,
                "seq": 4,
                "truncated": False,
                "notes": [
                    {
                        "at_seconds": 0.00184,
                        "event": "dns.answer",
                        "text": "id 1, NOERROR",
                        "data": base64.b64encode(b"\x00\x01\x81\x80").decode(),
                    }
                ],
            }
        ],
    }


def test_the_page_shows_it_as_text_and_failing_rows_lead_to_it() -> None:
    asyncio.run(_the_page_shows_it_as_text_and_failing_rows_lead_to_it())


async def _the_page_shows_it_as_text_and_failing_rows_lead_to_it() -> None:
    core = fresh()
    now = Moment(NOW.wall, core.board.agents["par-01"].heard or 0.0)
    hostile = "</pre><script>alert(1)</script> \u202e \x1b[2J"
    core.send(evidence(detail=hostile, notes=[Note(at_us=1, event="e", text=hostile, data=b"<b>" * 999)]))
    core.send(presence(epoch=LATER_EPOCH), now=now)
    core.send(failed_batch(), now=now)
    async with site(core) as here:
        status, check, page = [
            await text(here.http, here.base + path)
            for path in ("/", "/checks/api-dns", "/evidence/api-dns/par-01")
        ]
        async with here.http.get(here.base + "/evidence/api-dns/nobody") as missing:
            assert missing.status == 404
        empty = await text(here.http, here.base + "/evidence/web/fra-01")
    for reader in (status, check):
        assert 'href="/evidence/api-dns/par-01"' in reader
        assert 'href="/evidence/web/par-01"' not in reader
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\\u202e \\x1b[2J" in page
    assert "0000  3c 62 3e 3c" in page
    assert "&lt;b&gt;&lt;b&gt;" in page
    assert "and 1973 bytes more" in page
    assert "There is no evidence" in empty


def failed_batch() -> codec.Batch:
    return batch(failed("api-dns"), epoch=LATER_EPOCH)


async def text(http: aiohttp.ClientSession, url: str) -> str:
    async with http.get(url, headers={"Accept-Encoding": "identity"}) as answer:
        assert answer.status == 200
        return await answer.text()


def test_the_series_carry_nothing_that_an_agent_chose() -> None:
    asyncio.run(_the_series_carry_nothing_that_an_agent_chose())


async def _the_series_carry_nothing_that_an_agent_chose() -> None:
    core = fresh()
    core.send(evidence(reason="evil.reason", target='x"} 1'))
    core.ingest.message(TOPIC, b"{}", codec.JSON, False, NOW)
    core.send(heartbeat(evidence_lost={"rate": 3}), now=Moment(NOW.wall, 1e9))
    async with site(core) as here:
        page = await text(here.http, here.base + "/metrics")
    assert "\nvedette_collector_evidence_total 1\n" in page
    assert '\nvedette_collector_evidence_rejected_total{reason="schema"} 1\n' in page
    assert '\nvedette_agent_evidence_lost_total{agent="par-01",reason="rate"} 3\n' in page
    assert "evil" not in page
    assert json.dumps("par-01") in page
