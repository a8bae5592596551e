"""What a WebSocket check says of servers that keep RFC 6455, and of those that break, flood or ignore it."""

import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage

from servers.http import answers
from servers.tcp import Behave, TcpServer, reset, silent
from servers.tls import context, trust
from servers.websocket import ACCEPTED, Guest, by_hand, echo, pong_payloads, serves
from stream.probing_helpers import common, probe
from vedette.checks.model import WebsocketCheck
from vedette.checks.model.tcp import DialogueStep
from vedette.checks.model.tls import TlsOptions
from vedette.wire.facts import WebsocketFacts
from vedette.wire.messages import Result
from vedette_agent.probers.websocket import MAX_HEARD, MAX_LINES, MAX_MESSAGE, STOCK


def websocket(port: int, *, timeout: float = 5.0, **more: Any) -> WebsocketCheck:
    more = {"host": "127.0.0.1", "path": "/", **more}
    return WebsocketCheck(port=port, authority=f"{more['host']}:{port}", **common(timeout), **more)


def facts(result: Result) -> WebsocketFacts:
    assert result.facts is not None
    assert result.facts.websocket is not None
    return result.facts.websocket


def ask(text: str, pattern: str) -> tuple[DialogueStep, ...]:
    return (DialogueStep(send=text), DialogueStep(expect=pattern))


def hear(pattern: str) -> dict[str, Any]:
    return {"dialogue": (DialogueStep(expect=pattern),)}


def test_a_handshake_and_a_goodbye() -> None:
    codes: list[int] = []

    def behave(connection: socket.socket) -> None:
        guest = Guest(connection)
        guest.welcome()
        for event in guest.events():
            if isinstance(event, CloseConnection):
                codes.append(event.code)
                guest.send(event.response())
                break

    with TcpServer(behave) as server:
        (result,) = probe(websocket(server.port))
        server.finish()
    assert (result.outcome, set(result.phases_us)) == ("ok", {"connect", "processing"})
    assert facts(result) == WebsocketFacts(status=101, upgraded=True, close_code=1000)
    assert codes == [1000]


def test_the_request_says_what_the_check_says() -> None:
    """Path with query, host, own headers, subprotocols, and no extension."""
    asked: list[Any] = []
    with TcpServer(serves(lambda guest: asked.append(guest.request), "v2.feed")) as server:
        (result,) = probe(
            websocket(
                server.port,
                path="/feed?v=2",
                headers=(("Origin", "https://www.example.com"),),
                subprotocols=("v2.feed", "v1.feed"),
                subprotocol="v2.feed",
            )
        )
        server.finish()
    assert result.outcome == "ok"
    assert facts(result).subprotocol == "v2.feed"
    (request,) = asked
    assert (request.target, request.host) == ("/feed?v=2", f"127.0.0.1:{server.port}")
    assert (request.subprotocols, request.extensions) == (["v2.feed", "v1.feed"], [])
    headers = dict(request.extra_headers)
    assert headers[b"origin"] == b"https://www.example.com"
    assert headers[b"user-agent"].startswith(b"vedette/")


def test_over_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    server_context = context(ca.issue_cert("localhost"))

    def behave(connection: socket.socket) -> None:
        with connection.dup() as plain, server_context.wrap_socket(plain, server_side=True) as encrypted:
            encrypted.settimeout(10)
            guest = Guest(encrypted)
            guest.welcome()
            try:
                echo(guest)
            except (ssl.SSLError, OSError):
                pass

    options = TlsOptions(ca_file=trust(ca, tmp_path))
    soon = TlsOptions(ca_file=trust(ca, tmp_path), min_days_left=3650.0 * 100)
    with TcpServer(behave) as server:
        well, expiring = probe(
            websocket(server.port, host="localhost", tls=options, dialogue=ask("hi", "^you said hi$")),
            websocket(server.port, host="localhost", tls=soon),
        )
    assert well.outcome == "ok", well
    assert set(well.phases_us) == {"connect", "tls", "processing", "transfer"}
    assert expiring.reason == "tls.expires_soon"


