"""Seven protocols that turn to TLS: what opens each, what refuses, and what no peer may do."""

import random
import socket
import time

import pytest
import trustme

from servers.tcp import Behave, TcpServer, silent
from servers.tls import context, tls
from stream.probing_helpers import probe, tcp
from stream.probing_helpers import tls as check
from vedette.checks.model import TlsOptions
from vedette.checks.model.tls import Opening
from vedette_agent.starttls import MAX_BYTES, Dialogue, Refused, opening

UNVERIFIED = TlsOptions(verify=False)
PROTOCOLS: tuple[Opening, ...] = ("smtp", "imap", "pop3", "ftp", "ldap", "postgres", "xmpp")

LDAP_YES = bytes.fromhex("300c02010178070a010004000400")
LDAP_NO = bytes.fromhex("300c02010178070a010234000400").replace(b"\x34\x00", b"\x04\x00")
XMPP_HEAD = b"<?xml version='1.0'?><stream:stream id='x' version='1.0'>"
XMPP_OFFER = (
    b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
    b"</stream:features>"
)
XMPP_GO = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

# What the peer says at first (before and in answer to the first thing that we say), and so on.
WILLING: dict[Opening, list[bytes]] = {
    "smtp": [b"220-mx\r\n220 mx ESMTP\r\n", b"250-mx\r\n250-STARTTLS\r\n250 HELP\r\n", b"220 2.0.0 go\r\n"],
    "imap": [b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", b"* BYTHEWAY\r\na1 OK begin\r\n"],
    "pop3": [b"+OK hi\r\n", b"+OK begin\r\n"],
    "ftp": [b"220-hi\r\n 220 not yet\r\n220 hi\r\n", b"234 AUTH TLS\r\n"],
    "ldap": [b"", LDAP_YES],
    "postgres": [b"", b"S"],
    "xmpp": [b"", XMPP_HEAD + XMPP_OFFER, XMPP_GO],
}
UNWILLING: list[tuple[Opening, list[bytes], str]] = [
    ("smtp", [b"554 go away\r\n"], "does not greet: b'554"),
    ("smtp", [b"220 mx\r\n", b"250-mx\r\n250 HELP\r\n"], "does not offer STARTTLS"),
    ("smtp", [b"220 mx\r\n", b"502 what\r\n"], "takes no EHLO"),
    ("smtp", [b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"454 not now\r\n"], "refuses STARTTLS: b'454"),
    ("imap", [b"* BYE\r\n"], "does not greet"),
    ("imap", [b"* OK\r\n", b"a1 BAD what\r\n"], "refuses STARTTLS"),
    ("pop3", [b"+OK\r\n", b"-ERR\r\n"], "refuses STLS"),
    ("ftp", [b"220 hi\r\n", b"530 no\r\n"], "refuses AUTH TLS"),
    ("ldap", [b"", LDAP_NO], "LDAP result 2"),
    ("ldap", [b"", b"HTTP/1.1 400\r\n\r\n"], "does not speak LDAP"),
    ("ldap", [b"", b"\x30\x05\x02\x01\x01\x61\x00"], "does not answer StartTLS"),
    ("postgres", [b"", b"N"], "has no TLS"),
    ("postgres", [b"", b"E\0\0\0"], "does not speak PostgreSQL"),
    ("xmpp", [b"", XMPP_HEAD + b"<stream:features/>"], "does not offer STARTTLS"),
    ("xmpp", [b"", XMPP_HEAD + XMPP_OFFER, b"<failure/>"], "refuses STARTTLS"),
]


def run(protocol: Opening, said: list[bytes], *, at_once: bool) -> None:
    """Play *said* to the opening, whole or byte by byte; each after what we say to the one before."""
    dialogue = opening(protocol, "example.org")
    sent = next(dialogue)
    for part in said:
        for piece in [part] if at_once else [part[at : at + 1] for at in range(len(part))]:
            if piece:
                sent = dialogue.send(piece)
    raise AssertionError(f"TLS has not begun; last we said {sent!r}")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("at_once", [True, False])
def test_the_go_ahead_is_understood_however_it_is_cut(protocol: Opening, at_once: bool) -> None:
    with pytest.raises(StopIteration):
        run(protocol, WILLING[protocol], at_once=at_once)


@pytest.mark.parametrize(("protocol", "said", "why"), UNWILLING)
def test_a_refusal_is_named(protocol: Opening, said: list[bytes], why: str) -> None:
    with pytest.raises(Refused, match=why.replace("'", ".")):
        run(protocol, said, at_once=True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_may_follow_the_go_ahead_in_the_clear(protocol: Opening) -> None:
    *before, go = WILLING[protocol]
    with pytest.raises(Refused, match="in the clear"):
        run(protocol, [*before, go + b"\x16\x03\x01"], at_once=True)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_peer_that_leaves_or_never_ends_is_refused(protocol: Opening) -> None:
    greeted = opening(protocol, "example.org")
    next(greeted)
    with pytest.raises(Refused, match="closed before TLS"):
        greeted.send(b"")
    with pytest.raises(Refused):
        flooded(opening(protocol, "example.org"), b"\x30\x84\x7f\xff\xff\xff" if protocol == "ldap" else b"")


def flooded(dialogue: Dialogue, start: bytes) -> None:
    """As the peer, begin with *start*, such as that of a message of 2 GiB, and never come to an end."""
    next(dialogue)
    dialogue.send(start + b"2")
    for _ in range(MAX_BYTES // 1000 + 1):
        dialogue.send(b"2" * 1000)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mangled_answers_are_refused_or_awaited(protocol: Opening) -> None:
    """Whatever a peer says, an opening goes on, ends, or refuses: nothing else flies out of it."""
    chance = random.Random(protocol)
    for _ in range(300):
        dialogue = opening(protocol, "example.org")
        next(dialogue)
        said = bytearray(b"".join(WILLING[protocol]))
        for _ in range(chance.randrange(1, 6)):
            said[chance.randrange(len(said))] = chance.choice(b"\0\n\r -05<>\x30\x80\x84\xff")
        try:
            for at in range(0, len(said), size := chance.randrange(1, 40)):
                dialogue.send(bytes(said[at : at + size]))
        except (Refused, StopIteration):
            pass


def plays(protocol: Opening, *, ends: Behave) -> Behave:
    first, *answers = WILLING[protocol]

    def behave(connection: socket.socket) -> None:
        connection.sendall(first)
        for answer in answers:
            connection.recv(4096)
            connection.sendall(answer)
        ends(connection)

    return behave


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_handshake_follows(protocol: Opening) -> None:
    server_context = context(trustme.CA().issue_cert("localhost"))
    with TcpServer(plays(protocol, ends=tls(server_context))) as server:
        alone, talking = probe(
            check(server.port, tls=UNVERIFIED, start_tls=protocol),
            tcp(server.port, tls=UNVERIFIED, start_tls=protocol),
        )
    assert (alone.outcome, talking.outcome) == ("ok", "ok"), (alone.detail, talking.detail)
    assert set(alone.phases_us) == {"connect", "processing", "tls"}
    assert alone.facts is not None
    assert alone.facts.tls is not None


def unwilling(connection: socket.socket) -> None:
    connection.sendall(b"220 hi\r\n")
    connection.recv(100)
    connection.sendall(b"502 what\r\n")
    silent(connection)


def test_codes_of_openings() -> None:
    with TcpServer(unwilling) as no, TcpServer(silent) as mute:
        refused, waiting = probe(
            check(no.port, tls=UNVERIFIED, start_tls="ftp"),
            check(mute.port, tls=UNVERIFIED, start_tls="imap", timeout=0.5),
        )
    assert (refused.reason, waiting.reason) == ("tls.starttls", "tls.timeout")
    assert "waited for leave to begin TLS" in (waiting.detail or "")


def test_a_result_code_of_kilobytes_is_refused() -> None:
    """Python refuses to write a number of more than 4300 digits."""

    def element(tag: int, data: bytes) -> bytes:
        return bytes([tag, 0x82]) + len(data).to_bytes(2, "big") + data

    answer = element(0x78, element(0x0A, b"\x7f" * 3000) + b"\x04\x00\x04\x00")
    with pytest.raises(Refused, match="a result code of 3000 bytes"):
        run("ldap", [b"", element(0x30, b"\x02\x01\x01" + answer)], at_once=True)


def test_tags_that_never_end_are_looked_at_once() -> None:
    """16 KiB of `<proceed`: each of 2000 would be read to the end of all of them."""
    dialogue = opening("xmpp", "example.org")
    next(dialogue)
    dialogue.send(XMPP_HEAD + XMPP_OFFER)
    began = time.thread_time()
    for _ in range(3):
        dialogue.send(b"<proceed" * 512)
    assert time.thread_time() - began < 0.01
