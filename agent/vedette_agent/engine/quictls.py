"""TLS of a QUIC connection (RFC 9001): what is offered, and what the peer presented, also when it is refused.

QUIC has no handshake of its own before that of TLS: the phase "connect" is both, and there is no phase "tls".
"""

import datetime
import hashlib
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec import structs

from vedette.checks.model import TlsOptions
from vedette.wire import limits
from vedette.wire.facts import TlsFacts
from vedette.wire.failure import NotRun
from vedette_agent.der import key_facts
from vedette_agent.engine.certificates import MAX_READ
from vedette_agent.engine.quic import Quic, opened
from vedette_agent.engine.quicconnection import NameOf
from vedette_agent.engine.quictrust import refusal, store
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.tls import NOTED_CERTIFICATES, described
from vedette_agent.unreadable import UNREADABLE

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

Chain = Sequence[x509.Certificate]


async def start_quic(
    io: "Io",
    address: str,
    port: int,
    host: str,
    options: TlsOptions,
    alpn: str,
    record: Record,
    *,
    window: int,
    streams: int,
    name_of: NameOf,
    is_own_server: bool = False,
) -> Quic:
    """Shake hands; sets the phase "connect" and the record's TLS facts, these also when verification fails.

    *host*: SNI and the name to verify. *window*: how many bytes of streams the peer may send in all.
    *streams*, *name_of*, *is_own_server*: see `opened`. Raises ProbeFailed(quic.*, tls.*, net.refused),
    ProbeSpoiled(policy, configuration), PathError, and OSError on our own kernel's word.
    """
    name = host.rstrip(".")
    made = configuration(options, name, alpn, window)
    quic = opened(
        io, address, port, made, record, streams=streams, name_of=name_of, is_own_server=is_own_server
    )
    try:
        try:
            chosen = await quic.handshake()
        except BaseException:
            came = presented(quic)
            if came:
                record.tls = facts(quic, came, (), None, is_verified=False)
            raise
        left, is_kernel = quic.left()
        record.timed(is_kernel)
        arrived, is_kernel = quic.arrived()
        record.timed(is_kernel)
        record.add_phase("connect", arrived - left)
        _judge(quic, name, options, chosen, record)
        return quic
    except BaseException:
        quic.close()
        raise


def _judge(quic: Quic, name: str, options: TlsOptions, chosen: str | None, record: Record) -> None:
    chain = presented(quic)
    if not options.verify:
        record.tls = facts(quic, chain, (), chosen, is_verified=False)
        return
    refused, anchored = refusal(chain, name, options.ca_file)
    record.tls = told = facts(quic, chain, anchored, chosen, is_verified=refused is None)
    if refused is None:
        return
    for one in chain[:NOTED_CERTIFICATES]:
        record.note("tls.certificate", one.public_bytes(Encoding.DER))
    # The peer's log shall say why as well.
    quic.close(QuicErrorCode.CRYPTO_ERROR + refused.alert, QuicFrameType.CRYPTO)
    raise ProbeFailed(refused.failure, f"{refused.said}; {described(told, name)}")


def configuration(options: TlsOptions, host: str, alpn: str, window: int) -> QuicConfiguration:
    """What to connect with; at most *window* bytes of all streams may come.

    Raises ProbeSpoiled(configuration) when a file cannot be used, or without trust anchors.
    """
    if options.verify:
        store(options.ca_file)  # before anything is sent
    made = QuicConfiguration(
        alpn_protocols=[alpn],
        server_name=host.rstrip("."),
        verify_mode=ssl.CERT_NONE,
        max_data=window,
        max_stream_data=window,
    )
    if options.cert_file is not None:
        _identify(made, options.cert_file, options.key_file)
    return made


def _identify(made: QuicConfiguration, cert_file: str, key_file: str | None) -> None:
    try:
        made.load_cert_chain(cert_file, key_file)
        if made.private_key is None:
            raise ValueError("no key")
    except (OSError, ValueError, TypeError, IndexError) as exc:
        fault = "no certificate with an unencrypted key in PEM form"
        fault = str(exc.strerror) if isinstance(exc, OSError) else fault
        said = f"cert_file {cert_file}, key_file {key_file or cert_file}: {fault}"
        raise ProbeSpoiled(NotRun.CONFIGURATION, said) from exc


def presented(quic: Quic) -> list[x509.Certificate]:
    """The chain that the peer sent, leaf first; empty before it came."""
    tls = getattr(quic.connection, "tls", None)
    leaf = None if tls is None else tls._peer_certificate
    return [] if tls is None or leaf is None else [leaf, *tls._peer_certificate_chain]


def facts(quic: Quic, chain: Chain, anchored: Chain, alpn: str | None, *, is_verified: bool) -> TlsFacts:
    """As those of the other checks. *anchored*: from the leaf to the trust anchor, or empty."""
    suite = getattr(quic.connection.tls.key_schedule, "cipher_suite", None)
    told = TlsFacts(
        version="TLSv1.3",
        cipher=None if suite is None else f"TLS_{suite.name}",
        verified=is_verified,
        presented=len(chain),
        alpn=alpn,
    )
    if not chain:
        return told
    leaf = chain[0]
    der = leaf.public_bytes(Encoding.DER)
    try:
        key = key_facts(der)
    except ValueError:
        key = None
    serial = f"{leaf.serial_number:X}"
    return structs.replace(
        told,
        subject=_name(leaf, is_issuer=False),
        issuer=_name(leaf, is_issuer=True),
        alternative_names=_names(leaf),
        serial_number=serial.zfill(len(serial) + len(serial) % 2)[: limits.MAX_TEXT],
        fingerprint_sha256=hashlib.sha256(der).hexdigest(),
        not_before_us=_us(leaf.not_valid_before_utc),
        not_after_us=_us(leaf.not_valid_after_utc),
        earliest_not_after_us=min(_us(one.not_valid_after_utc) for one in chain[:MAX_READ]),
        key_type=None if key is None else key.key_type,
        key_bits=None if key is None else key.key_bits,
        signature_algorithm=None if key is None else key.signature_algorithm,
        chain=len(anchored) if is_verified else 0,
        chain_not_after_us=min((_us(one.not_valid_after_utc) for one in anchored), default=None),
    )


def _us(moment: datetime.datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def _name(leaf: x509.Certificate, *, is_issuer: bool) -> str | None:
    """The common name, else the whole name in short form. None where it cannot be read."""
    try:
        name = leaf.issuer if is_issuer else leaf.subject
        common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
        parts = [f"{one.rfc4514_attribute_name}={one.value!s}" for one in list(name)[:16]]
    except UNREADABLE:
        return None
    said = str(common[0].value) if common else ", ".join(parts)
    return said[: limits.MAX_TEXT] or None


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
    return [
        str(one.value)[: limits.MAX_TEXT]
        for one in list(found)[: limits.MAX_ANSWERS]
        if isinstance(one, x509.DNSName | x509.IPAddress)
    ]
