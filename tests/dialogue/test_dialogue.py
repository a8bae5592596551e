"""Dialogues: what is awaited, what is answered with, and what a peer may not do in one."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from servers.tcp import Behave, TcpServer, says, silent
from servers.tls import context, tls, trust
from stream.probing_helpers import probe, tcp
from vedette.checks.captures import TooLong, filled
from vedette.checks.model import DialogueStep, TlsOptions
from vedette_agent.probers.conversing import MAX_BYTES


def steps(*pairs: tuple[str | None, str | None]) -> tuple[DialogueStep, ...]:
    return tuple(DialogueStep(expect=expect, send=send) for expect, send in pairs)


def lines(answer: Callable[[bytes], bytes | None], greeting: bytes = b"") -> Behave:
    """A server that answers each line; None ends the conversation."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(greeting)
        with connection.makefile("rb") as reader:
            while line := reader.readline():
                said = answer(line)
                if said is None:
                    return
                connection.sendall(said)

    return behave


def test_an_irc_server_is_greeted_and_its_ping_answered() -> None:
    heard: list[bytes] = []

    def irc(line: bytes) -> bytes | None:
        heard.append(line)
        if line.startswith(b"NICK"):
            return b":irc NOTICE AUTH :*** Hello\r\n:irc PING :8fa\xff\r\n"
        return b":irc 001 vedette :Welcome\r\n"

    dialogue = steps((None, "NICK vedette\n"), ("^:irc PING :(.*)$", "PONG \\1\n"), (" 001 ", None))
    with TcpServer(lines(irc)) as server:
        (result,) = probe(tcp(server.port, dialogue=dialogue))
    assert result.outcome == "ok", result.detail
    assert heard == [b"NICK vedette\n", b"PONG 8fa\xff\n"]  # a byte that is no UTF-8 comes back as it was
    assert set(result.phases_us) == {"connect", "processing", "transfer"}


def test_a_capture_by_name_lasts_and_other_braces_are_text() -> None:
    heard: list[bytes] = []
    dialogue = steps(
        ("^hello (?P<who>\\w+)$", "a\n"),
        ("^ok (\\w+)$", '{"who":"{who}","n":"\\1","x":{none},"l":"\\\\1"}\n'),
    )
    with TcpServer(lines(lambda line: heard.append(line) or b"ok 1\n", b"hello you\r\n")) as server:
        (result,) = probe(tcp(server.port, dialogue=dialogue))
        server.finish()
    assert result.outcome == "ok", result.detail
    assert heard == [b"a\n", b'{"who":"you","n":"1","x":{none},"l":"\\1"}\n']


def test_each_step_reads_on_where_the_one_before_stopped() -> None:
    """Three lines in one packet: none is seen twice, and ^ is the start of a line."""
    greeting = b"250-a\r\n250-STARTTLS\r\n250 end\r\n"
    with TcpServer(says(greeting, then=silent)) as server:
        good, twice = probe(
            tcp(server.port, dialogue=steps(("^250-a", None), ("^250-STARTTLS$", None), ("^250 end$", None))),
            tcp(server.port, dialogue=steps(("^250-a", None), ("^250-a", None)), timeout=1.0),
        )
    assert (good.outcome, twice.reason) == ("ok", "tcp.expect")
    assert "step 2: no match for '^250-a'" in (twice.detail or "")


def test_a_line_that_comes_in_halves_is_captured_whole() -> None:
    heard: list[bytes] = []

    def halves(connection: socket.socket) -> None:
        connection.sendall(b"token ab")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(0.1)
        try:
            heard.append(connection.recv(100))
        except TimeoutError:
            pass
        connection.sendall(b"cd\r\n")
        connection.settimeout(5)
        heard.append(connection.recv(100))

    with TcpServer(halves) as server:
        (result,) = probe(tcp(server.port, dialogue=steps(("^token (.*)$", "\\1"))))
        server.finish()
    assert result.outcome == "ok"
    assert heard == [b"abcd"]


def test_the_last_look_is_at_the_deadline() -> None:
    """Half a line is enough at the end, where nothing is awaited any more; before, there is no time left."""
    with TcpServer(says(b"token ab", then=silent)) as server:
        last, more = probe(
            tcp(server.port, timeout=1.0, dialogue=steps(("^token (.*)$", None))),
            tcp(server.port, timeout=1.0, dialogue=steps(("^token (.*)$", "\\1"))),
        )
    assert (last.outcome, more.reason) == ("ok", "tcp.expect")


def test_bytes_are_sent_and_found_as_they_are() -> None:
    def echo(connection: socket.socket) -> None:
        connection.sendall(b"\0\r\n" + connection.recv(100)[::-1])
        silent(connection)

    dialogue = (
        DialogueStep(send_bytes=b"\xff\x00\x01"),
        DialogueStep(expect_bytes=b"\r\n\x01\x00"),
        DialogueStep(expect_bytes=b"\xff"),
    )
    with TcpServer(echo) as server:
        (result,) = probe(tcp(server.port, dialogue=dialogue))
    assert result.outcome == "ok", result.detail


def test_bytes_that_did_not_come_are_told_as_the_configuration_writes_them() -> None:
    dialogue = (DialogueStep(expect_bytes=b"\x20\x02\x00\x01"),)
    with TcpServer(says(b"\x20\x02\x00\x00")) as server:
        (result,) = probe(tcp(server.port, dialogue=dialogue))
    told = "step 1: closed before a match for 20 02 00 01; 4 bytes came: 20 02 00 00"
    assert (result.reason, result.detail) == ("tcp.closed", told)


