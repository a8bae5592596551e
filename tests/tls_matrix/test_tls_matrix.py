"""One table of TLS servers, right and wrong in every way: each gets its verdict, soon, and at a small cost.

Rows of the first table shake hands with a real server; those of the second write records by hand.
"""

import select
import socket
import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from servers.certificates import Issued, by_openssl, issued, serving, serving_pem, trusted
from servers.tcp import Behave, TcpServer, silent
from servers.tls import tls
from stream.probing_helpers import probe
from stream.probing_helpers import tls as check
from vedette.checks.formats import host
from vedette.checks.model import TlsOptions

CPU_SECONDS = 0.5  # of a whole probe, on a slow machine; hundreds of times what a good handshake takes

Serve = Callable[[Path, Issued], ssl.SSLContext]


def _leaf(*names: str | x509.GeneralName, **more: object) -> Serve:
    return lambda directory, root: serving(directory, issued(*names, by=root, **more))  # type: ignore[arg-type]


def _chain(*, depth: int = 1, presented: bool = True, **more: object) -> Serve:
    """A leaf below *depth* intermediate CAs, of which the last has *more* to it."""

    def serve(directory: Path, root: Issued) -> ssl.SSLContext:
        above = [root]
        for number in range(depth):
            options = {"is_ca": True, **(more if number == depth - 1 else {})}
            above.append(issued(by=above[-1], common_name=f"ca {number}", **options))  # type: ignore[arg-type]
        leaf = issued("localhost", by=above[-1])
        return serving(directory, leaf, *(reversed(above[1:]) if presented else ()))

    return serve


def _many_strangers(directory: Path, root: Issued) -> ssl.SSLContext:
    stranger = issued(is_ca=True)
    return serving(directory, issued("localhost", by=root), *[stranger] * 100)


def _weak(bits: int, digest: str) -> Serve:
    def serve(directory: Path, root: Issued) -> ssl.SSLContext:
        made = serving_pem(directory, *by_openssl(directory, root, bits=bits, digest=digest))
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        return made

    return serve


def _path_too_long(directory: Path, root: Issued) -> ssl.SSLContext:
    first = issued(by=root, is_ca=True, path_length=0, common_name="first")
    second = issued(by=first, is_ca=True, common_name="second")
    return serving(directory, issued("localhost", by=second), second, first)


def _self_signed(directory: Path, root: Issued) -> ssl.SSLContext:
    return serving(directory, issued("localhost"))


def _by_another(directory: Path, root: Issued) -> ssl.SSLContext:
    return serving(directory, issued("localhost", by=issued(is_ca=True, common_name="test")))


def _demanding(version: ssl.TLSVersion) -> Serve:
    def serve(directory: Path, root: Issued) -> ssl.SSLContext:
        made = serving(directory, issued("localhost", by=root))
        made.maximum_version = version
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(trusted(directory, root))
        return made

    return serve


def _at_most(version: ssl.TLSVersion) -> Serve:
    def serve(directory: Path, root: Issued) -> ssl.SSLContext:
        made = serving(directory, issued("localhost", by=root))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            made.minimum_version = ssl.TLSVersion.TLSv1
            made.maximum_version = version
        return made

    return serve


def _no_such_name(directory: Path, root: Issued) -> ssl.SSLContext:
    made = serving(directory, issued("localhost", by=root))
    made.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return made