class TestDialogue:
    def test_what_is_said_is_answered(self) -> None:
        with TcpServer(_echoing) as server:
            (result,) = probe(websocket(server.port, dialogue=ask("hällo", "said hällo$")))
        assert result.outcome == "ok"
        assert (facts(result).messages, facts(result).matched) == (1, True)

    def test_captures_go_into_the_next_text(self) -> None:
        steps = (
            DialogueStep(expect=r"id=(\d+) key=(?P<key>\w+)", send=r"\1/{key}"),
            DialogueStep(expect="^you said 42/abc$"),
        )

        def behave(connection: socket.socket) -> None:
            guest = Guest(connection)
            guest.welcome()
            guest.say("id=42 key=abc")
            echo(guest)

        with TcpServer(behave) as server:
            (result,) = probe(websocket(server.port, dialogue=steps))
        assert result.outcome == "ok"

    def test_messages_without_a_match_are_passed_over(self) -> None:
        def talk(guest: Guest) -> None:
            guest.say("tick", "tick")
            guest.send(BytesMessage(data=b"\xffprice\x00"))

        with TcpServer(serves(talk)) as server:
            (result,) = probe(websocket(server.port, **hear("price")))
        assert (result.outcome, facts(result).messages) == ("ok", 3)

    def test_a_message_in_pieces_is_put_together(self) -> None:
        with TcpServer(serves(_fragments)) as server:
            (result,) = probe(websocket(server.port, **hear("^price$")))
        assert (result.outcome, facts(result).messages) == ("ok", 1)

    def test_a_ping_is_answered(self) -> None:
        heard: list[Event] = []

        def behave(connection: socket.socket) -> None:
            guest = Guest(connection)
            guest.welcome()
            guest.send(Ping(payload=b"are you there"))
            guest.say("go on")
            heard.extend(guest.farewell())

        with TcpServer(behave) as server:
            (result,) = probe(websocket(server.port, **hear("go on")))
            server.finish()
        assert result.outcome == "ok"
        assert pong_payloads(heard) == [b"are you there"]

    def test_other_messages_than_expected(self) -> None:
        with TcpServer(serves(lambda guest: guest.say("busy"))) as server:
            (result,) = probe(websocket(server.port, timeout=1.0, **hear("ready")))
        assert result.reason == "websocket.expect"
        assert "turn 1: no match for 'ready'; the last message began with 'busy'" in (result.detail or "")
        assert facts(result).matched is False

    def test_no_message_at_all(self) -> None:
        with TcpServer(serves(lambda guest: None)) as server:
            (result,) = probe(websocket(server.port, timeout=0.5, **hear("ready")))
        assert result.reason == "websocket.timeout"
        assert "no message came" in (result.detail or "")

    @pytest.mark.parametrize(
        ("last", "detail"),
        [
            (
                lambda guest: guest.send(CloseConnection(code=1011, reason="broken")),
                "closed with 1011 'broken'",
            ),
            (lambda guest: guest.connection.shutdown(socket.SHUT_WR), "without a close frame"),
        ],
    )
    def test_a_peer_that_leaves_early(self, last: Any, detail: str) -> None:
        with TcpServer(serves(last)) as server:
            (result,) = probe(websocket(server.port, **hear("ready")))
        assert result.reason == "websocket.closed"
        assert detail in (result.detail or "")
        assert facts(result).close_code == (1011 if "1011" in detail else None)


def _echoing(connection: socket.socket) -> None:
    guest = Guest(connection)
    guest.welcome()
    echo(guest)


def _fragments(guest: Guest) -> None:
    for payload, finished in (("pr", False), ("", False), ("i", False), ("ce", True)):
        guest.send(TextMessage(data=payload, message_finished=finished))


