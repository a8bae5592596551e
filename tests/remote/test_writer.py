"""A writer and receivers that misbehave."""

import asyncio
import ssl
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import trustme

from remote.late_helpers import failed, late, ok
from remote.reading_helpers import request
from remote.writing_helpers import Journal, came, fresh, now_us, recent, writing
from servers.daemon import free_port
from servers.remote_write import FLOOD, NEVER, Request, Script, answer, receiver
from vedette.errors import ConfigError
from vedette_collector.remote import delivery
from vedette_collector.remote.client import MAX_TEXT_BYTES, Client
from vedette_collector.remote.counters import Failure, Outcome, RemoteCounters, Skipped
from vedette_collector.remote.delivery import MAX_SAMPLES
from vedette_collector.remote.settings import Settings
from vedette_collector.remote.source import Recent
from vedette_collector.remote.writer import Writer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "FIRST_PAUSE", 0.02)


def run(story: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await story

    asyncio.run(bounded())


def first(*scripts: Script) -> Any:
    """These answers, one after another; then all is well."""
    return lambda _, number: scripts[number] if number < len(scripts) else answer(204)


def test_a_late_batch_arrives_once_and_whole() -> None:
    async def story() -> None:
        began = now_us() - 60_000_000
        entry = late([ok(began, duration_us=5_000), failed(began + 1_000_000, "b")], received_us=now_us())
        async with receiver(first()) as there, writing(Settings(url=there.url), recent(entry)) as work:
            await work.settled(4)
            assert work.samples == {Outcome.WRITTEN: 4}
            assert work.failures == {}
        (only,) = there.came
        assert only.line == "POST /api/v1/write HTTP/1.1"
        assert only.headers["content-encoding"] == "snappy"
        assert only.headers["content-type"] == "application/x-protobuf"
        assert only.headers["x-prometheus-remote-write-version"] == "0.1.0"
        assert "authorization" not in only.headers
        read = {(dict(each.labels)["check"], each.name): each[1:] for each in request(only.body)}
        at = (began + 5_000) // 1000
        then = (began + 2_000_000) // 1000
        assert read == {
            ("a", "probe_success"): (at, 1.0),
            ("a", "probe_duration_seconds"): (at, 0.005),
            ("b", "probe_success"): (then, 0.0),
            ("b", "probe_duration_seconds"): (then, 1.0),
        }

    run(story())


def test_a_large_backlog_goes_in_bounded_requests_one_at_a_time() -> None:
    async def story() -> None:
        source = recent(*(fresh(number, 400, ago_us=number * 1_000_000) for number in range(1, 9)))
        async with receiver(first()) as there, writing(Settings(url=there.url), source) as work:
            await work.settled(8 * 800)
            assert work.counters.samples[Outcome.WRITTEN] + work.counters.samples[Outcome.SAME_TIME] == 6400
        assert max(len(request(each.body)) for each in there.came) <= MAX_SAMPLES
        assert there.most_open == 1

    run(story())


def test_what_is_busy_is_given_the_time_it_asks_for() -> None:
    async def story() -> None:
        times: list[float] = []

        def answers(_: Request, number: int) -> Script:
            times.append(time.monotonic())
            return answer(429, Retry_After="1") if number == 0 else answer(204)

        async with receiver(answers) as there, writing(Settings(url=there.url), recent(fresh())) as work:
            await work.settled(2)
            assert work.failures == {Failure.BUSY: 1}
        assert times[1] - times[0] >= 1.0
        assert there.came[0].body == there.came[1].body

    run(story())


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (answer(500, "disk is full"), Failure.SERVER),
        (answer(503), Failure.SERVER),
        (answer(401), Failure.UNAUTHORIZED),
        (answer(404), Failure.NOT_FOUND),
        (answer(405), Failure.CLIENT),
        ([b"SSH-2.0-hello\r\n\r\n"], Failure.PROTOCOL),
        ([b"HTTP/1.1 204 x\r\nA: " + b"x" * 100_000 + b"\r\n\r\n"], Failure.PROTOCOL),
    ],
)
def test_what_fails_is_sent_again(script: Script, failure: Failure) -> None:
    async def story() -> None:
        async with (
            receiver(first(script, script)) as there,
            writing(Settings(url=there.url), recent(fresh())) as work,
        ):
            await work.settled(2)
            assert work.samples == {Outcome.WRITTEN: 2}
            assert work.failures == {failure: 2}
        assert len({each.body for each in there.came}) == 1

    run(story())


def test_redirects_are_not_followed() -> None:
    """A secret, and what we know, goes where the operator says and nowhere else."""

    async def story() -> None:
        async with receiver(first()) as elsewhere:
            moved = answer(307, Location=elsewhere.url)
            async with (
                receiver(first(moved, moved)) as there,
                writing(Settings(url=there.url), recent(fresh())) as work,
            ):
                await work.settled(2)
                assert work.failures == {Failure.REDIRECT: 2}
            assert elsewhere.came == []

    run(story())


