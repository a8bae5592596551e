"""Asks a TLS peer for its OCSP staple, on a connection of its own.

Python's ssl neither asks for one nor gives it; pyOpenSSL does both, over memory as `engine.tls` works. That
handshake verifies nothing: the certificate was verified on the first connection, with the facts and codes of
every other check, and the issuer that vouches for the staple is taken from that verified chain.
"""

import datetime
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from vedette.checks.model import TlsCheck
from vedette.wire.failure import Failure, NotRun
from vedette_agent.engine.hostfiles import is_literal
from vedette_agent.engine.opening import ask_for_tls
from vedette_agent.engine.record import ByClock, ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.stream import Stream, connect
from vedette_agent.engine.tls import MAX_HANDSHAKE_BYTES, READ_BYTES

if TYPE_CHECKING:
    from OpenSSL import SSL

    from vedette_agent.engine.io import Io

_CIPHERS: Final = b"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:@SECLEVEL=1"  # no finite-field exchange


async def stapled(
    check: TlsCheck, io: "Io", address: str, name: str, chain: list[bytes], record: Record
) -> None:
    """Sets the OCSP facts of *record*.

    Raises ProbeFailed(tls.revoked, tls.ocsp) unless the staple is what the check asks for, and
    ProbeSpoiled(configuration) where the packages for it are not installed.
    """
    try:
        from vedette_agent.staple import BadStaple, is_for, judged
    except ImportError as exc:
        said = "ocsp needs packages that are not installed: pip install 'vedette[ocsp]'"
        raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc
    aside = Record()  # the second connection has its own phases, which are no part of the first
    with await connect(io, address, check.port, aside) as stream:
        if check.start_tls is not None:
            await ask_for_tls(stream, check.start_tls, name, aside)
        record.stage = "tls"
        presented, response = await _presented(stream, name)
    record.note("tls.ocsp", response or "nothing was stapled")
    assert record.tls is not None
    if not response:
        record.tls = replace(record.tls, ocsp="missing")
        raise ProbeFailed(Failure.TLS_OCSP, "the peer staples no OCSP response")
    now = datetime.datetime.now(datetime.UTC)
    try:
        # Servers may have several certificates; but one that was not verified has to be for this name, too.
        if check.tls.verify and presented[0] != chain[0] and not is_for(presented[0], name, now):
            raise BadStaple("of a certificate for another name or time, with which the peer now came")
        # Without verification the peer's own word is all there is.
        staple = judged(
            response,
            presented[0],
            chain if check.tls.verify else presented,
            now,
        )
    except BadStaple as exc:
        record.tls = replace(record.tls, ocsp="invalid")
        raise ByClock(Failure.TLS_OCSP, f"the stapled OCSP response: {exc}") from exc
    until = None if staple.next_update is None else int(staple.next_update.timestamp()) * 1_000_000
    record.tls = replace(record.tls, ocsp=staple.status, ocsp_next_update_us=until)
    if staple.status == "revoked":
        raise ProbeFailed(Failure.TLS_REVOKED, f"the stapled OCSP response says {staple.said}")
    if check.ocsp == "good" and staple.status != "good":
        raise ProbeFailed(Failure.TLS_OCSP, f"expected good; the stapled OCSP response says {staple.said}")


async def _presented(stream: Stream, name: str) -> tuple[list[bytes], bytes]:
    """The chain that the peer sends, in DER, and its staple; b"" for none."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from OpenSSL import SSL

    came: list[bytes] = []

    def keep(connection: SSL.Connection, response: bytes, data: object) -> bool:
        came.append(response)
        return True

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(_CIPHERS)
    context.set_options(SSL.OP_NO_RENEGOTIATION)
    context.set_ocsp_client_callback(keep)
    connection = SSL.Connection(context, None)
    connection.set_connect_state()
    if not is_literal(name):
        connection.set_tlsext_host_name(name.rstrip(".").encode())
    connection.request_ocsp()
    received = 0
    while True:
        try:
            connection.do_handshake()
            break
        except SSL.WantReadError:
            await _flush(stream, connection)
            data = await stream.recv(READ_BYTES)
            received += len(data)
            if not data:
                said = "the peer closed the connection in the TLS handshake that asked for OCSP"
                raise ProbeFailed(Failure.TLS_HANDSHAKE, said) from None
            if received > MAX_HANDSHAKE_BYTES:
                said = f"no end of the handshake within {MAX_HANDSHAKE_BYTES} bytes"
                raise ProbeFailed(Failure.TLS_HANDSHAKE, said) from None
            connection.bio_write(data)
        except SSL.Error as exc:
            said = f"in the TLS handshake that asked for OCSP: {exc}"
            raise ProbeFailed(Failure.TLS_HANDSHAKE, said) from exc
    connection.shutdown()
    await _flush(stream, connection)
    chain = connection.get_peer_cert_chain(as_cryptography=True) or []
    if not chain:
        raise ProbeFailed(Failure.TLS_HANDSHAKE, "the peer presented no certificate")
    return [one.public_bytes(Encoding.DER) for one in chain], came[0] if came else b""


async def _flush(stream: Stream, connection: "SSL.Connection") -> None:
    from OpenSSL import SSL

    sent = b""
    while True:
        try:
            sent += connection.bio_read(READ_BYTES)
        except SSL.WantReadError:
            break
    if sent:
        await stream.send(sent)
