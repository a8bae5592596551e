"""Whether the certificates that a QUIC peer presented are to be trusted.

aioquic verifies with the roots of a package of its own, names the fault in free text and gives up before
anybody has seen the certificate. So it verifies nothing but that the peer has the certificate's key, and what
it received is judged here: OpenSSL builds the chain to the roots that other checks use, with its own codes
for what is wrong, and faults are named in the order in which it would find them in a TLS client.
"""

import os
import ssl
from collections.abc import Sequence
from typing import Final, NamedTuple

import service_identity.cryptography
from aioquic.tls import AlertDescription
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto
from service_identity import CertificateError, VerificationError

from vedette.wire.failure import Failure, NotRun
from vedette_agent.engine.hostfiles import is_literal
from vedette_agent.engine.record import ProbeSpoiled
from vedette_agent.unreadable import UNREADABLE

MAX_STORES: Final = 64
MAX_CHAIN: Final = 24  # certificates; each more is work that the peer sets us
_NOT_YET_VALID, _EXPIRED = 9, 10  # X509_V_ERR_* of OpenSSL, x509_vfy.h
# OpenSSL's security level 2, as it stands on Debian.
_RSA_BITS: Final = 2048
_EC_BITS: Final = 224

_stores: dict[str | None, tuple[tuple[int, ...], crypto.X509Store]] = {}


class Refusal(NamedTuple):
    """Why a chain is not to be trusted, and the alert that tells the peer (RFC 8446 6.2)."""

    failure: Failure
    said: str
    alert: AlertDescription


def store(ca_file: str | None) -> crypto.X509Store:
    """The trust anchors; read again when the file or the directory has changed.

    Raises ProbeSpoiled(configuration).
    """
    paths = ssl.get_default_verify_paths()
    file, directory = (paths.cafile, paths.capath) if ca_file is None else (ca_file, None)
    try:
        # Of a directory too: OpenSSL finds what is new in it, but never forgets what it has found.
        changed = tuple(os.stat(one).st_mtime_ns for one in (file, directory) if one is not None)
    except OSError as exc:
        raise ProbeSpoiled(NotRun.CONFIGURATION, f"ca_file {exc.filename}: {exc.strerror}") from exc
    cached = _stores.get(ca_file)
    if cached is not None and cached[0] == changed:
        return cached[1]
    if file is None and not (directory and os.listdir(directory)):
        raise ProbeSpoiled(NotRun.CONFIGURATION, "this host has no trust store: install ca-certificates")
    made = crypto.X509Store()
    try:
        made.load_locations(file, directory)
    except crypto.Error as exc:
        said = f"ca_file {file}: no certificate in PEM form in it"
        raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc
    if len(_stores) >= MAX_STORES:
        del _stores[next(iter(_stores))]
    _stores[ca_file] = changed, made
    return made


def refusal(
    chain: Sequence[x509.Certificate], host: str, ca_file: str | None
) -> tuple[Refusal | None, list[x509.Certificate]]:
    """Why *chain* is not to be trusted; None and the chain to the trust anchor when it is."""
    if len(chain) > MAX_CHAIN:
        return _untrusted(f"{len(chain)} certificates, {MAX_CHAIN} are read"), []
    anchored: list[x509.Certificate] = []
    ended: Refusal | None = None
    roots = store(ca_file)
    try:
        leaf, *others = [crypto.X509.from_cryptography(one) for one in chain]
        verified = crypto.X509StoreContext(roots, leaf, others).get_verified_chain()
        anchored = [one.to_cryptography() for one in verified]
    except crypto.X509StoreContextError as exc:
        code, said = exc.errors[0], str(exc.errors[2])
        if code == _EXPIRED:
            ended = Refusal(Failure.TLS_EXPIRED, said, AlertDescription.certificate_expired)
        elif code == _NOT_YET_VALID:
            ended = Refusal(Failure.TLS_NOT_YET_VALID, said, AlertDescription.certificate_expired)
        else:
            return _untrusted(said), []
    except (crypto.Error, *UNREADABLE) as exc:
        return _unreadable(exc), []
    try:
        return _unfit(anchored or chain) or _misnamed(chain[0], host) or ended, anchored
    except UNREADABLE as exc:
        return _unreadable(exc), anchored


def _unreadable(exc: Exception) -> Refusal:
    return _untrusted(f"a certificate that cannot be read: {str(exc)[:100]}")


def _untrusted(said: str) -> Refusal:
    return Refusal(Failure.TLS_UNTRUSTED, said, AlertDescription.bad_certificate)


def _unfit(chain: Sequence[x509.Certificate]) -> Refusal | None:
    """Weak keys and signatures, and certificates for another use: OpenSSL asks that of a TLS client only."""
    for one in chain:
        key = one.public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS:
            return _untrusted(f"a weak key: RSA of {key.key_size} bits")
        if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < _EC_BITS:
            return _untrusted(f"a weak key: EC of {key.key_size} bits")
        if one.issuer != one.subject and isinstance(one.signature_hash_algorithm, SHA1 | MD5):
            return _untrusted(f"a weak signature: {one.signature_hash_algorithm.name}")
        try:
            uses = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            continue
        if ExtendedKeyUsageOID.SERVER_AUTH not in uses:
            return _untrusted("unsuitable certificate purpose")
    return None


def _misnamed(leaf: x509.Certificate, host: str) -> Refusal | None:
    try:
        if is_literal(host):
            service_identity.cryptography.verify_certificate_ip_address(leaf, host)
        else:
            service_identity.cryptography.verify_certificate_hostname(leaf, host.rstrip("."))
    except (VerificationError, CertificateError):
        what = "IP address" if is_literal(host) else "hostname"
        said = f"{what} mismatch, certificate is not valid for {host!r}"
        return Refusal(Failure.TLS_HOSTNAME, said, AlertDescription.bad_certificate)
    return None
