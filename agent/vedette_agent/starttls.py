"""How seven protocols are asked for TLS: each opening is a state machine that knows bytes and no socket.

An opening is a generator. It yields what to send next (maybe nothing) and is given what came (b"" at the
end); it returns when the peer has said that TLS may begin, and raises Refused when it has not. Whatever
follows the go-ahead in the clear is refused: it would be taken for a part of the encrypted conversation,
although anybody on the path can have added it (CVE-2011-0411).
"""

import re
from collections.abc import Generator
from typing import Final, assert_never

from vedette.checks.model.tls import Opening
from vedette_agent.der import ENUMERATED, INTEGER, SEQUENCE, value_at

MAX_BYTES: Final = 16 * 1024  # that a peer may say before TLS

Dialogue = Generator[bytes, bytes, None]

# RFC 4511 4.14.1: an ExtendedRequest of the OID 1.3.6.1.4.1.1466.20037 with the message number 1.
_LDAP_REQUEST: Final = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
_LDAP_RESPONSE: Final = 0x78  # [APPLICATION 24]
_LDAP_CODE_BYTES: Final = 4  # RFC 4511 4.1.9: the codes end at 4096
_POSTGRES_REQUEST: Final = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # SSLRequest

_XMPP_TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
_FEATURES: Final = re.compile(rb"<(?:\w{1,16}:)?features\s*/>|</(?:\w{1,16}:)?features\s*>")
_XMPP_ANSWER: Final = re.compile(rb"<(proceed|failure)\b[^<>]*>(?:(?<=/>)|\s*</proceed\s*>)?")


class Refused(Exception):
    """The peer does not begin TLS; the text says why, and may quote it."""


def opening(protocol: Opening, host: str) -> Dialogue:
    """The conversation that leads to TLS in *protocol*; *host* is the name that the peer is asked for."""
    match protocol:
        case "smtp":
            return _smtp()
        case "imap":
            return _imap()
        case "pop3":
            return _pop3()
        case "ftp":
            return _ftp()
        case "ldap":
            return _ldap()
        case "postgres":
            return _postgres()
        case "xmpp":
            return _xmpp(host)
        case _:
            assert_never(protocol)


