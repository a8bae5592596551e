"""TLS over a Stream: OpenSSL works on two memory buffers, and this module carries bytes between them.

Asyncio's own TLS holds a 256 KiB buffer per connection and tells neither when the handshake ended nor what
the peer presented when verification failed. Here the handshake ends when its last bytes *arrived*, so that
our own cryptography is not charged to the target.
"""

import ssl
import time
from typing import Final

from vedette.checks.model import TlsOptions
from vedette.wire.facts import TlsFacts
from vedette.wire.failure import Failure
from vedette_agent.engine.certificates import Chain, encoded, presented, verified
from vedette_agent.engine.record import CERTIFICATE_BYTES, ByClock, ProbeFailed, Record
from vedette_agent.engine.stream import FIRST_READ, Conversation, Stream
from vedette_agent.engine.tlscontext import context
from vedette_agent.engine.tlsrecords import Records

NOTED_CERTIFICATES: Final = 4  # of a chain
MAX_HANDSHAKE_BYTES: Final = 256 * 1024  # OpenSSL's own bound is 100 KiB per certificate message
MAX_IDLE_BYTES: Final = 64 * 1024  # between two pieces of data: one record, tickets, and room
READ_BYTES: Final = 16 * 1024 + 256  # one full record


class TlsStream(Conversation):
    """An encrypted connection with the shape of a Stream; it owns the one below.

    The first byte of an answer is decrypted when its record is whole, and a record can take several round
    trips. So records are followed as they come, and the first byte is dated by the start of its record.
    """

    __slots__ = (
        "_began",
        "_connection",
        "_has_begun",
        "_incoming",
        "_is_answered",
        "_outgoing",
        "_records",
        "_stream",
    )

    def __init__(
        self, stream: Stream, connection: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        self._stream = stream
        self._connection = connection
        self._incoming = incoming
        self._outgoing = outgoing
        self._records = Records()
        self._began = 0  # the stamp of when the record that is awaited began to come in
        self._has_begun = False  # and did so with the last that came
        self._is_answered = True

    async def send(self, data: bytes) -> None:
        self._is_answered = False
        self._connection.write(data)
        await self._stream.send(self._outgoing.read())

    async def recv(self, max_bytes: int) -> bytes:
        """Decrypted bytes; b"" at the end, whether or not the peer said goodbye (RFC 8446 6.1).

        Raises ssl.SSLError, and ProbeFailed(tls.handshake) when only the protocol's own messages come.
        """
        idle = 0
        while True:
            try:
                data = self._connection.read(max_bytes)
                self._is_answered = True
                return data
            except ssl.SSLWantReadError:
                if self._outgoing.pending:  # an answer to a key update
                    await self._stream.send(self._outgoing.read())
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            idle += await self.fill()
            if idle > MAX_IDLE_BYTES:
                # Key updates, above all: each costs us new keys, and OpenSSL would take them for ever.
                said = f"{MAX_IDLE_BYTES} bytes of TLS without any data"
                raise ProbeFailed(Failure.TLS_HANDSHAKE, said)

    async def fill(self) -> int:
        """Take in what comes next, as it is; the number of its bytes."""
        if self._has_begun:
            self._began = self._stream.stamp
        was_inside = self._records.is_inside
        data = await self._stream.recv(READ_BYTES if self._is_answered or was_inside else FIRST_READ)
        if not was_inside:
            self._began = self._stream.stamp
        self._has_begun = self._records.take(data)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return len(data)

    @property
    def alpn(self) -> str | None:
        """The protocol that the peer chose of those that were offered (RFC 7301)."""
        return self._connection.selected_alpn_protocol()

    def certificates(self, *, is_verified: bool) -> list[bytes]:
        """The verified or the presented chain in DER, leaf first."""
        return encoded(self._connection, is_verified=is_verified)

    async def farewell(self) -> None:
        """Say goodbye and wait for the peer's last word.

        With TLS 1.3 only that tells whether the peer took our certificate: its side of the handshake ends
        after ours (RFC 8446 4.4.2.4). Raises ssl.SSLError with its alert, and PathError.
        """
        try:
            self._connection.unwrap()
        except ssl.SSLError:
            pass  # no answer yet, which is what we wait for
        await self._stream.send(self._outgoing.read())
        await self.recv(READ_BYTES)

    def now(self) -> float:
        return self._stream.now()

    def left(self) -> tuple[float, bool]:
        return self._stream.left()

    def began(self, since: float) -> tuple[float, bool]:
        return self._stream.dated(self._began, since)

    def arrived(self, since: float) -> tuple[float, bool]:
        return self._stream.arrived(since)

    def close(self) -> None:
        """Say goodbye (close_notify) without waiting for the answer, then close."""
        try:
            self._connection.unwrap()
        except ssl.SSLError:
            pass  # wants the peer's goodbye, or the connection is broken: both leave nothing to wait for
        self._stream.send_once(self._outgoing.read())
        self._stream.close()

    def abort(self) -> None:
        self._stream.abort()


async def start_tls(
    stream: Stream, host: str, options: TlsOptions, record: Record, alpn: tuple[str, ...] = ()
) -> TlsStream:
    """Shake hands; sets the phase "tls" and the record's TLS facts, these also when verification fails.

    *host*: SNI and the name to verify; an address is verified as one and not sent (RFC 6066 3).
    Raises ssl.SSLError (with a note on the certificate when that was refused), PathError, ProbeFailed for a
    handshake beyond its bound, ProbeSpoiled without trust anchors. After any of them the caller closes
    *stream*.
    """
    record.stage = "tls"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    name = host.rstrip(".")
    connection = context(options, alpn).wrap_bio(incoming, outgoing, server_hostname=name)
    encrypted = TlsStream(stream, connection, incoming, outgoing)
    started: float | None = None
    received = 0
    while True:
        try:
            connection.do_handshake()
            break
        except ssl.SSLWantReadError:
            await stream.send(outgoing.read())
            received += await encrypted.fill()
            if started is None:
                started, is_kernel = stream.left()
                record.timed(is_kernel)
            if received > MAX_HANDSHAKE_BYTES:
                said = f"no end of the handshake within {MAX_HANDSHAKE_BYTES} bytes"
                raise ProbeFailed(Failure.TLS_HANDSHAKE, said) from None
        except ssl.SSLError as exc:
            chain = presented(connection)
            record.tls = _facts(connection, chain, is_verified=False)
            for certificate in encoded(connection, is_verified=False)[:NOTED_CERTIFICATES]:
                record.note("tls.certificate", certificate, CERTIFICATE_BYTES)
            stream.send_once(outgoing.read())  # the alert: the peer's log shall say why as well
            if isinstance(exc, ssl.SSLCertVerificationError) and chain is not None:
                exc.add_note(described(record.tls, name))
            raise
    # Our last message (Finished) stays in the buffer: it leaves with the first data, or at the close.
    assert started is not None
    arrived, is_kernel = stream.arrived(started)
    record.timed(is_kernel)
    record.add_phase("tls", arrived - started)
    record.tls = _facts(connection, presented(connection), is_verified=options.verify)
    for certificate in encoded(connection, is_verified=False)[:NOTED_CERTIFICATES]:
        record.note("tls.certificate", certificate, CERTIFICATE_BYTES)
    return encrypted


def expires_soon(facts: TlsFacts | None, options: TlsOptions) -> ProbeFailed | None:
    """The failure of a certificate chain that ends before the check's `min_days_left`."""
    if options.min_days_left is None or facts is None or facts.earliest_not_after_us is None:
        return None
    left = (facts.earliest_not_after_us / 1e6 - time.time()) / 86400
    if left >= options.min_days_left:
        return None
    until = _date(facts.earliest_not_after_us)
    said = f"{left:.1f} days left, until {until}; expected {options.min_days_left:g}"
    return ByClock(Failure.TLS_EXPIRES_SOON, said)


def _facts(connection: ssl.SSLObject, chain: Chain | None, *, is_verified: bool) -> TlsFacts:
    cipher = connection.cipher()
    version = connection.version()
    alpn = connection.selected_alpn_protocol()
    if chain is None:
        return TlsFacts(version=version, cipher=cipher and cipher[0], verified=is_verified, alpn=alpn)
    anchored = verified(connection) if is_verified else None
    return TlsFacts(
        version=version,
        cipher=cipher and cipher[0],
        verified=is_verified,
        subject=chain.subject,
        issuer=chain.issuer,
        alternative_names=list(chain.alternative_names),
        serial_number=chain.serial_number,
        fingerprint_sha256=chain.fingerprint_sha256,
        not_before_us=chain.not_before_us,
        not_after_us=chain.not_after_us,
        earliest_not_after_us=chain.earliest_not_after_us,
        presented=chain.length,
        key_type=chain.key_type,
        key_bits=chain.key_bits,
        signature_algorithm=chain.signature_algorithm,
        chain=0 if anchored is None else anchored.length,
        chain_not_after_us=None if anchored is None else anchored.earliest_not_after_us,
        alpn=alpn,
    )


def described(presented: TlsFacts, name: str) -> str:
    """What a person compares first. One fault is named; the dates show whether there are two."""
    names = ", ".join(presented.alternative_names[:4]) or presented.subject or "nobody"
    left = len(presented.alternative_names) - 4
    more = f" and {left} more" if left > 0 else ""
    valid = f"valid {_date(presented.not_before_us)} to {_date(presented.not_after_us)}"
    return f"asked for {name}; presented: for {names}{more}, {valid}, issued by {presented.issuer}"


def _date(us: int | None) -> str:
    if us is None:
        return "unknown"
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(us // 1_000_000))
