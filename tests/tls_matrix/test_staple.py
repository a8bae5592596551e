"""The stapled OCSP response: who may have signed it, how old it may be, and what real servers staple."""

import datetime
import select
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("OpenSSL", reason="pyOpenSSL, of the extra `ocsp`, is not installed")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from servers.certificates import Issued, issued, trusted
from servers.tcp import TcpServer
from stream.probing_helpers import probe
from stream.probing_helpers import tls as check
from vedette.checks.model import TlsOptions
from vedette_agent import staple
from vedette_agent.staple import BadStaple, judged

NOW = datetime.datetime.now(datetime.UTC)
GOOD, REVOKED, UNKNOWN = (
    ocsp.OCSPCertStatus.GOOD,
    ocsp.OCSPCertStatus.REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN,
)


@pytest.fixture(scope="module")
def ca() -> Issued:
    return issued(is_ca=True, common_name="ca")


@pytest.fixture(scope="module")
def leaf(ca: Issued) -> Issued:
    return issued("localhost", by=ca)


def response(
    leaf: Issued,
    ca: Issued,
    *,
    status: ocsp.OCSPCertStatus = GOOD,
    since: float = -1,
    until: float | None = 24,
    signer: Issued | None = None,
    brings: bool = True,
) -> bytes:
    """*since*, *until*: hours from now. *signer* signs in place of the CA, and *brings* its certificate."""
    by = signer or ca
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf.certificate,
        ca.certificate,
        hashes.SHA1(),
        status,
        NOW + datetime.timedelta(hours=since),
        None if until is None else NOW + datetime.timedelta(hours=until),
        NOW - datetime.timedelta(days=2) if status is REVOKED else None,
        x509.ReasonFlags.key_compromise if status is REVOKED else None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    if signer is not None and brings:
        builder = builder.certificates([signer.certificate])
    made = builder.sign(by.key, hashes.SHA256())  # type: ignore[arg-type]
    return made.public_bytes(serialization.Encoding.DER)


def test_what_it_says(ca: Issued, leaf: Issued) -> None:
    chain = [leaf.der, ca.der]
    assert judged(response(leaf, ca), leaf.der, chain, NOW).status == "good"
    revoked = judged(response(leaf, ca, status=REVOKED), leaf.der, chain, NOW)
    assert revoked.status == "revoked"
    assert "keyCompromise" in revoked.said
    assert judged(response(leaf, ca, status=UNKNOWN), leaf.der, chain, NOW).status == "unknown"
    undated = judged(response(leaf, ca, until=None), leaf.der, chain, NOW)
    assert (undated.status, undated.next_update) == ("good", None)


def test_a_responder_that_the_issuer_named_may_sign(ca: Issued, leaf: Issued) -> None:
    named = issued(by=ca, common_name="responder", uses=[ExtendedKeyUsageOID.OCSP_SIGNING])
    assert judged(response(leaf, ca, signer=named), leaf.der, [ca.der], NOW).status == "good"


def test_whom_a_certificate_is_for(ca: Issued) -> None:
    named = issued("a.example", "*.b.example", "127.0.0.1", "::1", by=ca).der
    for host in ("a.example", "A.Example.", "x.b.example", "127.0.0.1", "::1"):
        assert staple.is_for(named, host, NOW), host
    for host in ("b.example", "x.y.b.example", "x.a.example", "example", "127.0.0.2", "", "."):
        assert not staple.is_for(named, host, NOW), host
    assert not staple.is_for(issued("a.example", by=ca, since=-9, until=-1).der, "a.example", NOW)
    assert not staple.is_for(issued(by=ca).der, "a.example", NOW)
    assert not staple.is_for(b"junk", "a.example", NOW)