@pytest.mark.parametrize(
    "script",
    [
        [NEVER],
        [b"HTTP/1.1 400 x\r\nContent-Length: 100\r\n\r\nslow", NEVER],
        [b"HTTP/1.1 204 x\r\n", b"A: b\r\n", FLOOD],
    ],
    ids=["silent", "slow", "endless headers"],
)
def test_an_answer_has_a_deadline(script: Script) -> None:
    async def story() -> None:
        async with (
            receiver(first(script)) as there,
            writing(Settings(url=there.url), recent(fresh()), seconds=0.5) as work,
        ):
            await work.settled(2)
            assert work.samples == {Outcome.WRITTEN: 2}
            assert sum(work.failures.values()) >= 1
            assert set(work.failures) <= {Failure.TIMEOUT, Failure.PROTOCOL}

    run(story())


def test_of_an_endless_body_only_the_beginning_is_read() -> None:
    """And it is at once that it ends, not at the deadline."""

    async def story() -> None:
        head = b"HTTP/1.1 400 x\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"400\r\n" + b"too old " * 128 + b"\r\n"
        async with receiver(first([head, chunk, FLOOD])) as there:
            settings = Settings(url=there.url)
            async with Client(settings, 50.0) as client:
                heard = await client.post(b"?")
            assert heard.status == 400
            assert 0 < len(heard.text) <= MAX_TEXT_BYTES

    run(story())


def test_compressed_answers_are_not_unpacked() -> None:
    async def story() -> None:
        script = answer(400, "\x1f\x08out of order", Content_Encoding="gzip")
        async with receiver(first(script)) as there, Client(Settings(url=there.url)) as client:
            assert "out of order" in (await client.post(b"?")).text

    run(story())


def test_one_bad_sample_takes_no_other_along() -> None:
    async def story() -> None:
        began = now_us() - 60_000_000
        entry = late(
            [ok(began + at * 1_000, duration_us=0) for at in range(40)], received_us=began + 60_000_000
        )
        bad_ms = began // 1000 + 17

        def answers(one: Request, _: int) -> Script:
            times = {each.at_ms for each in request(one.body)}
            return answer(400, "out of order sample") if bad_ms in times else answer(204)

        async with receiver(answers) as there, writing(Settings(url=there.url), recent(entry)) as work:
            await work.settled(80)
            assert work.samples == {Outcome.WRITTEN: 78, Outcome.REFUSED_OUT_OF_ORDER: 2}
            assert set(work.failures) == {Failure.REJECTED}

    run(story())


def test_a_receiver_may_come_later() -> None:
    async def story() -> None:
        port = free_port()
        settings = Settings(url=f"http://127.0.0.1:{port}/api/v1/write")
        async with writing(settings, recent(fresh())) as work:
            await work.until(lambda: work.counters.failures[Failure.CONNECT] >= 2)
            loop = asyncio.get_running_loop()
            assert 0 < work.counters.lag_seconds(loop.time()) < 60
            async with receiver(first(), port=port) as there:
                await work.settled(2)
                assert work.samples == {Outcome.WRITTEN: 2}
                await work.until(lambda: work.counters.oldest is None)
                assert work.counters.lag_seconds(loop.time()) == 0.0
            assert len(there.came) == 1

    run(story())


def test_what_waits_for_a_receiver_ends_with_the_window() -> None:
    """Nothing is tried for ever: what became too old is dropped, and what comes next is written."""

    async def story() -> None:
        answers = {"now": answer(503)}
        source = Journal([fresh(1, ago_us=0)])
        async with (
            receiver(lambda *_: answers["now"]) as there,
            writing(Settings(url=there.url, window_seconds=1.0), source) as work,
        ):
            await work.settled(2)
            assert work.samples == {Outcome.TOO_OLD: 2}
            answers["now"] = answer(204)
            source.entries.append(fresh(2, ago_us=0))
            source.news.set()
            await work.settled(4)
            assert work.samples == {Outcome.TOO_OLD: 2, Outcome.WRITTEN: 2}
            await work.until(lambda: source.kept == [1, 2])

    run(story())


def test_the_place_is_kept_only_when_all_before_it_is_settled() -> None:
    async def story() -> None:
        source = Journal([fresh(1), fresh(2)])
        held = {"now": answer(503)}
        async with receiver(lambda *_: held["now"]) as there:
            async with writing(Settings(url=there.url), source):
                await there.until(3)
                assert source.kept == []
            held["now"] = answer(204)  # the collector ended and starts again
            before = len(there.came)
            async with writing(Settings(url=there.url), source) as work:
                await work.until(lambda: source.kept == [1, 2])
            assert there.came[before].body == there.came[0].body
            assert len(there.came) == before + 2

    run(story())


