"""DNS over QUIC (RFC 9250), against servers that do it well and servers that do not."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import dns.message
import pytest
import trustme
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import QuicEvent, StreamDataReceived
from cryptography.x509.oid import ExtendedKeyUsageOID

from servers.certificates import Issued, issued, trusted
from servers.probing import Probed, bench, host_files
from servers.quic import Behave, certified, configured, doq, good, quic_server
from servers.tls import trust
from vedette.checks.model import DnsCheck, Endpoint, TlsOptions
from vedette_agent.engine.policy import Policy
from vedette_agent.probers.dns import probe_dns
from vedette_agent.probers.run import prepare

CA = trustme.CA()
LEAF = CA.issue_cert("dns.test", "127.0.0.1")
SECONDS = 30.0


def checked(port: int, tls: TlsOptions, host: str = "127.0.0.1") -> DnsCheck:
    return DnsCheck(
        name="t", target="t", interval=60, timeout=SECONDS, query_name="a.test",
        server=Endpoint(host, port), transport="quic", tls=tls,
    )  # fmt: skip


def ask(check: DnsCheck, policy: Policy | None = None) -> Probed:
    prepare([check])

    async def main() -> Probed:
        async with bench(policy=policy) as on:
            return await on.run(probe_dns, check, SECONDS)

    return asyncio.run(main())


def probe(behave: Behave, directory: Path, *, retry: bool = False) -> Probed:
    with quic_server(certified(LEAF, "doq"), behave, retry=retry) as port:
        return ask(checked(port, TlsOptions(ca_file=trust(CA, directory), server_name="dns.test")))


def test_a_server_answers(tmp_path: Path) -> None:
    """One phase for both handshakes, one for the question, both by the kernel's clock, and all the facts."""
    probed = probe(doq(good), tmp_path)
    assert probed.error is None
    record = probed.record
    assert record.dns is not None
    assert record.tls is not None
    assert (record.dns.transport, record.dns.answers) == ("quic", ["192.0.2.1"])
    assert set(record.phases) == {"connect", "request"}
    assert all(0 < seconds <= probed.seconds for seconds in record.phases.values())
    assert record.clock == "kernel"
    assert (record.tls.version, record.tls.alpn, record.tls.verified) == ("TLSv1.3", "doq", True)
    assert record.tls.cipher == "TLS_AES_256_GCM_SHA384"
    assert record.tls.alternative_names == ["dns.test", "127.0.0.1"]
    assert (record.tls.presented, record.tls.chain, record.tls.key_type) == (1, 2, "EC")


def test_the_query_has_id_0_and_ends_the_stream(tmp_path: Path) -> None:
    """RFC 9250 4.2 and 4.2.1."""
    asked = []

    def answer(query: bytes) -> bytes:
        asked.append(query)
        return good(query)

    assert probe(doq(answer), tmp_path).error is None
    assert asked[0][:2] == b"\0\0"
    assert b"\x01a\x04test\0" in asked[0]


def test_a_retry_is_gone_along_with(tmp_path: Path) -> None:
    assert probe(doq(good), tmp_path, retry=True).error is None


def test_a_server_may_be_a_name(tmp_path: Path) -> None:
    with quic_server(certified(LEAF, "doq"), doq(good)) as port:
        check = checked(port, TlsOptions(ca_file=trust(CA, tmp_path)), "dns.test")
        files = host_files(tmp_path, hosts="127.0.0.1 dns.test\n")

        async def main() -> Probed:
            async with bench(files=files) as on:
                return await on.run(probe_dns, check, SECONDS)

        assert asyncio.run(main()).error is None


def test_the_policy_is_asked_before_anything_is_sent(tmp_path: Path) -> None:
    came = []
    with quic_server(certified(LEAF, "doq"), lambda *event: came.append(event)) as port:
        probed = ask(checked(port, TlsOptions(verify=False)), policy=Policy())
    assert getattr(probed.error, "reason", None) == "policy"
    assert came == []


def presenting(leaf: Issued, *chain: Issued) -> QuicConfiguration:
    return configured(leaf.key_pem, [leaf.certificate, *(one.certificate for one in chain)], "doq")


ROOT = issued(common_name="root", is_ca=True)
MIDDLE = issued(by=ROOT, common_name="middle", is_ca=True)