def test_what_proves_nothing(ca: Issued, leaf: Issued) -> None:
    other = issued(is_ca=True, common_name="ca")
    unnamed = issued(by=ca, common_name="server", uses=[ExtendedKeyUsageOID.SERVER_AUTH])
    stranger = issued(by=other, common_name="stranger", uses=[ExtendedKeyUsageOID.OCSP_SIGNING])
    past = issued(by=ca, since=-9, until=-1, uses=[ExtendedKeyUsageOID.OCSP_SIGNING])
    busy = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    good = response(leaf, ca)
    forged = good[:-3] + bytes((good[-3] ^ 1,)) + good[-2:]
    for data, said in [
        (response(leaf, ca, signer=unnamed), "not signed by"),
        (response(leaf, ca, signer=stranger), "not signed by"),
        (response(leaf, ca, signer=past), "not signed by"),
        (response(leaf, other), "about another certificate"),
        (response(issued("localhost", by=ca), ca), "about another certificate"),
        (response(leaf, ca, since=1), "of the future"),
        (response(leaf, ca, since=-48, until=-24), "too old"),
        (response(leaf, ca, since=-48, until=None), "too old"),
        (busy.public_bytes(serialization.Encoding.DER), "try_later"),
        (forged, "not signed by"),
        (b"0\x84\xff\xff\xff\xff", "cannot be read"),
    ]:
        with pytest.raises(BadStaple, match=said):
            judged(data, leaf.der, [leaf.der, ca.der], NOW)
    with pytest.raises(BadStaple, match="not in the chain"):
        judged(good, leaf.der, [leaf.der, other.der], NOW)


