"""Judges a stapled OCSP response (RFC 6960): whose it is, who signed it, how old it is, what it says.

Needs `cryptography`, so only a check that asks for OCSP imports this module.
"""

import datetime
from typing import Final, Literal, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp

from vedette_agent.unreadable import UNREADABLE

SKEW: Final = datetime.timedelta(minutes=5)
# Without nextUpdate newer information is always there (RFC 6960 2.4): such a response is not for keeping.
UNDATED: Final = datetime.timedelta(days=1)
MAX_RESPONSES: Final = 16  # single responses in one
MAX_SIGNERS: Final = 4  # certificates that come with it
MAX_ISSUERS: Final = 4  # of the issuer's name: whoever is not verified brings as many as it likes
MAX_EXPONENT_BITS: Final = 64  # with one of 3072 bits, which OpenSSL takes, a signature costs 7 ms

Status = Literal["good", "revoked", "unknown"]
_STATUS: Final[dict[ocsp.OCSPCertStatus, Status]] = {
    ocsp.OCSPCertStatus.GOOD: "good",
    ocsp.OCSPCertStatus.REVOKED: "revoked",
    ocsp.OCSPCertStatus.UNKNOWN: "unknown",
}


class Staple(NamedTuple):
    status: Status
    next_update: datetime.datetime | None
    said: str  # for people


class BadStaple(Exception):
    """The response proves nothing; the text says why."""


def judged(response: bytes, leaf: bytes, chain: list[bytes], now: datetime.datetime) -> Staple:
    """What *response* says of the certificate *leaf*, whose issuer is one of *chain* (all in DER).

    Raises BadStaple for a response of another certificate, of a stranger, of another time, or none at all.
    """
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        issuer = _issuer(certificate, chain)
        answer = ocsp.load_der_ocsp_response(response)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise BadStaple(f"the responder says {answer.response_status.name.lower()}")
        single = _single(answer, certificate, issuer)
        if not _is_signed(answer, issuer, now):
            raise BadStaple("not signed by the issuer or by whom it has named for that")
        until = single.next_update_utc
        _check_age(single.this_update_utc, until, now)
        status = _STATUS[single.certificate_status]
    except UNREADABLE as exc:
        raise BadStaple(f"cannot be read: {exc}") from exc
    said = status if until is None else f"{status}, valid until {until:%Y-%m-%d %H:%M} UTC"
    if status == "revoked" and single.revocation_time_utc is not None:
        why = single.revocation_reason
        said = f"revoked {single.revocation_time_utc:%Y-%m-%d %H:%M} UTC{f', {why.value}' if why else ''}"
    return Staple(status, until, said)


def is_for(leaf: bytes, host: str, now: datetime.datetime) -> bool:
    """Whether the certificate *leaf* (DER) is for *host* by its subjectAltName (RFC 9525 6), and at *now*."""
    try:
        certificate = x509.load_der_x509_certificate(leaf)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        given = {str(one.value).lower() for one in names if isinstance(one, x509.DNSName | x509.IPAddress)}
        is_valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    except (*UNREADABLE, x509.ExtensionNotFound):
        return False
    wanted = host.rstrip(".").lower()
    _, _, above = wanted.partition(".")
    is_named = bool(given & {wanted, f"*.{above}"})
    return is_valid and is_named


def _issuer(leaf: x509.Certificate, chain: list[bytes]) -> x509.Certificate:
    tries = 0
    for encoded in chain:
        candidate = x509.load_der_x509_certificate(encoded)
        if candidate.subject != leaf.issuer or not _is_light(candidate):
            continue
        if _has_issued(candidate, leaf):
            return candidate
        tries += 1
        if tries == MAX_ISSUERS:
            break
    raise BadStaple("the issuer's certificate is not at hand: it is not in the chain")


def _is_light(certificate: x509.Certificate) -> bool:
    """Whether its key verifies at a price that real keys have."""
    key = certificate.public_key()
    return not isinstance(key, rsa.RSAPublicKey) or (
        key.public_numbers().e.bit_length() <= MAX_EXPONENT_BITS and key.key_size <= 8192
    )


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _single(
    answer: ocsp.OCSPResponse, leaf: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    for at, single in enumerate(answer.responses):
        if at >= MAX_RESPONSES:
            break
        if single.serial_number == leaf.serial_number and _names(single, leaf, issuer):
            return single
    raise BadStaple("about another certificate")


def _names(single: ocsp.OCSPSingleResponse, leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the CertID (RFC 6960 4.1.1) is that of *leaf*: cryptography makes the one to compare with."""
    if not isinstance(single.hash_algorithm, hashes.SHA1 | hashes.SHA256):
        return False
    wanted = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, single.hash_algorithm).build()
    return (
        single.issuer_key_hash == wanted.issuer_key_hash
        and single.issuer_name_hash == wanted.issuer_name_hash
    )


def _is_signed(answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime.datetime) -> bool:
    """By the issuer, or by a certificate of its own making that may sign such responses (4.2.2.2)."""
    if _fits(issuer, answer):
        return True
    return any(
        _may_sign(signer, now) and _is_light(signer) and _has_issued(issuer, signer) and _fits(signer, answer)
        for signer in answer.certificates[:MAX_SIGNERS]
    )


def _may_sign(signer: x509.Certificate, now: datetime.datetime) -> bool:
    try:
        uses = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    is_valid = signer.not_valid_before_utc - SKEW <= now <= signer.not_valid_after_utc
    return is_valid and x509.oid.ExtendedKeyUsageOID.OCSP_SIGNING in uses


def _fits(signer: x509.Certificate, answer: ocsp.OCSPResponse) -> bool:
    key = signer.public_key()
    made, signed, algorithm = answer.signature, answer.tbs_response_bytes, answer.signature_hash_algorithm
    try:
        match key:
            case rsa.RSAPublicKey() if algorithm is not None:
                key.verify(made, signed, padding.PKCS1v15(), algorithm)
            case ec.EllipticCurvePublicKey() if algorithm is not None:
                key.verify(made, signed, ec.ECDSA(algorithm))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(made, signed)
            case _:
                return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_age(since: datetime.datetime, until: datetime.datetime | None, now: datetime.datetime) -> None:
    if since > now + SKEW:
        raise BadStaple(f"of the future: {since:%Y-%m-%d %H:%M} UTC")
    end = since + UNDATED if until is None else until
    if now > end + SKEW:
        raise BadStaple(f"too old: it was valid until {end:%Y-%m-%d %H:%M} UTC")