HANDSHAKES: list[tuple[str, Serve, str, str | None]] = [
    ("as it should be", _leaf("localhost"), "localhost", None),
    ("as it should be, with an RSA key", _leaf("localhost", rsa_bits=2048), "localhost", None),
    ("expired", _leaf("localhost", since=-9, until=-1), "localhost", "tls.expired"),
    ("not yet valid", _leaf("localhost", since=1), "localhost", "tls.not_yet_valid"),
    ("for another host", _leaf("example.org"), "localhost", "tls.hostname"),
    ("self-signed", _self_signed, "localhost", "tls.untrusted"),
    ("an unknown issuer of the same name", _by_another, "localhost", "tls.untrusted"),
    ("intermediate presented", _chain(), "localhost", None),
    ("intermediate missing", _chain(presented=False), "localhost", "tls.untrusted"),
    ("intermediate expired", _chain(since=-9, until=-1), "localhost", "tls.expired"),
    ("intermediate that is no CA", _chain(is_ca=False), "localhost", "tls.untrusted"),
    ("path length exceeded", _path_too_long, "localhost", "tls.untrusted"),
    ("name outside of the constraint", _chain(only_under="example.org"), "localhost", "tls.untrusted"),
    ("name inside of the constraint", _chain(only_under="localhost"), "localhost", None),
    ("100 certificates of strangers", _many_strangers, "localhost", None),
    ("a chain of 90", _chain(depth=90), "localhost", None),
    ("a chain of 120", _chain(depth=120), "localhost", "tls.untrusted"),
    ("3,000 names", _leaf("localhost", *(f"h{n}.test" for n in range(3000))), "localhost", None),
    (
        "10,000 names",
        _leaf("localhost", *(f"h{n}.test" for n in range(10_000))),
        "localhost",
        "tls.handshake",
    ),
    ("NUL in the name", _leaf("localhost\0.example.org"), "localhost", "tls.hostname"),
    ("NUL in the common name", _leaf(common_name="localhost\0.example.org"), "localhost", "tls.hostname"),
    ("the common name alone", _leaf(common_name="localhost"), "localhost", "tls.hostname"),
    (
        "no name but an e-mail address",
        _leaf(x509.RFC822Name("a@localhost"), common_name="localhost"),
        "localhost",
        "tls.hostname",
    ),
    ("wildcard", _leaf("*.example.localhost"), "a.example.localhost", None),
    ("wildcard two labels away", _leaf("*.example.localhost"), "a.b.example.localhost", "tls.hostname"),
    ("wildcard for the name above", _leaf("*.example.localhost"), "example.localhost", "tls.hostname"),
    ("wildcard in a part of a label", _leaf("a*.example.localhost"), "ab.example.localhost", "tls.hostname"),
    ("upper case", _leaf("LOCALHOST"), "localhost", None),
    ("address", _leaf("127.0.0.1"), "127.0.0.1", None),
    ("another address", _leaf("127.0.0.2"), "127.0.0.1", "tls.hostname"),
    ("an address as a DNS name", _leaf(x509.DNSName("127.0.0.1")), "127.0.0.1", "tls.hostname"),
    ("a name in A-labels", _leaf("xn--bcher-kva.localhost"), host("bücher.localhost"), None),
    (
        "for clients only",
        _leaf("localhost", uses=[ExtendedKeyUsageOID.CLIENT_AUTH]),
        "localhost",
        "tls.untrusted",
    ),
    ("signed with SHA-1", _weak(2048, "sha1"), "localhost", "tls.untrusted"),
    ("signed with MD5", _weak(2048, "md5"), "localhost", "tls.untrusted"),
    ("an RSA key of 1,024 bits", _weak(1024, "sha256"), "localhost", "tls.untrusted"),
    ("an RSA key of 512 bits", _weak(512, "sha256"), "localhost", "tls.untrusted"),
    ("demands a certificate", _demanding(ssl.TLSVersion.TLSv1_2), "localhost", "tls.handshake"),
    ("TLS 1.0 only", _at_most(ssl.TLSVersion.TLSv1), "localhost", "tls.handshake"),
    ("TLS 1.1 only", _at_most(ssl.TLSVersion.TLSv1_1), "localhost", "tls.handshake"),
    ("TLS 1.2 only", _at_most(ssl.TLSVersion.TLSv1_2), "localhost", None),
    ("does not know the name", _no_such_name, "localhost", "tls.handshake"),
]


@pytest.fixture(scope="module")
def root() -> Issued:
    # RSA, since MD5 goes with no other key.
    return issued(is_ca=True, common_name="root", rsa_bits=2048)


@pytest.mark.parametrize(
    ("serve", "asked", "reason"), [row[1:] for row in HANDSHAKES], ids=[row[0] for row in HANDSHAKES]
)
def test_certificates_and_versions(
    serve: Serve, asked: str, reason: str | None, root: Issued, tmp_path: Path
) -> None:
    options = TlsOptions(ca_file=trusted(tmp_path, root), server_name=asked)
    with TcpServer(tls(serve(tmp_path, root))) as server:
        begun = time.thread_time()
        (result,) = probe(check(server.port, tls=options))
        spent = time.thread_time() - begun
    assert result.reason == reason, result.detail
    assert spent < CPU_SECONDS
    assert result.facts is not None
    if reason not in (None, "tls.handshake"):
        assert result.facts.tls is not None
        assert result.facts.tls.fingerprint_sha256 is not None
        assert not result.facts.tls.chain