def test_no_more_than_the_start_of_a_response_is_looked_at(
    ca: Issued, leaf: Issued, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of entries fit into a handshake, and each costs a digest or a signature."""
    named = issued(by=ca, common_name="responder", uses=[ExtendedKeyUsageOID.OCSP_SIGNING])
    monkeypatch.setattr(staple, "MAX_SIGNERS", 0)
    with pytest.raises(BadStaple, match="not signed by"):
        judged(response(leaf, ca, signer=named), leaf.der, [ca.der], NOW)
    monkeypatch.setattr(staple, "MAX_RESPONSES", 0)
    with pytest.raises(BadStaple, match="about another certificate"):
        judged(response(leaf, ca), leaf.der, [ca.der], NOW)


def test_no_more_than_a_few_issuers_of_one_name_are_tried(ca: Issued, leaf: Issued) -> None:
    """A peer that is not verified may bring a hundred, and choose keys with which each costs 7 ms."""
    wrong = [issued(is_ca=True, common_name="ca").der for _ in range(staple.MAX_ISSUERS)]
    good = response(leaf, ca)
    assert judged(good, leaf.der, [leaf.der, *wrong[1:], ca.der], NOW).status == "good"
    with pytest.raises(BadStaple, match="not in the chain"):
        judged(good, leaf.der, [leaf.der, *wrong, ca.der], NOW)


def test_keys_that_cost_much_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    ca = issued(is_ca=True, common_name="ca", rsa_bits=2048)
    leaf = issued("localhost", by=ca)
    assert judged(response(leaf, ca), leaf.der, [ca.der], NOW).status == "good"
    monkeypatch.setattr(staple, "MAX_EXPONENT_BITS", 16)
    with pytest.raises(BadStaple, match="not in the chain"):
        judged(response(leaf, ca), leaf.der, [ca.der], NOW)


@contextmanager
def stapling(directory: Path, leaf: Issued, ca: Issued, response: bytes | None) -> Iterator[int]:
    """`openssl s_server` with this staple; its port."""
    (directory / "leaf.pem").write_bytes(leaf.pem)
    (directory / "leaf.key").write_bytes(leaf.key_pem)
    (directory / "ca.pem").write_bytes(ca.pem)
    command = [
        *("openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "50"),
        *("-cert", "leaf.pem", "-key", "leaf.key", "-chainCAfile", "ca.pem"),
    ]
    if response is not None:
        (directory / "staple").write_bytes(response)
        command += ["-status_file", "staple"]
    with subprocess.Popen(
        command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as server:
        try:
            assert server.stdout is not None
            lines = iter(server.stdout.readline, b"")
            yield next(int(line.rpartition(b":")[2]) for line in lines if line.startswith(b"ACCEPT"))
        finally:
            server.kill()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    ("status", "asked", "reason", "told"),
    [
        (GOOD, "good", None, "good"),
        (REVOKED, "good", "tls.revoked", "revoked"),
        (REVOKED, "present", "tls.revoked", "revoked"),
        (UNKNOWN, "good", "tls.ocsp", "unknown"),
        (UNKNOWN, "present", None, "unknown"),
        (None, "present", "tls.ocsp", "missing"),
    ],
)
def test_a_real_server(
    status: ocsp.OCSPCertStatus | None,
    asked: str,
    reason: str | None,
    told: str,
    ca: Issued,
    leaf: Issued,
    tmp_path: Path,
) -> None:
    stapled = None if status is None else response(leaf, ca, status=status)
    options = TlsOptions(ca_file=trusted(tmp_path, ca))
    with stapling(tmp_path, leaf, ca, stapled) as port:
        (result,) = probe(check(port, host="localhost", timeout=20.0, tls=options, ocsp=asked))
        (refused,) = probe(
            check(port, host="localhost", timeout=20.0, tls=options, ocsp="good", must_refuse="revoked")
        )
    assert result.reason == reason, result.detail
    assert result.facts is not None
    assert result.facts.tls is not None
    assert result.facts.tls.ocsp == told
    assert (result.facts.tls.ocsp_next_update_us is None) == (status is None)
    assert (refused.outcome == "ok") == (status is REVOKED), refused.detail
    assert refused.clock == result.clock  # the handshake is timed once, and the second connection not at all


def test_a_staple_of_another_time_is_invalid(ca: Issued, leaf: Issued, tmp_path: Path) -> None:
    with stapling(tmp_path, leaf, ca, response(leaf, ca, since=-48, until=-24)) as port:
        options = TlsOptions(ca_file=trusted(tmp_path, ca))
        wanted = check(port, host="localhost", timeout=20.0, tls=options, ocsp="present")
        (result,) = probe(wanted)
        (doubted,) = probe(wanted, is_clock_wrong=True)
    assert result.reason == "tls.ocsp"
    assert "too old" in (result.detail or "")
    assert doubted.reason == "clock"


def _carried(connection: socket.socket, port: int) -> None:
    """To *port* and back, until one side ends."""
    with socket.create_connection(("127.0.0.1", port)) as there:
        pairs = {connection: there, there: connection}
        while True:
            for readable in select.select(list(pairs), [], [], 20.0)[0]:
                data = readable.recv(65536)
                if not data:
                    return
                pairs[readable].sendall(data)


def test_a_staple_of_another_certificate_proves_nothing(ca: Issued, leaf: Issued, tmp_path: Path) -> None:
    """Who has lost a certificate to its revocation may have one for another name, and its good staple."""
    other = issued("other.example", by=ca)
    renewed = issued("localhost", by=ca)
    for second, reason in ((other, "tls.ocsp"), (renewed, None)):
        ports: list[int] = []

        def behave(connection: socket.socket, ports: list[int] = ports) -> None:
            _carried(connection, ports.pop(0))

        first_at, second_at = tmp_path / f"{reason}-1", tmp_path / f"{reason}-2"
        first_at.mkdir()
        second_at.mkdir()
        with (
            stapling(first_at, leaf, ca, response(leaf, ca, status=REVOKED)) as first_port,
            stapling(second_at, second, ca, response(second, ca)) as second_port,
            TcpServer(behave) as server,
        ):
            ports += [first_port, second_port]
            options = TlsOptions(ca_file=trusted(tmp_path, ca))
            (result,) = probe(check(server.port, host="localhost", timeout=20.0, tls=options, ocsp="good"))
        assert result.reason == reason, result.detail


def test_who_accepts_and_then_hangs_up_has_not_refused(ca: Issued, leaf: Issued, tmp_path: Path) -> None:
    """Only what the first handshake ends with is a refusal, and after it the staple that says revoked."""
    ports: list[int] = []

    def behave(connection: socket.socket) -> None:
        if ports:
            _carried(connection, ports.pop())

    with stapling(tmp_path, leaf, ca, response(leaf, ca)) as port, TcpServer(behave) as server:
        ports.append(port)
        options = TlsOptions(ca_file=trusted(tmp_path, ca))
        (result,) = probe(
            check(server.port, host="localhost", timeout=20.0, tls=options, ocsp="good", must_refuse="any")
        )
    assert result.outcome == "fail", result