WRONG = {
    "expired": (issued("dns.test", by=ROOT, since=-9, until=-1), "tls.expired"),
    "early": (issued("dns.test", by=ROOT, since=1, until=9), "tls.not_yet_valid"),
    "name": (issued("other.test", by=ROOT), "tls.hostname"),
    "self": (issued("dns.test"), "tls.untrusted"),
    "no chain": (issued("dns.test", by=MIDDLE), "tls.untrusted"),
    "no ca": (issued("dns.test", by=issued("a.test", by=ROOT)), "tls.untrusted"),
    "weak": (issued("dns.test", by=ROOT, rsa_bits=1024), "tls.untrusted"),
    "use": (issued("dns.test", by=ROOT, uses=[ExtendedKeyUsageOID.CLIENT_AUTH]), "tls.untrusted"),
    "name first": (issued("other.test", by=ROOT, since=-9, until=-1), "tls.hostname"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_certificate_is_refused_and_told(kind: str, tmp_path: Path) -> None:
    """With the codes of every other TLS peer, its facts, and before the question is sent."""
    leaf, failure = WRONG[kind]
    came = []

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            came.append(event)

    with quic_server(presenting(leaf), behave) as port:
        options = TlsOptions(ca_file=trusted(tmp_path, ROOT), server_name="dns.test")
        probed = ask(checked(port, options))
    assert probed.failure == failure
    assert "asked for dns.test; presented: for " in probed.detail
    assert probed.record.tls is not None
    assert not probed.record.tls.verified
    assert probed.record.tls.chain == 0
    assert probed.record.tls.alternative_names in (["dns.test"], ["other.test"])
    assert [event for _, event, _ in probed.record.notes] == ["tls.certificate"]
    assert came == []


def test_without_verification_any_certificate_will_do() -> None:
    with quic_server(presenting(WRONG["expired"][0]), doq(good)) as port:
        probed = ask(checked(port, TlsOptions(verify=False)))
    assert probed.error is None
    assert probed.record.tls is not None
    assert not probed.record.tls.verified


def test_a_whole_chain_is_verified_to_its_root(tmp_path: Path) -> None:
    with quic_server(presenting(issued("127.0.0.1", by=MIDDLE), MIDDLE), doq(good)) as port:
        probed = ask(checked(port, TlsOptions(ca_file=trusted(tmp_path, ROOT))))
    assert probed.error is None
    assert probed.record.tls is not None
    assert (probed.record.tls.presented, probed.record.tls.chain) == (2, 3)


def test_a_certificate_that_ends_soon(tmp_path: Path) -> None:
    with quic_server(presenting(issued("127.0.0.1", by=ROOT, until=5)), doq(good)) as port:
        probed = ask(checked(port, TlsOptions(ca_file=trusted(tmp_path, ROOT), min_days_left=7)))
    assert probed.failure == "tls.expires_soon"


def test_a_key_that_is_not_the_certificate_s(tmp_path: Path) -> None:
    """aioquic verifies no chain for us, but that the peer has the key."""
    leaf, other = issued("127.0.0.1", by=ROOT), issued("127.0.0.1", by=ROOT)
    made = configured(other.key_pem, [leaf.certificate], "doq")
    with quic_server(made, doq(good)) as port:
        probed = ask(checked(port, TlsOptions(verify=False)))
    assert probed.failure == "tls.handshake"
    assert "decrypt error" in probed.detail


def test_a_server_of_another_protocol(tmp_path: Path) -> None:
    with quic_server(certified(LEAF, "h3"), doq(good)) as port:
        probed = ask(checked(port, TlsOptions(ca_file=trust(CA, tmp_path))))
    assert probed.failure == "tls.handshake"
    assert "no application protocol" in probed.detail


@pytest.mark.parametrize("ca_file", ["missing.pem", "empty.pem"])
def test_a_trust_store_of_no_use_is_our_own_fault(ca_file: str, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing\n")
    probed = ask(checked(9, TlsOptions(ca_file=str(tmp_path / ca_file))))
    assert getattr(probed.error, "reason", None) == "configuration"


def says(raw: Callable[[bytes], bytes], *, end: bool = True) -> Behave:
    """These bytes on the stream, for what was asked."""

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived) and event.end_stream:
            connection.send_stream_data(event.stream_id, raw(event.data[2:]), end_stream=end)

    return behave


def with_id(query: bytes) -> bytes:
    response = dns.message.from_wire(good(query))
    response.id = 7
    return response.to_wire()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (lambda query: b"", "before its answer was whole"),
        (lambda query: b"\0\x40" + good(query)[:9], "before its answer was whole"),
        (lambda query: len(good(query)).to_bytes(2, "big") + good(query) + b"x", "another question"),
        (lambda query: len(with_id(query)).to_bytes(2, "big") + with_id(query), "another question"),
    ],
)
def test_what_is_no_answer(raw: Callable[[bytes], bytes], said: str, tmp_path: Path) -> None:
    probed = probe(says(raw), tmp_path)
    assert probed.failure == "dns.malformed"
    assert said in probed.detail


def test_a_whole_answer_need_not_end_the_stream(tmp_path: Path) -> None:
    raw = says(lambda query: len(good(query)).to_bytes(2, "big") + good(query), end=False)
    assert probe(raw, tmp_path).error is None


def test_a_stream_that_is_reset(tmp_path: Path) -> None:
    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            connection.reset_stream(event.stream_id, 4)

    probed = probe(behave, tmp_path)
    assert probed.failure == "quic.closed"
    assert "DOQ_EXCESSIVE_LOAD" in probed.detail


def test_a_connection_that_is_closed(tmp_path: Path) -> None:
    """At once, and not when the draining period ends."""

    def behave(connection: QuicConnection, event: QuicEvent) -> None:
        if isinstance(event, StreamDataReceived):
            connection.close(error_code=2, reason_phrase="go away")

    probed = probe(behave, tmp_path)
    assert probed.failure == "quic.closed"
    assert probed.detail == "the peer closed the connection, DOQ_PROTOCOL_ERROR: 'go away'"
