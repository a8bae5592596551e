"""The bounds of a QUIC connection, each with what lies right behind it."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import PingAcknowledged, QuicEvent, StreamDataReceived

from hostile.quic_servers import crypto, on_stream, sealed
from servers.certificates import Issued, issued, trusted
from servers.probing import Probed, bench
from servers.quic import Behave, configured, doq, good, quic_server, raw
from vedette.checks.model import DnsCheck, Endpoint, TlsOptions
from vedette.wire import limits
from vedette_agent.engine import quic, quictrust
from vedette_agent.probers.dns import probe_dns

ROOT = issued(common_name="root", is_ca=True)
LEAF = issued("127.0.0.1", by=ROOT)
JUNK = b"\x40" + bytes(40)


def probe(behave: Behave, tls: TlsOptions, leaf: Issued = LEAF, *chain: Issued) -> Probed:
    async def main(port: int) -> Probed:
        check = DnsCheck(
            name="t", target="t", interval=60, timeout=30, query_name="a.test",
            server=Endpoint("127.0.0.1", port), transport="quic", tls=tls,
        )  # fmt: skip
        async with bench() as on:
            return await on.run(probe_dns, check, 30.0)

    made = configured(leaf.key_pem, [leaf.certificate, *(one.certificate for one in chain)], "doq")
    with quic_server(made, behave) as port:
        return asyncio.run(main(port))


def once_asked(act: Callable[[QuicConnection], object]) -> Behave:
    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived) and event.end_stream:
            act(connection)

    return behave


def frames(each: Iterable[bytes]) -> Behave:
    """All of them once asked, in datagrams of a thousand bytes, and no more after them."""

    def act(connection: QuicConnection) -> None:
        connection.receive_datagram = lambda *came, **named: None  # type: ignore[method-assign]
        said = b""
        for one in [*each, b""]:
            said += one
            if said and (not one or len(said) > 1000):
                raw(connection, sealed(connection, said))
                said = b""

    return once_asked(act)


ANY = TlsOptions(verify=False)


def test_tls_behind_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would all be read at once when the gap is filled: thousands of session tickets."""
    monkeypatch.setattr(quic, "MAX_HELD_BYTES", 1000)
    probed = probe(frames([crypto(1, bytes(1001))]), ANY)
    assert probed.failure == "quic.closed"
    assert "more than 1000 bytes of TLS behind a gap" in probed.detail


def test_tls_in_pieces() -> None:
    probed = probe(frames(crypto(at, b"a") for at in range(1, 1200, 2)), ANY)
    assert probed.failure == "quic.closed"
    assert "pieces" in probed.detail


def test_no_stream_in_both_directions_is_taken() -> None:
    def opened(connection: QuicConnection) -> None:
        raw(connection, sealed(connection, on_stream(1, 0, b"hello")))

    probed = probe(once_asked(opened), ANY)
    assert probed.failure == "quic.closed"
    assert "STREAM_LIMIT_ERROR" in probed.detail


def test_no_more_than_a_message_is_taken() -> None:
    """65,535 bytes and their length (RFC 9250 4.2)."""
    probed = probe(frames([on_stream(0, 65_537, b"a")]), ANY)
    assert probed.failure == "quic.closed"
    assert "FLOW_CONTROL_ERROR" in probed.detail


def test_no_credit_is_saved_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What much data has earned does not pay for a flood."""
    monkeypatch.setattr(quic, "STOCK", 64)
    monkeypatch.setattr(quic, "FILLING_BYTES", 1)

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            connection.send_stream_data(0, b"\xff\xff" + bytes(5000))
            connection.send_ping(1)
        elif isinstance(event, PingAcknowledged):
            for _ in range(200):
                raw(connection, JUNK)

    probed = probe(behave, ANY)
    assert probed.failure == "quic.closed"
    assert "more than 64 datagrams" in probed.detail


def test_data_pays_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of 40 datagrams, with credit for 20."""
    monkeypatch.setattr(quic, "STOCK", 20)

    def large(query: bytes) -> bytes:
        return good(query) + bytes(48_000)

    probed = probe(doq(large), ANY)
    assert probed.failure == "dns.malformed"
    assert "more than" not in probed.detail


def test_what_was_held_back_comes_in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 bytes whose first comes last."""
    took: list[int] = []
    next_event = quic.Quic._next_event

    def noted(self: quic.Quic) -> QuicEvent | None:
        event = next_event(self)
        if isinstance(event, StreamDataReceived):
            took.append(len(event.data))
        return event

    monkeypatch.setattr(quic.Quic, "_next_event", noted)
    late = [on_stream(0, at, b"\x40" * 1000) for at in range(1, 20_000, 1000)]
    assert probe(frames([*late, on_stream(0, 0, b"\x40")]), ANY).failure == "dns.malformed"
    assert max(took) == quic.SLICE


def test_words_of_the_peer_are_cut() -> None:
    probed = probe(once_asked(lambda connection: connection.close(2, reason_phrase="a" * 900)), ANY)
    assert probed.failure == "quic.closed"
    assert f": '{'a' * 100}'" in probed.detail


@pytest.mark.parametrize(("count", "failure"), [(22, None), (23, "tls.untrusted")])
def test_a_chain_of_24_certificates_is_read(tmp_path: Path, count: int, failure: str | None) -> None:
    middle = issued(by=ROOT, common_name="middle", is_ca=True)
    others = [middle] + [issued(common_name="other", is_ca=True)] * count
    tls = TlsOptions(ca_file=trusted(tmp_path, ROOT))
    probed = probe(doq(good), tls, issued("127.0.0.1", by=middle), *others)
    assert probed.failure == failure
    if failure is not None:
        assert "25 certificates, 24 are read" in probed.detail


def test_facts_of_a_large_certificate_are_cut() -> None:
    """Names, and how many of them there are."""
    leaf = issued("a" * 300, *(f"{number}.test" for number in range(limits.MAX_ANSWERS + 5)), by=ROOT)
    probed = probe(doq(good), ANY, leaf)
    assert probed.error is None
    assert probed.record.tls is not None
    assert len(probed.record.tls.alternative_names) == limits.MAX_ANSWERS
    assert probed.record.tls.alternative_names[0] == "a" * limits.MAX_TEXT


def test_a_refused_chain_is_kept_in_part(tmp_path: Path) -> None:
    others = [issued(common_name=f"{number}", is_ca=True) for number in range(20)]
    tls = TlsOptions(ca_file=trusted(tmp_path, ROOT))
    probed = probe(doq(good), tls, issued("127.0.0.1"), *others)
    assert probed.failure == "tls.untrusted"
    kept = [event for _, event, _ in probed.record.notes if event == "tls.certificate"]
    assert len(kept) < 20


def test_the_earliest_end_is_sought_among_the_first_certificates() -> None:
    later = issued(common_name="a", is_ca=True, until=300)
    soon = issued(common_name="b", is_ca=True, until=1)
    leaf = issued("127.0.0.1", by=ROOT, until=200)
    probed = probe(doq(good), ANY, leaf, *[later] * 14, soon)
    assert probed.record.tls is not None
    assert probed.record.tls.earliest_not_after_us == probed.record.tls.not_after_us


def test_stores_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quictrust, "MAX_STORES", 3)
    monkeypatch.setattr(quictrust, "_stores", {})
    for number in range(5):
        directory = tmp_path / str(number)
        directory.mkdir()
        quictrust.store(trusted(directory, ROOT))
    assert len(quictrust._stores) == 3
