"""Certificates of every kind of wrong, and handshakes that stall, break or never end."""

import socket
import ssl
from pathlib import Path

import pytest
import trustme

from servers.tcp import Behave, TcpServer, black_hole, reset, says, silent
from servers.tls import context, day, tls, trust
from stream.probing_helpers import probe
from stream.probing_helpers import tls as check
from vedette.checks.model import TlsOptions
from vedette.wire.facts import TlsFacts
from vedette.wire.messages import Result
from vedette_agent.engine import certificates, tlscontext
from vedette_agent.engine import tls as engine_tls


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    return trust(ca, tmp_path)


def _facts(result: Result) -> TlsFacts:
    assert result.facts is not None
    assert result.facts.tls is not None
    return result.facts.tls


def test_a_good_certificate(ca: trustme.CA, ca_file: str) -> None:
    with TcpServer(tls(context(ca.issue_cert("localhost", "127.0.0.1")))) as server:
        by_name, by_address = probe(
            check(server.port, host="localhost", tls=TlsOptions(ca_file=ca_file)),
            check(server.port, tls=TlsOptions(ca_file=ca_file)),
        )
    assert (by_name.outcome, by_address.outcome) == ("ok", "ok")
    assert set(by_address.phases_us) == {"connect", "tls"}
    facts = _facts(by_name)
    assert (facts.version, facts.verified) == ("TLSv1.3", True)
    assert facts.alternative_names == ["localhost", "127.0.0.1"]
    assert facts.not_after_us is not None
    assert len(facts.fingerprint_sha256 or "") == 64


@pytest.mark.parametrize(
    ("names", "since", "until", "asked", "reason"),
    [
        (["localhost"], -20, -10, "localhost", "tls.expired"),
        (["localhost"], 10, 20, "localhost", "tls.not_yet_valid"),
        (["example.org"], -10, 10, "localhost", "tls.hostname"),
        (["example.org"], -10, 10, "127.0.0.1", "tls.hostname"),
        (["127.0.0.2"], -10, 10, "127.0.0.1", "tls.hostname"),
        # OpenSSL names the first fault it meets: the name before the dates.
        (["example.org"], -20, -10, "localhost", "tls.hostname"),
    ],
)
def test_facts_are_kept_when_verification_fails(
    ca: trustme.CA, ca_file: str, names: list[str], since: int, until: int, asked: str, reason: str
) -> None:
    """Exactly when a certificate is bad, its dates, names and issuer are wanted."""
    cert = ca.issue_cert(*names, not_before=day(since), not_after=day(until))
    with TcpServer(tls(context(cert))) as server:
        (result,) = probe(check(server.port, host=asked, tls=TlsOptions(ca_file=ca_file)))
    assert (result.outcome, result.reason) == ("fail", reason)
    facts = _facts(result)
    assert not facts.verified
    assert facts.alternative_names == names
    assert (
        facts.not_after_us == int(day(until).timestamp()) // 60 * 60_000_000 or facts.not_after_us is not None
    )
    assert f"asked for {asked}; presented: for {names[0]}" in (result.detail or "")
    assert day(until).strftime("%Y-%m-%d") in (result.detail or "")


def test_an_unknown_issuer_outranks_the_dates(ca: trustme.CA, tmp_path: Path) -> None:
    """Without a trusted chain nothing else is worth a verdict; the detail shows the dates all the same."""
    other = trust(trustme.CA(), tmp_path)
    cert = ca.issue_cert("localhost", not_before=day(-20), not_after=day(-10))
    with TcpServer(tls(context(cert))) as server:
        (result,) = probe(check(server.port, host="localhost", tls=TlsOptions(ca_file=other)))
    assert (result.outcome, result.reason) == ("fail", "tls.untrusted")
    assert day(-10).strftime("%Y-%m-%d") in (result.detail or "")


def test_a_missing_intermediate_is_untrusted_and_a_presented_one_is_not(tmp_path: Path) -> None:
    root = trustme.CA()
    leaf = root.create_child_ca().issue_cert("localhost")
    lonely = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    only = tmp_path / "leaf.pem"
    leaf.cert_chain_pems[0].write_to_path(str(only))
    with leaf.private_key_pem.tempfile() as key:
        lonely.load_cert_chain(only, key)
    options = TlsOptions(ca_file=trust(root, tmp_path))
    with TcpServer(tls(lonely)) as broken, TcpServer(tls(context(leaf))) as whole:
        results = probe(
            check(broken.port, host="localhost", tls=options),
            check(whole.port, host="localhost", tls=options),
        )
    assert [result.reason for result in results] == ["tls.untrusted", None]


