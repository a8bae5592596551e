"""Reads DER far enough to know a certificate's key and signature, which Python's ssl does not tell.

Only definite lengths of up to four bytes are read (X.690 8.1.3), and nothing is copied before it is chosen.
What cannot be read raises ValueError.
"""

from typing import Final, NamedTuple

SEQUENCE: Final = 0x30
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OID: Final = 0x06
ENUMERATED: Final = 0x0A
_VERSION: Final = 0xA0  # TBSCertificate.version, an explicit tag (RFC 5280 4.1)
_OID_BYTES: Final = 32  # the longest in use has eleven

_RSA: Final = "1.2.840.113549.1.1.1"
_EC: Final = "1.2.840.10045.2.1"
_KEYS: Final = {  # of a size that the algorithm fixes
    "1.3.101.112": ("Ed25519", 256),
    "1.3.101.113": ("Ed448", 456),
}
_CURVES: Final = {
    "1.2.840.10045.3.1.1": 192,
    "1.2.840.10045.3.1.7": 256,
    "1.3.132.0.10": 256,
    "1.3.132.0.33": 224,
    "1.3.132.0.34": 384,
    "1.3.132.0.35": 521,
    "1.3.36.3.3.2.8.1.1.7": 256,
    "1.3.36.3.3.2.8.1.1.11": 384,
    "1.3.36.3.3.2.8.1.1.13": 512,
}
_SIGNATURES: Final = {
    "1.2.840.113549.1.1.4": "md5WithRSAEncryption",
    "1.2.840.113549.1.1.5": "sha1WithRSAEncryption",
    "1.2.840.113549.1.1.10": "rsassaPss",
    "1.2.840.113549.1.1.11": "sha256WithRSAEncryption",
    "1.2.840.113549.1.1.12": "sha384WithRSAEncryption",
    "1.2.840.113549.1.1.13": "sha512WithRSAEncryption",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.2": "ecdsa-with-SHA256",
    "1.2.840.10045.4.3.3": "ecdsa-with-SHA384",
    "1.2.840.10045.4.3.4": "ecdsa-with-SHA512",
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
}


class Value(NamedTuple):
    """One element: its tag, and where its contents begin and end."""

    tag: int
    start: int
    end: int


class KeyFacts(NamedTuple):
    """Names as OpenSSL writes them; an algorithm that is not known here is told as its OID."""

    key_type: str
    key_bits: int | None
    signature_algorithm: str


def value_at(data: bytes, at: int, end: int, tag: int | None = None) -> Value:
    """The element that begins at *at* and lies before *end*; of this *tag*, where one is given."""
    if at + 2 > end:
        raise ValueError("cut short")
    found, length, start = data[at], data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4 or start + count > end:
            raise ValueError("a length that is indefinite or too long")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > end:
        raise ValueError("cut short")
    if tag is not None and found != tag:
        raise ValueError(f"tag {found:#x} instead of {tag:#x}")
    return Value(found, start, start + length)


def key_facts(certificate: bytes) -> KeyFacts:
    """What RFC 5280 4.1 puts into signatureAlgorithm and subjectPublicKeyInfo."""
    whole = value_at(certificate, 0, len(certificate), SEQUENCE)
    body = value_at(certificate, whole.start, whole.end, SEQUENCE)
    signature = _algorithm(certificate, value_at(certificate, body.end, whole.end, SEQUENCE))[0]
    at = body.start
    version = value_at(certificate, at, body.end)
    if version.tag == _VERSION:
        at = version.end
    for tag in (INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE):  # serial, signature, issuer, dates, subject
        at = value_at(certificate, at, body.end, tag).end
    info = value_at(certificate, at, body.end, SEQUENCE)
    algorithm = value_at(certificate, info.start, info.end, SEQUENCE)
    name, parameters = _algorithm(certificate, algorithm)
    key = value_at(certificate, algorithm.end, info.end, BIT_STRING)
    kind, bits = _key(certificate, name, parameters, key)
    return KeyFacts(kind, bits, _SIGNATURES.get(signature, signature))


def _key(data: bytes, name: str, parameters: Value | None, key: Value) -> tuple[str, int | None]:
    if name == _RSA:
        pair = value_at(data, key.start + 1, key.end, SEQUENCE)  # after the count of unused bits
        modulus = value_at(data, pair.start, pair.end, INTEGER)
        return "RSA", int.from_bytes(data[modulus.start : modulus.end], "big").bit_length()
    if name == _EC:
        is_named = parameters is not None and parameters.tag == OID
        return "EC", _CURVES.get(_oid(data, parameters)) if parameters is not None and is_named else None
    return _KEYS.get(name, (name, None))


def _algorithm(data: bytes, algorithm: Value) -> tuple[str, Value | None]:
    name = value_at(data, algorithm.start, algorithm.end, OID)
    rest = None if name.end == algorithm.end else value_at(data, name.end, algorithm.end)
    return _oid(data, name), rest


def _oid(data: bytes, value: Value) -> str:
    """Dotted form (X.690 8.19)."""
    if not 1 <= value.end - value.start <= _OID_BYTES:
        raise ValueError("an object identifier that is empty or too long")
    arcs = [0]
    for byte in data[value.start : value.end]:
        arcs[-1] = arcs[-1] << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(0)
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:-1])))
