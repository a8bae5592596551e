"""What a TLS peer presented, also when its verification failed.

The public API gives parsed certificates only after a verification that succeeded, which is just when nobody
asks. CPython's own object keeps the presented chain either way; that private method is used here and
nowhere else, and where it is missing there are fewer facts and no error.

Parsing costs as much as a TCP probe, and a target presents the same chain for months: facts are remembered
by the SHA-256 of the chain.
"""

import hashlib
import ssl
from typing import Any, Final, NamedTuple

from vedette.wire import limits
from vedette_agent.der import KeyFacts, key_facts

MAX_READ: Final = 12  # certificates of a chain; 100 KiB of small ones would hold the loop for 35 ms
REMEMBERED: Final = 512  # chains; each is worth a few kilobytes, since names are cut first
_SHORT: Final = {"organizationName": "O", "organizationalUnitName": "OU", "countryName": "C"}  # RFC 4514 3
_DER: Final = 2  # _ssl.ENCODING_DER


class Chain(NamedTuple):
    """Times are microseconds since the epoch. Fields are of the leaf where they do not say otherwise."""

    fingerprint_sha256: str
    subject: str | None = None
    issuer: str | None = None
    alternative_names: tuple[str, ...] = ()
    serial_number: str | None = None
    not_before_us: int | None = None
    not_after_us: int | None = None
    earliest_not_after_us: int | None = None  # over the first MAX_READ certificates
    length: int = 1  # certificates
    key_type: str | None = None
    key_bits: int | None = None
    signature_algorithm: str | None = None


_memory: dict[bytes, Chain] = {}


def presented(connection: ssl.SSLObject) -> Chain | None:
    """The chain that the peer sent, leaf first; None when it sent none or Python does not tell."""
    return _chain(connection, "get_unverified_chain")


def verified(connection: ssl.SSLObject) -> Chain | None:
    """The chain from the leaf to the trust anchor that was found. Means nothing before verification."""
    return _chain(connection, "get_verified_chain")


def encoded(connection: ssl.SSLObject, *, is_verified: bool) -> list[bytes]:
    """The verified or the presented chain in DER, leaf first; empty where Python does not tell."""
    return _encoded(
        _certificates(connection, "get_verified_chain" if is_verified else "get_unverified_chain")
    )


def _certificates(connection: ssl.SSLObject, method: str) -> list[Any]:
    raw = getattr(connection, "_sslobj", None)
    try:
        return getattr(raw, method)() or []
    except (AttributeError, TypeError, ValueError, ssl.SSLError):
        return []


def _encoded(certificates: list[Any]) -> list[bytes]:
    try:
        return [certificate.public_bytes(_DER) for certificate in certificates]
    except (AttributeError, TypeError, ValueError, ssl.SSLError):
        return []


def _chain(connection: ssl.SSLObject, method: str) -> Chain | None:
    certificates = _certificates(connection, method)
    encoded = _encoded(certificates)
    if not encoded:
        return None
    key = hashlib.sha256(b"".join(encoded)).digest()
    chain = _memory.get(key)
    if chain is None:
        chain = _read(certificates, encoded[0])
        if len(_memory) >= REMEMBERED:
            del _memory[next(iter(_memory))]
        _memory[key] = chain
    return chain


def _read(certificates: list[Any], leaf: bytes) -> Chain:
    infos = [_info(certificate) for certificate in certificates[:MAX_READ]]
    first = infos[0]
    ends = [end for end in (_time(info.get("notAfter")) for info in infos) if end is not None]
    serial = first.get("serialNumber")
    key = _key(leaf)
    return Chain(
        length=len(certificates),
        key_type=None if key is None else key.key_type,
        key_bits=None if key is None else key.key_bits,
        signature_algorithm=None if key is None else key.signature_algorithm,
        fingerprint_sha256=hashlib.sha256(leaf).hexdigest(),
        subject=_name(first.get("subject")),
        issuer=_name(first.get("issuer")),
        alternative_names=tuple(
            str(value)[: limits.MAX_TEXT]
            for kind, value, *_ in first.get("subjectAltName", ())[: limits.MAX_ANSWERS]
            if kind in ("DNS", "IP Address")
        ),
        serial_number=None if serial is None else str(serial)[: limits.MAX_TEXT],
        not_before_us=_time(first.get("notBefore")),
        not_after_us=_time(first.get("notAfter")),
        earliest_not_after_us=min(ends, default=None),
    )


def _key(leaf: bytes) -> KeyFacts | None:
    try:
        return key_facts(leaf)
    except ValueError:
        return None


def _info(certificate: Any) -> dict[str, Any]:
    try:
        info: dict[str, Any] = certificate.get_info()
    except (ValueError, ssl.SSLError, UnicodeError):  # hostile DER that OpenSSL read and Python cannot
        return {}
    return info


def _time(said: object) -> int | None:
    try:
        return ssl.cert_time_to_seconds(str(said)) * 1_000_000
    except (ValueError, OverflowError):
        return None


def _name(said: object) -> str | None:
    """The common name, else the whole name in short form: (((type, value),), …) as getpeercert gives it."""
    if not isinstance(said, tuple) or not said:
        return None
    parts = [part for group in said for part in group]
    for kind, value in parts:
        if kind == "commonName":
            return str(value)[: limits.MAX_TEXT]
    return ", ".join(f"{_SHORT.get(kind, kind)}={value}" for kind, value in parts[:16])[: limits.MAX_TEXT]