@pytest.mark.parametrize(
    ("behave", "reason", "said"),
    [
        (says(b"500 no\r\n"), "tcp.closed", "step 1: closed before a match for '^220'; 8 bytes came"),
        (says(b"500 no\r\n", then=silent), "tcp.expect", "step 1: no match"),
        (silent, "tcp.timeout", "step 1: nothing came for '^220'"),
        (lines(lambda line: None, b"220 hi\r\n"), "tcp.closed", "step 2: closed before a match"),
        (lines(lambda line: b"", b"220 hi\r\n"), "tcp.timeout", "step 2: nothing came"),
        (says(b"x" * MAX_BYTES * 2, then=silent), "tcp.expect", f"{MAX_BYTES} bytes came"),
    ],
    ids=["closed", "another", "silent", "closed later", "silent later", "endless"],
)
def test_the_step_that_failed_is_named(behave: Behave, reason: str, said: str) -> None:
    with TcpServer(behave) as server:
        timeout = 20.0 if reason == "tcp.closed" or "bytes came" in said else 1.0
        (result,) = probe(tcp(server.port, timeout=timeout, dialogue=steps(("^220", "hi\n"), ("^250", None))))
    assert (result.outcome, result.reason) == ("fail", reason)
    assert said in (result.detail or "")


def test_what_a_peer_makes_us_send_is_bounded() -> None:
    """A pattern that takes 60,000 bytes, sent back a hundred times."""
    with TcpServer(says(b"x" * 60_000 + b"\n", then=silent)) as server:
        (result,) = probe(tcp(server.port, dialogue=steps(("(x+)$", "\\1" * 100))))
    assert (result.outcome, result.reason) == ("fail", "tcp.expect")
    assert f"more than {MAX_BYTES} characters" in (result.detail or "")


def test_captures_are_literal() -> None:
    assert filled("\\1 \\2|", ("\\2", None), {}, 100) == "\\2 |"
    assert filled("{a}{b}", (), {"a": "{b}", "b": "\\1"}, 100) == "{b}\\1"
    with pytest.raises(TooLong):
        filled("\\1\\1", ("x" * 60,), {}, 100)


def _starttls(greeting: bytes, cert: trustme.LeafCert, extra: bytes = b"") -> Behave:
    inner = tls(context(cert), lambda encrypted: encrypted.sendall(b"secret " + encrypted.recv(100)))

    def behave(connection: socket.socket) -> None:
        connection.sendall(greeting)
        connection.recv(100)
        connection.sendall(b"220 go\r\n" + extra)
        inner(connection)

    return behave


UPGRADE = (
    DialogueStep(expect="^220.*$", send="STARTTLS\r\n"),
    DialogueStep(expect="^220 go$", start_tls=True),
    DialogueStep(send="EHLO\r\n"),
    DialogueStep(expect="secret EHLO"),
)


def test_a_dialogue_turns_to_tls(tmp_path: Path) -> None:
    ca = trustme.CA()
    with TcpServer(_starttls(b"220 mx\r\n", ca.issue_cert("localhost"))) as server:
        options = TlsOptions(ca_file=trust(ca, tmp_path))
        good, untrusted, soon = probe(
            tcp(server.port, host="localhost", dialogue=UPGRADE, tls=options),
            tcp(server.port, host="127.0.0.1", dialogue=UPGRADE, tls=options),
            tcp(
                server.port,
                host="localhost",
                dialogue=UPGRADE,
                tls=TlsOptions(ca_file=options.ca_file, min_days_left=3650.0),
            ),
        )
    assert (good.outcome, untrusted.reason) == ("ok", "tls.hostname"), good.detail
    assert set(good.phases_us) == {"connect", "tls", "processing", "transfer"}
    assert good.facts is not None
    assert good.facts.tls is not None
    assert good.facts.tls.verified
    assert soon.reason in ("tls.expires_soon", None)  # trustme's last for decades, by its version


def test_the_rest_of_a_line_is_not_found_behind_tls() -> None:
    """`mx` ends the line on which TLS begins; the step after it waits for an encrypted one."""
    inner = tls(context(trustme.CA().issue_cert("localhost")), lambda encrypted: encrypted.sendall(b"ready"))

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 mx\r\n")
        inner(connection)

    begun = DialogueStep(expect="^220", start_tls=True)
    with TcpServer(behave) as server:
        clear, encrypted = probe(
            tcp(server.port, dialogue=(begun, DialogueStep(expect="mx")), tls=TlsOptions(verify=False)),
            tcp(server.port, dialogue=(begun, DialogueStep(expect="ready")), tls=TlsOptions(verify=False)),
        )
    assert (clear.reason, encrypted.outcome) == ("tcp.closed", "ok"), encrypted.detail


def test_what_was_said_in_the_clear_is_not_taken_for_encrypted() -> None:
    with TcpServer(_starttls(b"220 mx\r\n", trustme.CA().issue_cert("localhost"), b"injected\r\n")) as server:
        (result,) = probe(tcp(server.port, dialogue=UPGRADE, tls=TlsOptions(verify=False)))
    assert (result.outcome, result.reason) == ("fail", "tls.starttls")
    assert "in the clear" in (result.detail or "")


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    def echo(encrypted: ssl.SSLSocket) -> None:
        encrypted.sendall(encrypted.recv(100).upper())

    with TcpServer(tls(context(trustme.CA().issue_cert("localhost")), echo)) as server:
        talk, bare, untrusted = probe(
            tcp(server.port, send="ping", expect="PING", tls=TlsOptions(verify=False)),
            tcp(server.port, tls=TlsOptions(verify=False)),
            tcp(server.port, host="localhost", send="ping", expect="PING", tls=TlsOptions()),
        )
    assert (talk.outcome, bare.outcome) == ("ok", "ok"), talk.detail
    assert untrusted.reason in ("tls.untrusted", "configuration")