def record(kind: int, data: bytes) -> bytes:
    return bytes((kind, 3, 3)) + len(data).to_bytes(2, "big") + data


def message(kind: int, data: bytes, claimed: int | None = None) -> bytes:
    return bytes((kind,)) + (len(data) if claimed is None else claimed).to_bytes(3, "big") + data


# TLS 1.2, a random of zeros, no session, ECDHE-RSA-AES128-GCM-SHA256, no compression; the extension of RFC
# 5746, without which OpenSSL reads no further.
HELLO = record(22, message(2, b"\x03\x03" + bytes(32) + b"\0\xc0\x2f\0\0\5\xff\1\0\1\0"))
EMPTY_FRAGMENT = record(22, b"")


def after_hello(*pieces: bytes, then: Behave = silent) -> Behave:
    def behave(connection: socket.socket) -> None:
        connection.recv(4096)
        for piece in pieces:
            connection.sendall(piece)
        then(connection)

    return behave


def endless(piece: bytes) -> Behave:
    def behave(connection: socket.socket) -> None:
        while True:
            connection.sendall(piece)

    return behave


def trickle(connection: socket.socket) -> None:
    connection.recv(4096)
    for at in range(len(HELLO)):
        connection.sendall(HELLO[at : at + 1])
        select.select([connection], [], [], 0.05)


def leave(connection: socket.socket) -> None:
    pass


def gone(connection: socket.socket) -> None:
    connection.recv(4096)


RECORDS: list[tuple[str, Behave, str]] = [
    ("silent", silent, "tls.timeout"),
    ("closes at the hello", gone, "tls.handshake"),
    ("closes after its hello", after_hello(HELLO, then=leave), "tls.handshake"),
    ("closes inside of a record", after_hello(HELLO[:20], then=leave), "tls.handshake"),
    ("stalls after its hello", after_hello(HELLO), "tls.timeout"),
    ("stalls inside of a record", after_hello(HELLO[:20]), "tls.timeout"),
    ("a byte at a time", trickle, "tls.timeout"),
    ("plain HTTP", after_hello(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls.handshake"),
    ("garbage", after_hello(bytes(range(256)) * 8), "tls.handshake"),
    ("our own hello back", lambda c: c.sendall(c.recv(4096)) or silent(c), "tls.handshake"),
    ("no protocol in common", after_hello(record(21, b"\x02\x78")), "tls.handshake"),
    ("a record of 64 KiB", after_hello(b"\x16\x03\x03\xff\xff" + bytes(65535)), "tls.handshake"),
    (
        "a certificate message of 16 MiB",
        after_hello(HELLO, record(22, message(11, bytes(1000), 0xFFFFFF))),
        "tls.handshake",
    ),
    (
        "a certificate of nothing but lengths",
        after_hello(HELLO, record(22, message(11, b"\xff\xff\xff\xff\xff\xff"))),
        "tls.handshake",
    ),
    (
        "a certificate that is no DER",
        after_hello(HELLO, record(22, message(11, b"\0\0\x0b\0\0\x08\x30\x84\xff\xff\xff\xffxx"))),
        "tls.handshake",
    ),
    (
        "hello requests without end",
        after_hello(HELLO, then=endless(record(22, message(0, b"") * 1000))),
        "tls.handshake",
    ),
    ("warnings without end", after_hello(HELLO, then=endless(record(21, b"\x01\x5a"))), "tls.handshake"),
    ("empty records without end", after_hello(HELLO, then=endless(EMPTY_FRAGMENT * 1000)), "tls.handshake"),
]


@pytest.mark.parametrize(("behave", "reason"), [row[1:] for row in RECORDS], ids=[row[0] for row in RECORDS])
def test_records_by_hand(behave: Behave, reason: str) -> None:
    # Only who waits for the deadline gets a short one: the machine may be busy.
    timeout = 0.7 if reason == "tls.timeout" else 20.0
    with TcpServer(behave) as server:
        begun, cpu = time.monotonic(), time.thread_time()
        (result,) = probe(check(server.port, timeout=timeout, tls=TlsOptions(verify=False)))
        spent, took = time.thread_time() - cpu, time.monotonic() - begun
    assert (result.outcome, result.reason) == ("fail", reason), result.detail
    assert took < timeout + 5
    assert spent < CPU_SECONDS
