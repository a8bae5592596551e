"""Patterns are searched in long bodies beside the loop: other probes go on, deadlines hold."""

import asyncio
import random
import socket
import threading
from collections.abc import Iterator

import pytest

from hostile.hostile_helpers import Held, run_held
from servers.probing import Probed, bench
from vedette.checks import read
from vedette.wire.failure import NotRun
from vedette_agent.engine.aside import aside
from vedette_agent.engine.io import Io
from vedette_agent.engine.record import ProbeSpoiled, Record
from vedette_agent.engine.run import DeadlineExceeded, suspend
from vedette_agent.probers.http import probe_http

# A pattern that makes RE2 try one state for every way that the last hundred letters can be.
SLOW = "[ab]*a[ab]{100}z"
BODY = "".join(random.Random(1).choices("ab", k=1 << 19)).encode()  # some 0.3 s


@pytest.fixture
def url() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                peer.recv(65536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def probed(url: str, body: str, seconds: float) -> tuple[Probed, float]:
    text = (
        f"agents: [{{name: par-01}}]\nchecks: [{{name: a, http: {{url: '{url}', expect: {{body: {body}}}}}}}]"
    )
    (check,) = read.loads(text.encode(), "one.yaml").checks
    held = Held()

    async def main() -> Probed:
        async with bench() as made:
            return await made.run(probe_http, check, seconds)

    return run_held(main(), held), held.worst


def test_a_pattern_that_a_body_was_made_for_does_not_hold_the_loop(url: str) -> None:
    found, held = probed(url, f"{{match: '{SLOW}'}}", 30.0)
    assert found.failure == "http.body"
    assert held < 0.02


def test_what_is_found_beside_the_loop_is_no_failure(url: str) -> None:
    found, _ = probed(url, "{match: 'a{3}', lack: 'c'}", 30.0)
    assert found.error is None


def test_the_deadline_does_not_wait_for_a_pattern(url: str) -> None:
    """Twenty searches of 0.3 s would be awaited for 6 s."""
    patterns = ", ".join(f"'{SLOW}{n}'" for n in range(20))
    found, _ = probed(url, f"{{lack: [{patterns}]}}", 0.5)
    assert type(found.error).__name__ == "DeadlineExceeded"
    assert found.seconds < 4


def test_what_comes_after_the_deadline_is_nobodys() -> None:
    """A prober that goes on to wait for something else is not given the result of the old work."""
    given: list[object] = []
    go_on = threading.Event()

    async def waits(check: None, io: Io, record: Record) -> None:
        try:
            await aside(io, lambda: go_on.wait(20) and "late")
        except DeadlineExceeded:
            go_on.set()
            given.append(await suspend(lambda run: io.loop.call_later(0.3, run.resume, "right").cancel))

    async def main() -> None:
        async with bench() as made:
            await made.run(waits, None, 0.1)

    run_held(main(), Held())
    assert given == ["right"]


def test_who_never_had_the_thread_has_not_failed() -> None:
    """One target may keep it busy for seconds; the others whose answers wait for it are not to blame."""
    errors: list[BaseException | None] = []
    go_on = threading.Event()

    async def keeps(check: None, io: Io, record: Record) -> None:
        await aside(io, lambda: go_on.wait(20))

    async def waits(check: None, io: Io, record: Record) -> None:
        await aside(io, lambda: None)

    async def main() -> None:
        async with bench() as made:
            busy = asyncio.create_task(made.run(keeps, None, 0.5))
            await asyncio.sleep(0)
            errors.append((await made.run(waits, None, 0.1)).error)
            errors.append((await busy).error)
            go_on.set()

    run_held(main(), Held())
    other, mine = errors
    assert isinstance(other, ProbeSpoiled)
    assert other.reason is NotRun.LOOP_LAG
    assert isinstance(mine, DeadlineExceeded)
