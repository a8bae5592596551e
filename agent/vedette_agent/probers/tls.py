"""Probes a TLS service: a connection, a handshake, and what the peer presented."""

import ssl
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from vedette.checks.model import Refusal, TlsCheck
from vedette.wire.facts import TlsFacts
from vedette.wire.failure import Failure
from vedette_agent.classify import NOT_TLS, classify
from vedette_agent.engine.opening import ask_for_tls
from vedette_agent.engine.record import ByClock, PathError, ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.engine.stream import Stream, connect
from vedette_agent.engine.tls import expires_soon, start_tls
from vedette_agent.pattern import compiled

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

# A reset is how some servers refuse a version: at this stage nothing else had been said.
_REFUSALS: Final[dict[Failure, Refusal]] = {
    Failure.TLS_EXPIRED: "expired",
    Failure.TLS_NOT_YET_VALID: "not_yet_valid",
    Failure.TLS_UNTRUSTED: "untrusted",
    Failure.TLS_HOSTNAME: "hostname",
    Failure.TLS_REVOKED: "revoked",
    Failure.TLS_HANDSHAKE: "handshake",
    Failure.TCP_RESET: "handshake",
}


async def probe_tls(check: TlsCheck, io: "Io", record: Record) -> None:
    """The handshake comes to what the check expects, be that its refusal, and nothing ends too soon."""
    record.stage = "resolve"
    address = await io.resolve(check.host, check.family, check.resolver, record)
    name = check.tls.server_name or check.host
    with await connect(io, address, check.port, record) as stream:
        if check.start_tls is not None:
            await ask_for_tls(stream, check.start_tls, name, record)
        if check.must_refuse is None:
            chain = await _shake(check, name, stream, record)
        else:
            begun = stream.now()
            is_accepted = False
            try:
                chain = await _shake(check, name, stream, record)
                is_accepted = True
                if check.ocsp is not None:
                    await _staple(check, io, address, name, chain, record)
            except (ssl.SSLError, PathError, ProbeFailed) as exc:
                # After the handshake only what the staple says is a refusal, and not how that was asked for.
                is_revoked = isinstance(exc, ProbeFailed) and exc.failure is Failure.TLS_REVOKED
                is_clock_wrong = io.is_clock_wrong()
                refused = None
                if is_revoked or not is_accepted:
                    refused = _refusal(exc, check, record, is_clock_wrong)
                if refused is None:
                    raise
                record.tls = replace(record.tls or TlsFacts(), refused=refused)
                if not is_accepted:  # else it is timed, and the asking for a staple no part of it
                    record.timed(False)
                    record.add_phase("tls", stream.arrived(begun)[0] - begun)
                return
            wanted = "" if check.must_refuse == "any" else f" as {check.must_refuse}"
            said = f"expected to be refused{wanted}: {_agreed(record.tls)}"
            is_by_clock = check.must_refuse in ("any", "expired", "not_yet_valid")
            raise (ByClock if is_by_clock else ProbeFailed)(Failure.TLS_ACCEPTED, said)
    failed = _unexpected(check, record.tls) or expires_soon(record.tls, check.tls)
    if failed is not None:
        raise failed
    if check.ocsp is not None:
        await _staple(check, io, address, name, chain, record)


async def _shake(check: TlsCheck, name: str, stream: Stream, record: Record) -> list[bytes]:
    """Shake hands and say goodbye. Gives the chain, verified where that is asked, for OCSP alone."""
    encrypted = await start_tls(stream, name, check.tls, record, check.alpn)
    chain: list[bytes] = []
    if check.ocsp is not None:
        chain = encrypted.certificates(is_verified=check.tls.verify)
    if check.must_refuse is not None or check.tls.cert_file is not None:
        try:
            await encrypted.farewell()
        except DeadlineExceeded:
            if check.ocsp is not None:
                raise  # there is no time left to ask for it
            # It has not refused, and keeps the connection.
    encrypted.close()
    return chain


async def _staple(
    check: TlsCheck, io: "Io", address: str, name: str, chain: list[bytes], record: Record
) -> None:
    from vedette_agent.engine.ocsp import stapled

    await stapled(check, io, address, name, chain, record)


def _refusal(error: Exception, check: TlsCheck, record: Record, is_clock_wrong: bool) -> str | None:
    """What was refused, in words, if *error* is the refusal that the check asks for."""
    if isinstance(error, ssl.SSLError) and getattr(error, "reason", None) in NOT_TLS:
        return None  # who does not speak TLS has refused nothing
    outcome, code, said = classify(error, record.stage, check.timeout, 0.0, is_clock_wrong=is_clock_wrong)
    way = _REFUSALS.get(Failure(code)) if outcome == "fail" else None
    if way is not None and check.must_refuse in ("any", way):
        return f"{way}: {said}"
    error.add_note(f"expected to be refused as {check.must_refuse}")
    return None


def _unexpected(check: TlsCheck, facts: TlsFacts | None) -> ProbeFailed | None:
    if facts is None:
        return None
    version = "TLSv1.0" if facts.version == "TLSv1" else facts.version
    wanted = None
    if check.versions and version not in check.versions:
        wanted = " or ".join(check.versions)
    elif check.cipher_matches is not None and not compiled(check.cipher_matches).search(facts.cipher or ""):
        wanted = f"a cipher like {check.cipher_matches[:80]!r}"
    elif check.protocols and facts.alpn not in check.protocols:
        wanted = f"ALPN {' or '.join(check.protocols)}"
    if wanted is None:
        return None
    return ProbeFailed(Failure.TLS_EXPECT, f"expected {wanted}; {_agreed(facts)}")


def _agreed(facts: TlsFacts | None) -> str:
    if facts is None:
        return "a handshake was made"
    return f"{facts.version} with {facts.cipher} and ALPN {facts.alpn or 'none'} was agreed on"