def test_a_history_that_cannot_be_read_is_tried_again() -> None:
    async def story() -> None:
        source = Journal([fresh(1)])
        source.broken = 3
        async with receiver(first()) as there, writing(Settings(url=there.url), source) as work:
            await work.until(lambda: source.kept == [1])
            assert work.failures == {Failure.STORE: 3}
            source.broken = 1
            source.entries.append(fresh(2))
            source.news.set()
            await work.settled(4)
            source.entries.append(fresh(3))
            source.news.set()
            await work.settled(6)
            assert work.samples == {Outcome.WRITTEN: 6}
        assert len(came(there.came)) == 6

    run(story())


def test_a_bug_of_ours_loses_one_entry_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        source = Journal([fresh(1), fresh(2)])
        counters = RemoteCounters()
        calls = []

        def target(agent: str, check: str, generation: int) -> str:
            calls.append(check)
            if len(calls) == 1:
                raise RuntimeError("boom")
            return "t"

        async with receiver(first()) as there:
            writer = Writer(Settings(url=there.url), source, target, counters)
            task = asyncio.create_task(writer.run())
            await there.until(1)
            while source.kept != [1, 2]:
                await asyncio.sleep(0.01)
            task.cancel()
        assert counters.skipped[Skipped.INTERNAL] == 1
        assert counters.failures[Failure.INTERNAL] == 1
        assert counters.samples[Outcome.WRITTEN] == 2

    run(story())
    assert "boom" in caplog.text


def test_the_secret_is_read_again_for_every_request(tmp_path: Path) -> None:
    async def story() -> None:
        file = tmp_path / "token"
        file.write_text("old\n")

        def answers(one: Request, _: int) -> Script:
            if one.headers["authorization"] == "Bearer new":
                return answer(204)
            file.write_text("new\n")
            return answer(401)

        async with receiver(answers) as there:
            settings = Settings(url=there.url, bearer_file=str(file))
            async with writing(settings, recent(fresh())) as work:
                await work.settled(2)
                assert work.failures == {Failure.UNAUTHORIZED: 1}

    run(story())


def test_a_secret_that_went_away_is_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        file = tmp_path / "token"
        async with receiver(first()) as there:
            settings = Settings(url=there.url, username="u", password_file=str(file))
            async with writing(settings, recent(fresh())) as work:
                await work.until(lambda: work.counters.failures[Failure.CREDENTIALS] > 0)
                file.write_text("p")
                await work.settled(2)
                assert work.samples == {Outcome.WRITTEN: 2}
            assert there.came[0].headers["authorization"] == "Basic dTpw"

    run(story())


def test_only_our_authority_is_trusted(tmp_path: Path) -> None:
    async def story() -> None:
        ours, others = trustme.CA(), trustme.CA()
        ca = tmp_path / "ca.pem"
        ours.cert_pem.write_to_path(ca)
        for authority, failures in ((ours, {}), (others, {Failure.TLS: 1})):
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            authority.issue_cert("127.0.0.1").configure_cert(context)
            async with receiver(first(), tls=context) as there:
                settings = Settings(url=there.url, ca_file=str(ca))
                async with writing(settings, recent(fresh())) as work:
                    await work.until(
                        lambda want=failures: (
                            work.failures.keys() >= want.keys() if want else Outcome.WRITTEN in work.samples
                        )
                    )
                assert bool(there.came) == (not failures)

    run(story())


def test_memory_without_a_store_is_bounded() -> None:
    async def story() -> None:
        entries = [fresh(number, 50) for number in range(1, 21)]
        room = sum(len(each.payload) for each in entries[:5])
        source = Recent(room)
        for entry in entries:
            source.put(entry)
        passage = await source.late(0, 10_000)
        assert len(passage.entries) + passage.pruned == 20
        assert sum(len(each.payload) for each in passage.entries) <= room
        assert passage.end == 20
        assert [each.id for each in passage.entries] == list(range(passage.pruned + 1, 21))

    run(story())


def test_what_left_the_history_unread_is_counted() -> None:
    async def story() -> None:
        source = Recent(1)
        source.put(fresh(1))
        source.put(fresh(2))
        async with receiver(first()) as there, writing(Settings(url=there.url), source) as work:
            await work.until(lambda: work.counters.skipped[Skipped.PRUNED] == 2)
            assert there.came == []

    run(story())


def test_a_file_that_cannot_be_used_is_said_at_start(tmp_path: Path) -> None:
    settings = Settings(url="https://localhost/write", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"none\.pem"):
        Writer(settings, Recent(), targets_of_nothing, RemoteCounters())


def targets_of_nothing(agent: str, check: str, generation: int) -> None:
    return None
