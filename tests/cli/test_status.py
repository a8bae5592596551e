"""`vedette status`: what a person reads, the exit codes, and what it does with servers that misbehave."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from vedette import cli
from vedette_collector.status import fetch, screen

BOOKS = {
    "produced": 12345,
    "applied": 12300,
    "late": 40,
    "pending": 0,
    "declared_lost": {},
    "residual": 0,
    "disagreement": 0,
}
AGENT = {
    "name": "par-01",
    "connected": True,
    "last_seen": 1.0,
    "results": BOOKS,
    "duplicates": 0,
    "lost_lately": {},
    "pending_seconds": 0.0,
    "spool": {"state": "ok", "results": 0, "bytes": 0, "oldest_seconds": None},
    "live_age_seconds": 0.5,
    "clock_offset_seconds": -0.002,
    "clone_suspected": False,
    "problems": [],
    "notices": [],
}
GOOD: dict[str, Any] = {
    "complete": True,
    "sentence": "All 12,345 results accounted for",
    "totals": BOOKS,
    "problems": [],
    "notices": [],
    "agents": [AGENT],
    "total": 1,
    "version": "1",
}
WORD = {
    "code": "lost",
    "text": "45 results lost in the last 15 minutes: spool_full",
    "advice": "mend the link",
}
BAD = GOOD | {
    "complete": False,
    "sentence": "45 results lost in the last 15 minutes",
    "agents": [
        AGENT
        | {
            "results": BOOKS | {"declared_lost": {"crash": 5, "spool_full": 40}},
            "spool": {"state": "full", "results": 9000, "bytes": 1, "oldest_seconds": 7300.0},
            "problems": [WORD],
        }
    ],
}


@contextmanager
def serving(body: bytes, status: int = 200, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except ConnectionError:
                pass  # the client had enough

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_all_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(json.dumps(GOOD).encode()) as url:
        assert cli.main(["status", "--url", url]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "✓ All 12,345 results accounted for"
    assert "produced 12,345 = applied 12,300 (late 40) + lost 0 + pending 0" in out
    last = " ".join(out.splitlines()[-1].split())
    assert last == "par-01 connected 12,345 12,300 40 0 0 0 0 ok <0.5 s -0.002 s"
    assert "\x1b" not in out, "no colour where nobody looks"


def test_what_is_missing_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(json.dumps(BAD).encode()) as url:
        assert cli.main(["status", "--url", f"{url}/"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✕ 45 results lost in the last 15 minutes"
    assert lines[-2] == "  lost: spool_full 40, crash 5"
    assert lines[-1] == "  ✕ 45 results lost in the last 15 minutes: spool_full: mend the link"
    assert "full 9,000 2 h" in lines[-3]


def test_json_is_what_the_collector_says(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(json.dumps(BAD).encode()) as url:
        assert cli.main(["status", "--json", "--url", url]) == 1
    assert json.loads(capsys.readouterr().out) == BAD


def test_colours_are_for_terminals() -> None:
    assert screen.lines(BAD, colour=True)[0].startswith("\x1b[31m✕\x1b[0m")


def test_many_agents_stay_on_a_screen() -> None:
    agents = [AGENT | {"name": f"a-{number}", "problems": [WORD] * (number < 40)} for number in range(50)]
    lines = screen.lines(GOOD | {"agents": agents, "total": 1000}, colour=False)
    assert lines[-1] == "… and 970 more agents, 10 of them with a problem: --json lists all"
    assert sum(line.startswith("a-") for line in lines) == screen.MOST_AGENTS


def test_no_text_commands_the_terminal() -> None:
    hostile = GOOD | {"sentence": "\x1b[2Jgone\r\n\u202e", "agents": [AGENT | {"name": "\x07bell"}]}
    text = "".join(screen.lines(hostile, colour=False))
    assert text.isprintable()
    assert "?[2Jgone" in text


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"[]",
        b"{}",
        b"[" * 100_000,
        json.dumps(GOOD | {"agents": None}).encode(),
        json.dumps(GOOD | {"agents": [1]}).encode(),
        json.dumps(GOOD | {"totals": {}}).encode(),
        json.dumps(GOOD | {"sentence": 7}).encode(),
        json.dumps(GOOD | {"total": "many"}).encode(),
        b'{"complete": true, "sentence": "x", "totals": {"produced": 1e999}}',
        b"\xff\xfe\x00",
    ],
)
def test_nonsense_is_told_in_one_line(body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(body) as url:
        assert cli.main(["status", "--url", url]) == 2
        assert cli.main(["status", "--json", "--url", url]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    for line in said.err.splitlines():
        assert line.startswith(f"vedette: {url} does not answer as a collector does: ")


def test_an_error_and_a_redirect_are_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(json.dumps(GOOD).encode()) as good:
        for status, more in ((404, {}), (500, {}), (302, {"Location": f"{good}/api/v1/ledger"})):
            with serving(b"", status, **more) as url:
                assert cli.main(["status", "--url", url]) == 2
            assert f"status {status}" in capsys.readouterr().err


def test_an_answer_without_an_end_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1 << 20)
    with serving(b" " * (2 << 20)) as url:
        assert cli.main(["status", "--url", url]) == 2
    assert "more than 1 MiB" in capsys.readouterr().err


def test_an_answer_that_trickles_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each byte comes in time, the whole never does."""
    monkeypatch.setattr(fetch, "SECONDS", 0.5)
    stop = threading.Event()

    class Trickle(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                while not stop.wait(0.05):
                    self.wfile.write(b" ")
            except ConnectionError:
                pass

        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Trickle) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        began = time.monotonic()
        try:
            assert cli.main(["status", "--url", f"http://127.0.0.1:{server.server_port}"]) == 2
            assert time.monotonic() - began < 10
        finally:
            stop.set()
            server.shutdown()
            thread.join()
    assert "did not answer within" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "127.0.0.1:9960",
        "http://",
        "",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:x",
    ],
)
def test_addresses_that_are_none(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--url", url]) == 2
    assert "expected http://HOST:PORT" in capsys.readouterr().err


def test_a_password_in_the_url_is_neither_sent_nor_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["incidents", "--url", "http://me:secret@127.0.0.1:1"]) == 2
    told = capsys.readouterr().err
    assert "leave them out" in told
    assert "secret" not in told


def test_nobody_listens(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status", "--url", "http://127.0.0.1:1"]) == 2
    assert "cannot be reached" in capsys.readouterr().err
