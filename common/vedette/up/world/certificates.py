"""A certificate authority that lives as long as its world, and leaves that are good and expired."""

import datetime
import os
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


class Certificates(NamedTuple):
    """PEM files. A leaf file holds the key and then the chain, as `SSLContext.load_cert_chain` takes it."""

    authority: Path
    valid: dict[str, Path]  # by host name
    expired: dict[str, Path]


def issue(directory: Path, hosts: tuple[str, ...]) -> Certificates:
    """Write an authority and two leaves for each of *hosts* into *directory*, readable by the user alone."""
    directory.mkdir(mode=0o700, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vedette demo authority")])
    public = key.public_key()
    authority = (
        _builder(name, name, public, now - 120 * _DAY, now + 365 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificates = Certificates(directory / "ca.pem", {}, {})
    _write(certificates.authority, authority.public_bytes(serialization.Encoding.PEM))
    for host in hosts:
        certificates.valid[host] = directory / f"{host}.pem"
        _leaf(certificates.valid[host], host, authority, key, now - 30 * _DAY, now + 60 * _DAY)
        certificates.expired[host] = directory / f"{host}.expired.pem"
        _leaf(certificates.expired[host], host, authority, key, now - 91 * _DAY, now - _DAY)
    return certificates


def _leaf(
    path: Path,
    host: str,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    issuer_key = authority_key.public_key()
    # RFC 5280 4.2.1: the extensions that Python 3.13 insists on (VERIFY_X509_STRICT).
    leaf = (
        _builder(subject, authority.subject, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain = [certificate.public_bytes(serialization.Encoding.PEM) for certificate in (leaf, authority)]
    _write(path, b"".join([secret, *chain]))


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
