"""What a TLS check offers, demands and expects to be refused."""

import random
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servers.certificates import Issued, issued, serving, trusted
from servers.tcp import Behave, TcpServer, reset, says, silent
from servers.tls import tls
from stream.probing_helpers import probe, tcp
from stream.probing_helpers import tls as check
from vedette.checks.model import TlsOptions
from vedette.wire.facts import TlsFacts
from vedette.wire.messages import Result
from vedette_agent.der import key_facts

OLD = TlsOptions(verify=False, max_version="TLSv1.1")


@pytest.fixture(scope="module")
def ca() -> Issued:
    return issued(is_ca=True, common_name="root")


@pytest.fixture
def options(ca: Issued, tmp_path: Path) -> Callable[..., TlsOptions]:
    ca_file = trusted(tmp_path, ca)
    return lambda **more: TlsOptions(ca_file=ca_file, **more)


@pytest.fixture
def server(ca: Issued, tmp_path: Path) -> ssl.SSLContext:
    return serving(tmp_path, issued("localhost", by=ca), ca)


def facts(result: Result) -> TlsFacts:
    assert result.facts is not None
    assert result.facts.tls is not None
    return result.facts.tls


def at_most(server: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = ssl.TLSVersion.TLSv1
        server.maximum_version = version
    return server


def files(directory: Path, identity: Issued) -> dict[str, str]:
    (directory / "client.pem").write_bytes(identity.pem)
    (directory / "client.key").write_bytes(identity.key_pem)
    return {"cert_file": str(directory / "client.pem"), "key_file": str(directory / "client.key")}


def test_facts_of_the_presented_and_of_the_verified_chain(ca: Issued, options: Any, tmp_path: Path) -> None:
    """Presented: leaf, intermediate and a stranger that ends first. Verified: leaf, intermediate, root."""
    middle = issued(by=ca, is_ca=True, common_name="middle", until=5)
    leaf = issued("localhost", by=middle, until=9, rsa_bits=2048)
    stranger = issued(is_ca=True, until=2)
    with TcpServer(tls(serving(tmp_path, leaf, middle, stranger))) as listening:
        good, bad = probe(
            check(listening.port, host="localhost", tls=options()),
            check(listening.port, host="127.0.0.1", tls=options()),
        )
    seen = facts(good)
    assert (seen.presented, seen.chain, seen.key_type, seen.key_bits) == (3, 3, "RSA", 2048)
    assert seen.signature_algorithm == "ecdsa-with-SHA256"
    assert seen.earliest_not_after_us == _us(stranger)
    assert seen.chain_not_after_us == _us(middle)
    assert bad.reason == "tls.hostname"
    refused = facts(bad)
    assert (refused.presented, refused.chain, refused.chain_not_after_us) == (3, 0, None)
    assert refused.key_bits == 2048


def _us(one: Issued) -> int:
    return int(one.certificate.not_valid_after_utc.timestamp()) * 1_000_000


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_is_shown_and_its_refusal_seen(
    version: ssl.TLSVersion, ca: Issued, server: ssl.SSLContext, options: Any, tmp_path: Path
) -> None:
    """With TLS 1.3 the server's word comes after our own handshake has ended."""
    server.minimum_version = server.maximum_version = version
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(trusted(tmp_path, ca))
    known = files(tmp_path, issued(by=ca, common_name="client"))
    (tmp_path / "other").mkdir()
    unknown = files(tmp_path / "other", issued(by=issued(is_ca=True), common_name="other"))
    with TcpServer(tls(server)) as listening:
        taken, refused, wanted, talk = probe(
            check(listening.port, host="localhost", tls=options(**known)),
            check(listening.port, host="localhost", tls=options(**unknown)),
            check(listening.port, host="localhost", tls=options(), must_refuse="handshake"),
            tcp(listening.port, host="localhost", tls=options(**known)),
        )
    assert (taken.outcome, talk.outcome) == ("ok", "ok"), taken.detail
    assert refused.reason in ("tls.handshake", "tcp.reset"), refused.detail
    assert wanted.outcome == "ok", wanted.detail


def test_files_that_cannot_be_used_are_our_own_fault(ca: Issued, tmp_path: Path) -> None:
    mine = files(tmp_path, issued(by=ca))
    (tmp_path / "locked.key").write_bytes(
        b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
        + b"0" * 32
        + b"\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    )
    (tmp_path / "another.key").write_bytes(issued().key_pem)
    with TcpServer(silent) as listening:
        results = probe(
            *(
                check(
                    listening.port, tls=TlsOptions(verify=False, **{**mine, "key_file": str(tmp_path / name)})
                )
                for name in ("missing.key", "locked.key", "another.key")
            ),
            check(listening.port, tls=TlsOptions(verify=False, max_version="TLSv1.2", ciphers=("NO-SUCH",))),
        )
    assert [(result.outcome, result.reason) for result in results] == [("not_run", "configuration")] * 4
    told = [result.detail or "" for result in results]
    assert "missing.key: No such file" in told[0]
    assert "unencrypted key" in told[1]
    assert "the key is of another certificate" in told[2]
    assert "knows none of the ciphers NO-SUCH" in told[3]


def test_a_client_certificate_that_is_renewed_is_read_again(
    ca: Issued, server: ssl.SSLContext, tmp_path: Path
) -> None:
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(trusted(tmp_path, ca))
    both = tmp_path / "both.pem"  # a file with the key in it
    identities = [issued(by=issued(is_ca=True)), issued(by=ca, common_name="client")]
    results = []
    with TcpServer(tls(server)) as listening:
        for one in identities:
            both.write_bytes(one.pem + one.key_pem)
            results += probe(check(listening.port, tls=TlsOptions(verify=False, cert_file=str(both))))
        apart = files(tmp_path, identities[1])
        results += probe(check(listening.port, tls=TlsOptions(verify=False, **apart)))
    (tmp_path / "client.key").write_bytes(issued().key_pem)  # of no certificate that is there
    with TcpServer(silent) as listening:
        results += probe(check(listening.port, tls=TlsOptions(verify=False, **apart)))
    assert [one.outcome for one in results] == ["fail", "ok", "ok", "not_run"]


def test_what_is_agreed_on_is_expected(server: ssl.SSLContext, options: Any) -> None:
    server.set_alpn_protocols(["http/1.1", "h2"])

    def row(**more: Any) -> Any:
        return check(listening.port, host="localhost", tls=options(), alpn=("h2", "http/1.1"), **more)

    with TcpServer(tls(server)) as listening:
        good, version, cipher, alpn = probe(
            row(versions=("TLSv1.3",), cipher_matches="^TLS_", protocols=("h2", "http/1.1")),
            row(versions=("TLSv1.2",)),
            row(cipher_matches="NULL"),
            row(protocols=("h2",)),
        )
    assert good.outcome == "ok", good.detail
    assert facts(good).alpn == "http/1.1"
    assert [one.reason for one in (version, cipher, alpn)] == ["tls.expect"] * 3
    assert "expected TLSv1.2; TLSv1.3 with TLS_" in (version.detail or "")
    assert "expected ALPN h2" in (alpn.detail or "")


def test_versions_and_ciphers_are_bounded_as_asked(server: ssl.SSLContext, options: Any) -> None:
    only = "ECDHE-ECDSA-AES128-GCM-SHA256"
    with TcpServer(tls(server)) as listening:
        newest, older, chosen = probe(
            check(listening.port, host="localhost", tls=options(min_version="TLSv1.3")),
            check(listening.port, host="localhost", tls=options(max_version="TLSv1.2")),
            check(listening.port, host="localhost", tls=options(max_version="TLSv1.2", ciphers=(only,))),
        )
    assert [facts(one).version for one in (newest, older, chosen)] == ["TLSv1.3", "TLSv1.2", "TLSv1.2"]
    assert facts(chosen).cipher == only


def test_what_is_too_old_can_be_asked_for(server: ssl.SSLContext, options: Any) -> None:
    """The same server with TLS 1.0 is reached by a check that offers it, and by no other."""
    with TcpServer(tls(at_most(server, ssl.TLSVersion.TLSv1))) as listening:
        asked, expecting, unasked = probe(
            check(listening.port, host="localhost", tls=options(max_version="TLSv1.0")),
            check(
                listening.port, host="localhost", tls=options(min_version="TLSv1.0"), versions=("TLSv1.0",)
            ),
            check(listening.port, host="localhost", tls=options()),
        )
    assert (asked.outcome, expecting.outcome) == ("ok", "ok"), asked.detail
    assert unasked.reason == "tls.handshake"


def test_an_expected_refusal_is_a_success(ca: Issued, options: Any, tmp_path: Path) -> None:
    """One certificate, expired. The right refusal is ok, with its facts; another one and none are not."""
    gone = serving(tmp_path, issued("localhost", by=ca, since=-9, until=-1))
    with TcpServer(tls(gone)) as listening:

        def row(host: str = "localhost", **more: Any) -> Any:
            return check(listening.port, host=host, **{"tls": options(), **more})

        expired, any_way, wrong, named, taken = probe(
            row(must_refuse="expired"),
            row(must_refuse="any"),
            row(must_refuse="untrusted"),
            row(host="127.0.0.1", must_refuse="expired"),
            row(must_refuse="handshake", tls=TlsOptions(verify=False)),
        )
    assert (expired.outcome, any_way.outcome) == ("ok", "ok"), expired.detail
    assert facts(expired).not_after_us is not None
    assert not facts(expired).verified
    for met in (expired, any_way):
        assert (facts(met).refused or "").startswith("expired: certificate has expired; asked for localhost;")
    assert facts(wrong).refused is None
    assert set(expired.phases_us) == {"connect", "tls"}
    assert wrong.reason == "tls.expired"
    assert "expected to be refused as untrusted" in (wrong.detail or "")
    assert named.reason == "tls.hostname"
    assert taken.reason == "tls.accepted"
    assert "expected to be refused as handshake: TLSv1.3 with" in (taken.detail or "")


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (says(bytes.fromhex("15030300020246"), then=silent), None),  # alert: protocol_version
        (lambda connection: connection.recv(4096) and None, None),
        (reset, None),
        (silent, "tls.timeout"),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n", then=silent), "tls.handshake"),
    ],
    ids=["alert", "closed", "reset", "silent", "no TLS"],
)
def test_a_port_that_must_refuse_old_versions(behave: Behave, reason: str | None) -> None:
    """Who says nothing has not refused, nor has who speaks something else."""
    with TcpServer(behave) as listening:
        timeout = 0.7 if reason == "tls.timeout" else 20.0
        (result,) = probe(check(listening.port, timeout=timeout, tls=OLD, must_refuse="handshake"))
    assert result.reason == reason, result.detail