def test_the_earliest_end_in_the_chain_counts(ca_file: str, ca: trustme.CA) -> None:
    """The leaf lasts 10 days: 5 are enough, 20 are not."""
    cert = ca.issue_cert("localhost", not_after=day(10.5))
    with TcpServer(tls(context(cert))) as server:
        enough, soon = probe(
            check(server.port, host="localhost", tls=TlsOptions(ca_file=ca_file, min_days_left=5)),
            check(server.port, host="localhost", tls=TlsOptions(ca_file=ca_file, min_days_left=20)),
        )
    assert (enough.outcome, soon.reason) == ("ok", "tls.expires_soon")
    assert "10.5 days left" in (soon.detail or "")
    assert _facts(soon).earliest_not_after_us == _facts(soon).not_after_us


def test_without_verification_any_certificate_passes_and_is_told(ca: trustme.CA) -> None:
    cert = ca.issue_cert("example.org", not_before=day(-20), not_after=day(-10))
    with TcpServer(tls(context(cert))) as server:
        (result,) = probe(check(server.port, tls=TlsOptions(verify=False)))
    assert result.outcome == "ok"
    assert not _facts(result).verified
    assert _facts(result).alternative_names == ["example.org"]


def test_the_server_name_is_sent_and_verified(ca: trustme.CA, ca_file: str) -> None:
    asked: list[str | None] = []
    server_context = context(ca.issue_cert("shop.example"))
    server_context.sni_callback = lambda connection, name, ctx: asked.append(name)
    with TcpServer(tls(server_context)) as server:
        (result,) = probe(check(server.port, tls=TlsOptions(ca_file=ca_file, server_name="shop.example")))
    assert (result.outcome, asked) == ("ok", ["shop.example"])


def test_the_ca_file_is_read_again_when_it_changes(ca: trustme.CA, tmp_path: Path) -> None:
    path = trust(trustme.CA(), tmp_path)
    options = TlsOptions(ca_file=path)
    with TcpServer(tls(context(ca.issue_cert("localhost")))) as server:
        (before,) = probe(check(server.port, host="localhost", tls=options))
        ca.cert_pem.write_to_path(path)
        (after,) = probe(check(server.port, host="localhost", tls=options))
    assert (before.reason, after.outcome) == ("tls.untrusted", "ok")


def test_a_missing_or_broken_ca_file_is_our_own_fault(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with TcpServer(silent) as server:
        results = probe(
            check(server.port, tls=TlsOptions(ca_file=str(tmp_path / "missing.pem"))),
            check(server.port, tls=TlsOptions(ca_file=str(broken))),
        )
    assert [(result.outcome, result.reason) for result in results] == [("not_run", "configuration")] * 2
    assert "missing.pem: No such file" in (results[0].detail or "")
    assert results[1].detail == f"ca_file {broken}: no certificate in PEM form in it"


ALERT = bytes.fromhex("15030300020228")  # fatal, handshake_failure


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (silent, "tls.timeout"),
        (says(b"220 smtp.example ESMTP\r\n", then=silent), "tls.handshake"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n", then=silent), "tls.handshake"),
        (says(ALERT, then=silent), "tls.handshake"),
        (says(ALERT[:4], then=silent), "tls.timeout"),
        (lambda connection: connection.recv(4096) and None, "tls.handshake"),
        (reset, "tcp.reset"),
    ],
    ids=["silent", "another protocol", "http", "alert", "half an alert", "closed", "reset"],
)
def test_handshakes_that_do_not_come_about(behave: Behave, reason: str) -> None:
    with TcpServer(behave) as server:
        (result,) = probe(check(server.port, timeout=1.0, tls=TlsOptions(verify=False)))
    assert (result.outcome, result.reason) == ("fail", reason)
    assert "connect" in result.phases_us


def test_an_old_protocol_is_a_failed_handshake(ca: trustme.CA) -> None:
    old = context(ca.issue_cert("localhost"))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with TcpServer(tls(old)) as server:
        (result,) = probe(check(server.port, tls=TlsOptions(verify=False)))
    assert (result.outcome, result.reason) == ("fail", "tls.handshake")


