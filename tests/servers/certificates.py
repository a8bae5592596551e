"""Certificates of any shape, right and wrong, for TLS servers of tests."""

import ipaddress
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import NameOID, ObjectIdentifier

from servers.tls import day


class Issued(NamedTuple):
    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )


def issued(
    *names: str | x509.GeneralName,
    by: Issued | None = None,
    common_name: str = "test",
    is_ca: bool = False,
    path_length: int | None = None,
    since: float = -1,
    until: float = 30,
    rsa_bits: int | None = None,
    uses: Sequence[ObjectIdentifier] = (),
    only_under: str | None = None,
    key: CertificateIssuerPrivateKeyTypes | None = None,
) -> Issued:
    """A certificate for *names*, signed *by* another or by itself; *since* and *until* are days from now.

    *only_under*: the DNS name to which a CA is constrained. *key*: one made before, instead of its own.
    """
    if key is None:
        key = (
            ec.generate_private_key(ec.SECP256R1())
            if rsa_bits is None
            else rsa.generate_private_key(65537, rsa_bits)
        )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(day(since))
        .not_valid_after(day(until))
        .add_extension(x509.BasicConstraints(is_ca, path_length if is_ca else None), critical=True)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
        )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(uses)), critical=False)
    if only_under is not None:
        builder = builder.add_extension(x509.NameConstraints([x509.DNSName(only_under)], None), critical=True)
    signer = key if by is None else by.key
    return Issued(builder.sign(signer, hashes.SHA256()), key)


def _general(name: str | x509.GeneralName) -> x509.GeneralName:
    if isinstance(name, x509.GeneralName):
        return name
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def serving(directory: Path, leaf: Issued, *chain: Issued) -> ssl.SSLContext:
    """A server that presents *leaf* and then *chain*, and minds no weakness of theirs."""
    return serving_pem(directory, leaf.pem + b"".join(one.pem for one in chain), leaf.key_pem)


def serving_pem(directory: Path, certificates: bytes, key: bytes) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    pem = directory / "server.pem"
    pem.write_bytes(key + certificates)
    made.load_cert_chain(pem)
    return made


def trusted(directory: Path, *roots: Issued) -> str:
    """A CA file of *roots*."""
    path = directory / "roots.pem"
    path.write_bytes(b"".join(one.pem for one in roots))
    return str(path)


def by_openssl(directory: Path, ca: Issued, *, bits: int, digest: str) -> tuple[bytes, bytes]:
    """A certificate for localhost and its key, as weak as cryptography does not make any more."""
    (directory / "ca.pem").write_bytes(ca.pem)
    (directory / "ca.key").write_bytes(ca.key_pem)
    (directory / "names").write_text("subjectAltName=DNS:localhost\n")
    for command in (
        f"openssl genrsa -out weak.key {bits}",
        "openssl req -new -key weak.key -subj /CN=weak -sha256 -out weak.csr",
        f"openssl x509 -req -in weak.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -{digest} "
        "-extfile names -out weak.pem",
    ):
        subprocess.run(command.split(), cwd=directory, check=True, capture_output=True, timeout=60)
    return (directory / "weak.pem").read_bytes(), (directory / "weak.key").read_bytes()
