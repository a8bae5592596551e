"""TLS over a Stream: OpenSSL works on two memory buffers, and this module carries bytes between them.

Asyncio's own TLS holds a 256 KiB buffer per connection and tells neither when the handshake ended nor what
the peer presented when verification failed. Here the handshake ends when its last bytes *arrived*, so that
our own cryptography is not charged to the target.
"""

import os
import ssl
import time
from typing import Final

from vedette.checks.model import TlsOptions
from vedette.ciphers import offer_no_finite_field
from vedette.wire.facts import TlsFacts
from vedette.wire.failure import Failure, NotRun
from vedette_agent.engine.certificates import Chain, presented
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.stream import Conversation, Stream

MAX_HANDSHAKE_BYTES: Final = 256 * 1024  # OpenSSL's own bound is 100 KiB per certificate message
# One per CA file of the checks; were there fewer than files, each probe would build its own anew.
MAX_CONTEXTS: Final = 1024
READ_BYTES: Final = 16 * 1024 + 256  # one full record

_contexts: dict[tuple[bool, str | None], tuple[int, ssl.SSLContext]] = {}


class TlsStream(Conversation):
    """An encrypted connection with the shape of a Stream; it owns the one below."""

    __slots__ = ("_connection", "_incoming", "_outgoing", "_stream")

    def __init__(
        self, stream: Stream, connection: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        self._stream = stream
        self._connection = connection
        self._incoming = incoming
        self._outgoing = outgoing

    async def send(self, data: bytes) -> None:
        self._connection.write(data)
        await self._stream.send(self._outgoing.read())

    async def recv(self, max_bytes: int) -> bytes:
        """Decrypted bytes; b"" at the end, whether or not the peer said goodbye (RFC 8446 6.1)."""
        while True:
            try:
                return self._connection.read(max_bytes)
            except ssl.SSLWantReadError:
                if self._outgoing.pending:  # an answer to a key update
                    await self._stream.send(self._outgoing.read())
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            await self.fill()

    async def fill(self) -> int:
        """Take in what comes next, as it is; the number of its bytes."""
        data = await self._stream.recv(READ_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
        return len(data)

    def now(self) -> float:
        return self._stream.now()

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


async def start_tls(stream: Stream, host: str, options: TlsOptions, record: Record) -> TlsStream:
    """Shake hands; sets the phase "tls" and the record's TLS facts, these also when verification fails.

    *host*: SNI and the name to verify; an address is verified as one and not sent (RFC 6066 3).
    Raises ssl.SSLError (with a note on the certificate when that was refused), PathError, ProbeFailed for a
    handshake beyond its bound, ProbeSpoiled without trust anchors. After any of them the caller closes
    *stream*.
    """
    record.stage = "tls"
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    name = host.rstrip(".")
    connection = context(options).wrap_bio(incoming, outgoing, server_hostname=name)
    encrypted = TlsStream(stream, connection, incoming, outgoing)
    started = stream.now()
    received = 0
    while True:
        try:
            connection.do_handshake()
            break
        except ssl.SSLWantReadError:
            await stream.send(outgoing.read())
            received += await encrypted.fill()
            if received > MAX_HANDSHAKE_BYTES:
                said = f"no end of the handshake within {MAX_HANDSHAKE_BYTES} bytes"
                raise ProbeFailed(Failure.TLS_HANDSHAKE, said) from None
        except ssl.SSLError as exc:
            chain = presented(connection)
            record.tls = _facts(connection, chain, is_verified=False)
            stream.send_once(outgoing.read())  # the alert: the peer's log shall say why as well
            if isinstance(exc, ssl.SSLCertVerificationError) and chain is not None:
                exc.add_note(_described(chain, name))
            raise
    # Our last message (Finished) stays in the buffer: it leaves with the first data, or at the close.
    arrived, is_kernel = stream.arrived(started)
    record.add_phase("tls", arrived - started)
    if not is_kernel:
        record.clock = "monotonic"
    record.tls = _facts(connection, presented(connection), is_verified=options.verify)
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
    return ProbeFailed(Failure.TLS_EXPIRES_SOON, said)


def context(options: TlsOptions) -> ssl.SSLContext:
    """The shared context for *options*; built anew when the CA file has changed.

    Raises ProbeSpoiled when there is nothing to verify against: that is no fault of the target.
    """
    key = (options.verify, options.ca_file)
    changed = 0
    if options.verify and options.ca_file is not None:
        try:
            changed = os.stat(options.ca_file).st_mtime_ns
        except OSError as exc:
            raise ProbeSpoiled(NotRun.CONFIGURATION, f"ca_file {options.ca_file}: {exc.strerror}") from exc
    cached = _contexts.get(key)
    if cached is not None and cached[0] == changed:
        return cached[1]
    built = _context(options)
    if len(_contexts) >= MAX_CONTEXTS:
        del _contexts[next(iter(_contexts))]
    _contexts[key] = (changed, built)
    return built


def _context(options: TlsOptions) -> ssl.SSLContext:
    # No ALPN: HTTP/1.1 is what a server speaks without, and one context serves every kind of check.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    offer_no_finite_field(made)
    if not options.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif options.ca_file is not None:
        try:
            made.load_verify_locations(options.ca_file)
        except OSError as exc:
            # OpenSSL's own words name a line of its caller in C.
            fault = "no certificate in PEM form in it" if isinstance(exc, ssl.SSLError) else exc.strerror
            said = f"ca_file {options.ca_file}: {fault}"
            raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc
    else:
        made.load_default_certs()
        directory = ssl.get_default_verify_paths().capath
        if not made.cert_store_stats()["x509_ca"] and not (directory and os.listdir(directory)):
            raise ProbeSpoiled(NotRun.CONFIGURATION, "this host has no trust store: install ca-certificates")
    return made


def _facts(connection: ssl.SSLObject, chain: Chain | None, *, is_verified: bool) -> TlsFacts:
    cipher = connection.cipher()
    version = connection.version()
    if chain is None:
        return TlsFacts(version=version, cipher=cipher and cipher[0], verified=is_verified)
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
    )


def _described(chain: Chain, name: str) -> str:
    """What a person compares first. OpenSSL names one fault; the dates show whether there are two."""
    names = ", ".join(chain.alternative_names[:4]) or chain.subject or "nobody"
    more = f" and {len(chain.alternative_names) - 4} more" if len(chain.alternative_names) > 4 else ""
    valid = f"valid {_date(chain.not_before_us)} to {_date(chain.not_after_us)}"
    return f"asked for {name}; presented: for {names}{more}, {valid}, issued by {chain.issuer}"


def _date(us: int | None) -> str:
    if us is None:
        return "unknown"
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(us // 1_000_000))
