"""A certificate in lines for people, from its DER: whose, by whom, and from when to when (RFC 5280 4.1)."""

from typing import Final

from vedette_agent.der import INTEGER, OID, SEQUENCE, Value, value_at

_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17
_BMP_STRING: Final = 0x1E
_NAMES: Final = {  # 2.5.4.x as RFC 4514 3 writes them
    b"\x55\x04\x03": "CN",
    b"\x55\x04\x06": "C",
    b"\x55\x04\x07": "L",
    b"\x55\x04\x08": "ST",
    b"\x55\x04\x0a": "O",
    b"\x55\x04\x0b": "OU",
}
_MOST: Final = 32  # parts of one name
_SHOWN: Final = 128  # characters of one part


def described(certificate: bytes) -> str:
    """Subject, issuer and validity. What cannot be read is said instead."""
    try:
        return _described(certificate)
    except (ValueError, IndexError) as exc:
        return f"{len(certificate)} bytes that are no certificate that can be read: {exc}"


def _described(data: bytes) -> str:
    whole = value_at(data, 0, len(data), SEQUENCE)
    body = value_at(data, whole.start, whole.end, SEQUENCE)
    version = value_at(data, body.start, body.end)
    serial = value_at(data, version.end if version.tag == _VERSION else body.start, body.end, INTEGER)
    signature = value_at(data, serial.end, body.end, SEQUENCE)
    issuer = value_at(data, signature.end, body.end, SEQUENCE)
    dates = value_at(data, issuer.end, body.end, SEQUENCE)
    subject = value_at(data, dates.end, body.end, SEQUENCE)
    begins = value_at(data, dates.start, dates.end)
    ends = value_at(data, begins.end, dates.end)
    return (
        f"subject {_name(data, subject)}\nissuer {_name(data, issuer)}\n"
        f"valid from {_time(data, begins)} to {_time(data, ends)}"
    )


def _name(data: bytes, name: Value) -> str:
    parts: list[str] = []
    at = name.start
    while at < name.end and len(parts) < _MOST:
        group = value_at(data, at, name.end)
        at = group.end
        pair = value_at(data, group.start, group.end, SEQUENCE)
        kind = value_at(data, pair.start, pair.end, OID)
        value = value_at(data, kind.end, pair.end)
        said = data[value.start : value.end].decode(
            "utf-16-be" if value.tag == _BMP_STRING else "utf-8", "replace"
        )
        label = _NAMES.get(data[kind.start : kind.end], f"#{data[kind.start : kind.end].hex()[:24]}")
        parts.append(f"{label}={said[:_SHOWN]}")
    return ", ".join(parts) or "without a name"


def _time(data: bytes, value: Value) -> str:
    """UTCTime is of 1950 to 2049 (RFC 5280 4.1.2.5.1)."""
    said = data[value.start : value.end][:20].decode("ascii", "replace")
    if value.tag == _UTC_TIME:
        said = f"{'19' if said[:2] >= '50' else '20'}{said}"
    if not (len(said) == 15 and said[:14].isdigit() and said.endswith("Z")):
        return f"{said!r}"
    return f"{said[:4]}-{said[4:6]}-{said[6:8]} {said[8:10]}:{said[10:12]} UTC"