class _Received:
    """What has come and was not yet read."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._total = 0

    def more(self, send: bytes = b"") -> Generator[bytes, bytes, None]:
        came = yield send
        if not came:
            raise Refused(f"closed before TLS could begin{self._said()}")
        self._total += len(came)
        if self._total > MAX_BYTES:
            raise Refused(f"no go-ahead for TLS within {MAX_BYTES} bytes")
        self.data += came

    def line(self, send: bytes = b"") -> Generator[bytes, bytes, bytes]:
        """The next line, without its end."""
        while True:
            end = self.data.find(b"\n")
            if end >= 0 and not send:
                line = bytes(self.data[:end]).rstrip(b"\r")
                del self.data[: end + 1]
                return line
            yield from self.more(send)
            send = b""

    def reply(self, send: bytes = b"") -> Generator[bytes, bytes, list[bytes]]:
        """All lines of one reply with a code (RFC 5321 4.2.1, RFC 959 4.2)."""
        lines = [(yield from self.line(send))]
        if lines[0][3:4] == b"-":
            last = lines[0][:3] + b" "
            while not lines[-1].startswith(last):
                lines.append((yield from self.line()))
        return lines

    def finish(self) -> None:
        if self.data:
            raise Refused(f"said more in the clear after the go-ahead{self._said()}")

    def _said(self) -> str:
        return f": {bytes(self.data[:60])!r}" if self.data else ""


def _want(line: bytes, start: bytes, what: str) -> None:
    if not line.startswith(start):
        raise Refused(f"{what}: {line[:80]!r}")


def _smtp() -> Dialogue:
    """RFC 3207."""
    came = _Received()
    _want((yield from came.reply())[0], b"220", "does not greet")
    # RFC 5321 4.1.4: who has no name says its address; what stands here is checked by nobody.
    offered = yield from came.reply(b"EHLO [127.0.0.1]\r\n")
    _want(offered[0], b"250", "takes no EHLO")
    if not any(line[4:].strip().upper() == b"STARTTLS" for line in offered[1:]):
        raise Refused("does not offer STARTTLS")
    _want((yield from came.reply(b"STARTTLS\r\n"))[0], b"220", "refuses STARTTLS")
    came.finish()


def _imap() -> Dialogue:
    """RFC 9051 6.2.1."""
    came = _Received()
    _want((yield from came.line()), b"* OK", "does not greet")
    line = yield from came.line(b"a1 STARTTLS\r\n")
    while line.startswith(b"* "):
        line = yield from came.line()
    _want(line.upper(), b"A1 OK", "refuses STARTTLS")
    came.finish()


def _pop3() -> Dialogue:
    """RFC 2595 4."""
    came = _Received()
    _want((yield from came.line()), b"+OK", "does not greet")
    _want((yield from came.line(b"STLS\r\n")), b"+OK", "refuses STLS")
    came.finish()


def _ftp() -> Dialogue:
    """RFC 4217 4."""
    came = _Received()
    _want((yield from came.reply())[0], b"220", "does not greet")
    _want((yield from came.reply(b"AUTH TLS\r\n"))[0], b"234", "refuses AUTH TLS")
    came.finish()


def _ldap() -> Dialogue:
    """RFC 4511 4.14."""
    came = _Received()
    yield from came.more(_LDAP_REQUEST)
    while (code := _ldap_result(came.data)) is None:
        yield from came.more()
    if code:
        raise Refused(f"refuses StartTLS with LDAP result {code}")
    came.finish()


def _ldap_result(data: bytearray) -> int | None:
    """The result code of the message in *data*, which is taken out; None while it is not whole."""
    raw = bytes(data)
    try:
        message = value_at(raw, 0, 1 << 31 if len(raw) >= 6 else len(raw), SEQUENCE)
    except ValueError as exc:
        if len(raw) < 6 and raw[:1] == b"\x30":
            return None
        raise Refused(f"does not speak LDAP: {raw[:60]!r}") from exc
    if message.end > len(raw):
        return None
    try:
        number = value_at(raw, message.start, message.end, INTEGER)
        response = value_at(raw, number.end, message.end, _LDAP_RESPONSE)
        code = value_at(raw, response.start, response.end, ENUMERATED)
    except ValueError as exc:
        raise Refused(f"does not answer StartTLS ({exc}): {raw[:60]!r}") from exc
    del data[: message.end]
    if code.end - code.start > _LDAP_CODE_BYTES:  # as a number it would be too long to be told
        raise Refused(f"does not answer StartTLS (a result code of {code.end - code.start} bytes)")
    return int.from_bytes(raw[code.start : code.end], "big")


def _postgres() -> Dialogue:
    """SSLRequest of PostgreSQL's protocol 3: one byte answers, and nothing may follow it (CVE-2021-23222)."""
    came = _Received()
    yield from came.more(_POSTGRES_REQUEST)
    answer = bytes(came.data[:1])
    if answer != b"S":
        said = "has no TLS" if answer == b"N" else f"does not speak PostgreSQL: {bytes(came.data[:60])!r}"
        raise Refused(said)
    del came.data[:1]
    came.finish()


def _xmpp(host: str) -> Dialogue:
    """RFC 6120 5.4, by patterns: an XML parser would be one more thing to attack."""
    came = _Received()
    head = (
        f"<?xml version='1.0'?><stream:stream to='{host}' version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    yield from came.more(head.encode())
    while (features := _FEATURES.search(came.data)) is None:
        yield from came.more()
    if b"<starttls" not in came.data[: features.end()]:
        raise Refused("does not offer STARTTLS")
    came.data.clear()
    yield from came.more(f"<starttls xmlns='{_XMPP_TLS}'/>".encode())
    while (answer := _XMPP_ANSWER.search(came.data)) is None:
        yield from came.more()
    if answer[1] != b"proceed":
        raise Refused("refuses STARTTLS")
    del came.data[: answer.end()]
    came.finish()