class TestHandshake:
    @pytest.mark.parametrize(
        ("response", "detail"),
        [
            (
                lambda token: b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
                "status 403; expected 101",
            ),
            (lambda token: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "status 200"),
            (lambda token: b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", "status 301"),
            (lambda token: ACCEPTED + b"\r\n", "token"),
            (lambda token: ACCEPTED + b"Sec-WebSocket-Accept: c3R1cGlk\r\n\r\n", "token"),
            (
                lambda token: (
                    ACCEPTED.replace(b"Upgrade: websocket\r\n", b"")
                    + b"Sec-WebSocket-Accept: "
                    + token
                    + b"\r\n\r\n"
                ),
                "Upgrade",
            ),
            (
                lambda token: (
                    ACCEPTED
                    + b"Sec-WebSocket-Protocol: other\r\nSec-WebSocket-Accept: "
                    + token
                    + b"\r\n\r\n"
                ),
                "subprotocol",
            ),
            (
                lambda token: (
                    ACCEPTED + b"Sec-WebSocket-Protocol: \xff\r\nSec-WebSocket-Accept: " + token + b"\r\n\r\n"
                ),
                "it began with",
            ),
            (
                lambda token: (
                    ACCEPTED
                    + b"Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: "
                    + token
                    + b"\r\n\r\n"
                ),
                "extension",
            ),
            (lambda token: b"220 mail.example.com ESMTP\r\n\r\n", "it began with b'220 mail"),
            (lambda token: b"x" * 17_000, "more than 16384 bytes"),
            (lambda token: ACCEPTED + b"a: b\r\n" * MAX_LINES + b"\r\n", f"or {MAX_LINES} lines"),
        ],
    )
    def test_a_response_that_is_not_right(self, response: Any, detail: str) -> None:
        with TcpServer(by_hand(response)) as server:
            (result,) = probe(websocket(server.port))
        assert (result.outcome, result.reason) == ("fail", "websocket.handshake")
        assert detail in (result.detail or "")
        assert not facts(result).upgraded

    def test_the_subprotocol_is_the_expected_one(self) -> None:
        with TcpServer(serves(lambda guest: None, "v1")) as server:
            (result,) = probe(websocket(server.port, subprotocols=("v2", "v1"), subprotocol="v2"))
        assert result.reason == "websocket.handshake"
        assert "subprotocol v1 was chosen; expected v2" in (result.detail or "")

    @pytest.mark.parametrize(
        ("behave", "reason"),
        [
            (silent, "websocket.timeout"),
            (reset, "tcp.reset"),
            (answers(b"HTTP/1.1 101 Swi"), "websocket.handshake"),
            (answers(), "websocket.handshake"),
        ],
        ids=["silent", "reset", "cut", "closed"],
    )
    def test_no_response(self, behave: Behave, reason: str) -> None:
        with TcpServer(behave) as server:
            (result,) = probe(websocket(server.port, timeout=1.0))
        assert result.reason == reason

    def test_our_headers_are_hidden_where_the_peer_repeats_them(self) -> None:
        secret = "Bearer 0123456789abcdef"
        with TcpServer(by_hand(lambda _: b"HTTP/9.9 " + secret.encode() + b"\r\n\r\n")) as server:
            (result,) = probe(websocket(server.port, headers=(("Authorization", secret),)))
        assert result.reason == "websocket.handshake"
        assert "0123456789" not in (result.detail or "")


class TestHostile:
    """Bounds that are not wsproto's but ours."""

    @pytest.mark.parametrize(
        ("frames", "reason", "detail"),
        [
            (b"\x89\x00" * 2 * STOCK, "websocket.protocol", f"more than {STOCK} frames"),
            (b"\x01\x00" + b"\x00\x00" * 2 * STOCK, "websocket.protocol", f"more than {STOCK} frames"),
            (b"\x81\x00" * 2 * STOCK, "websocket.protocol", f"more than {STOCK} frames"),
            (
                b"\x81\x7f" + (1 << 40).to_bytes(8, "big") + b"x" * (MAX_MESSAGE + 1),
                "websocket.expect",
                f"a message of more than {MAX_MESSAGE} bytes",
            ),
            (
                (b"\x81\x7e\xff\xff" + b"x" * 65535) * (MAX_HEARD // 65535 + 2),
                "websocket.expect",
                f"in {MAX_HEARD} bytes",
            ),
            (b"\xc1\x01x", "websocket.protocol", "eserved bit"),
            (b"\x81\x81\x00\x00\x00\x00x", "websocket.protocol", "masked"),
            (b"\x83\x01x", "websocket.protocol", "opcode"),
            (b"\x00\x01x", "websocket.protocol", "CONTINUATION"),
            (b"\x81\x01\xff", "websocket.protocol", "utf-8"),
            (b"\x88\x01x", "websocket.protocol", "CLOSE"),
        ],
        ids=["pings", "fragments", "empty messages", "long message", "much", "reserved", "masked", "opcode",
             "continuation", "utf-8", "close"],
    )  # fmt: skip
    def test_frames(self, frames: bytes, reason: str, detail: str) -> None:
        with TcpServer(serves(lambda guest: guest.raw(frames))) as server:
            (result,) = probe(websocket(server.port, timeout=20.0, **hear("ready")))
        assert (result.outcome, result.reason) == ("fail", reason)
        assert detail in (result.detail or "")

    def test_a_flood_after_our_goodbye_is_no_failure(self) -> None:
        """The check has seen what it wanted; a ticker that goes on is left alone."""
        with TcpServer(serves(lambda guest: guest.raw(b"\x81\x00" * 2 * STOCK))) as server:
            (result,) = probe(websocket(server.port))
        assert result.outcome == "ok"

    def test_a_goodbye_without_an_answer(self) -> None:
        def behave(connection: socket.socket) -> None:
            Guest(connection).welcome()
            silent(connection)

        with TcpServer(behave) as server:
            (result,) = probe(websocket(server.port, timeout=0.5))
        assert result.reason == "websocket.timeout"
        assert "does not answer the close frame" in (result.detail or "")

    def test_a_peer_that_just_hangs_up_after_our_goodbye_is_well(self) -> None:
        def behave(connection: socket.socket) -> None:
            Guest(connection).welcome()
            connection.recv(65536)

        with TcpServer(behave) as server:
            (result,) = probe(websocket(server.port))
        assert result.outcome == "ok"


def test_wsproto_is_imported_for_websocket_checks_alone() -> None:
    code = (
        "import sys, vedette_agent.app, vedette_agent.probers.run, vedette_agent.probers.tcp\n"
        "assert not {'wsproto', 'h11'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