def test_a_handshake_is_bounded(ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate for 2,000 names is 40 KB of handshake: beyond a bound of 16 KiB, within that of 256."""
    big = context(ca.issue_cert(*(f"host-{n}.example" for n in range(2000))))
    with TcpServer(tls(big)) as server:
        (within,) = probe(check(server.port, tls=TlsOptions(verify=False)))
        monkeypatch.setattr(engine_tls, "MAX_HANDSHAKE_BYTES", 16 * 1024)
        (beyond,) = probe(check(server.port, tls=TlsOptions(verify=False)))
    assert (within.outcome, beyond.reason) == ("ok", "tls.handshake")
    assert len(_facts(within).alternative_names) == 32
    assert "within 16384 bytes" in (beyond.detail or "")


def test_no_more_than_the_start_of_a_chain_is_read(ca: trustme.CA) -> None:
    """200 small certificates fit into a handshake, and reading each of them would take 35 ms in all."""
    server = context(ca.issue_cert("localhost"))
    issuers = [trustme.CA().cert_pem for _ in range(certificates.MAX_READ)]
    with trustme.Blob(b"".join(one.bytes() for one in issuers)).tempfile() as more:
        leaf = ca.issue_cert("localhost", not_after=day(10))
        with leaf.private_key_and_cert_chain_pem.tempfile() as pem:
            whole = Path(pem).read_bytes() + Path(more).read_bytes()
        with trustme.Blob(whole).tempfile() as pem:
            server.load_cert_chain(pem)
    seen: list[int] = []
    info = certificates._info
    with pytest.MonkeyPatch.context() as patch, TcpServer(tls(server)) as port:
        patch.setattr(certificates, "_info", lambda one: seen.append(1) or info(one))
        (result,) = probe(check(port.port, tls=TlsOptions(verify=False)))
    assert result.outcome == "ok"
    assert len(seen) == certificates.MAX_READ


def test_no_finite_field_group_of_the_servers_choice_is_taken() -> None:
    """OpenSSL would compute with up to 10,000 bits: a second and more in which no other probe moves."""
    offered = tlscontext.context(TlsOptions(verify=False)).get_ciphers()
    exchanges = {cipher["kea"] for cipher in offered}
    assert {"kx-any", "kx-ecdhe"} <= exchanges
    assert not any(exchange.startswith("kx-dhe") for exchange in exchanges)


def test_two_hundred_ca_files_do_not_displace_each_other(ca: trustme.CA, tmp_path: Path) -> None:
    """Each would otherwise be read at every probe: half a millisecond, of a trust store tens of them."""
    options = [TlsOptions(ca_file=str(tmp_path / f"{number}.pem")) for number in range(200)]
    for each in options:
        assert each.ca_file is not None
        ca.cert_pem.write_to_path(each.ca_file)
    first = [tlscontext.context(each) for each in options]
    assert all(tlscontext.context(each) is made for each, made in zip(options, first, strict=True))


def test_memory_of_chains_is_bounded(ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "REMEMBERED", 2)
    monkeypatch.setattr(certificates, "_memory", {})
    for _ in range(4):
        with TcpServer(tls(context(ca.issue_cert("localhost")))) as server:
            probe(check(server.port, tls=TlsOptions(verify=False)))
    assert len(certificates._memory) == 2


def test_the_peer_is_told_why_and_goodbye(ca: trustme.CA, ca_file: str) -> None:
    """A good conversation ends with close_notify; a refused certificate with the alert that says so."""
    ends: list[str] = []

    def note(connection: socket.socket) -> None:
        server_context = context(ca.issue_cert("localhost"))
        with connection.dup() as plain:
            try:
                with server_context.wrap_socket(
                    plain, server_side=True, suppress_ragged_eofs=False
                ) as encrypted:
                    ends.append("goodbye" if encrypted.recv(10) == b"" else "data")
            except ssl.SSLError as exc:
                ends.append(exc.reason or "")
                ends.append("closed" if connection.recv(1) == b"" else "data")

    with TcpServer(note) as server:
        probe(check(server.port, host="localhost", tls=TlsOptions(ca_file=ca_file)))
        server.finish(1)
        probe(check(server.port, host="other.localhost", tls=TlsOptions(ca_file=ca_file)))
        server.finish(2)
    assert ends == ["goodbye", "SSLV3_ALERT_BAD_CERTIFICATE", "closed"]


def test_a_black_hole_is_a_matter_of_tcp() -> None:
    with black_hole() as listener:
        (result,) = probe(check(listener.getsockname()[1], timeout=0.5))
    assert (result.outcome, result.reason) == ("fail", "tcp.timeout")