def test_a_server_that_still_takes_old_versions_is_caught(server: ssl.SSLContext) -> None:
    with TcpServer(tls(at_most(server, ssl.TLSVersion.TLSv1_1))) as listening:
        (result,) = probe(check(listening.port, tls=OLD, must_refuse="any"))
    assert result.reason == "tls.accepted"
    assert "TLSv1.1 with" in (result.detail or "")


def test_who_keeps_the_connection_has_accepted(server: ssl.SSLContext) -> None:
    """A peer that answers a goodbye with silence is waited for until the deadline, and no longer."""

    def keep(connection: socket.socket) -> None:
        with server.wrap_socket(connection.dup(), server_side=True):
            silent(connection)

    server.num_tickets = 0
    with TcpServer(keep) as listening:
        (result,) = probe(check(listening.port, timeout=0.7, tls=TlsOptions(verify=False), must_refuse="any"))
    assert result.reason == "tls.accepted"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize(
    ("command", "key_type", "bits", "signature"),
    [
        ("-newkey ed25519", "Ed25519", 256, "ed25519"),
        ("-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha384", "EC", 384, "ecdsa-with-SHA384"),
        ("-newkey rsa:3072 -sha512", "RSA", 3072, "sha512WithRSAEncryption"),
        ("-newkey rsa:2048 -sigopt rsa_padding_mode:pss", "RSA", 2048, "rsassaPss"),
    ],
)
def test_keys_and_signatures_are_named(
    command: str, key_type: str, bits: int, signature: str, tmp_path: Path
) -> None:
    make = f"openssl req -x509 -nodes {command} -keyout k.pem -out c.der -outform DER -subj /CN=x"
    subprocess.run(make.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    der = (tmp_path / "c.der").read_bytes()
    assert key_facts(der) == (key_type, bits, signature)
    for end in range(len(der)):
        with pytest.raises(ValueError, match=r"cut short|a length"):
            key_facts(der[:end])


def test_a_mangled_certificate_is_read_or_refused(ca: Issued) -> None:
    """Nothing but ValueError flies out, whatever is turned in it; endless names are refused."""
    chance = random.Random(31)
    for _ in range(2000):
        mangled = bytearray(ca.der)
        for _ in range(chance.randrange(1, 5)):
            mangled[chance.randrange(len(mangled))] = chance.choice((0, 1, 6, 0x30, 0x7F, 0x80, 0x84, 0xFF))
        try:
            key_facts(bytes(mangled))
        except ValueError:
            pass
    with pytest.raises(ValueError, match="too long"):
        key_facts(b"\x30\x29\x30\0\x30\x25\6\x23" + b"\xff" * 35)
