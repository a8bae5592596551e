"""Names what ended a probe. Total: every exception at every stage has exactly one name.

The line drawn here is the one that matters most to whoever is paged: what the target or the path did is a
*fail*; what our own host, agent or code did is *not_run* and never counts against a target.
"""

import errno
import re
import ssl
from typing import Final, Literal

from vedette.wire.failure import Failure, NotRun
from vedette_agent.engine.record import ByClock, NotInTime, PathError, ProbeFailed, ProbeSpoiled, Stage
from vedette_agent.engine.run import AgentStopped, DeadlineExceeded, HostSuspended

Named = tuple[Literal["fail"], Failure, str] | tuple[Literal["not_run"], NotRun, str]

LAG_SHARE: Final = 0.1  # of the timeout: a stall of ours from which a timeout is ours and not the target's

_TIMEOUT: Final[dict[Stage, Failure]] = {
    "resolve": Failure.DNS_TIMEOUT,
    "dns": Failure.DNS_TIMEOUT,
    "connect": Failure.TCP_TIMEOUT,
    "quic": Failure.QUIC_TIMEOUT,
    "starttls": Failure.TLS_TIMEOUT,
    "tls": Failure.TLS_TIMEOUT,
    "tcp": Failure.TCP_TIMEOUT,
    "http": Failure.HTTP_TIMEOUT,
    "icmp": Failure.ICMP_LOSS,
    "grpc": Failure.GRPC_TIMEOUT,
    "websocket": Failure.WEBSOCKET_TIMEOUT,
    "ntp": Failure.NTP_TIMEOUT,
    "udp": Failure.UDP_TIMEOUT,
    "path": Failure.PATH_TIMEOUT,
}
_DATAGRAMS: Final = frozenset[Stage]({"resolve", "dns", "quic", "icmp", "path", "udp", "ntp"})
_WAITED_FOR: Final[dict[Stage, str]] = {
    "resolve": "an answer about the target's name",
    "dns": "an answer",
    "connect": "the connection",
    "quic": "the QUIC handshake",
    "starttls": "leave to begin TLS",
    "tls": "the TLS handshake",
    "tcp": "the expected bytes",
    "http": "the response",
    "icmp": "an echo reply",
    "grpc": "the answer to the call",
    "websocket": "the WebSocket",
    "ntp": "an answer",
    "udp": "an answer",
    "path": "answers from the path",
}

# What OpenSSL makes of bytes that are no records.
NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})

# Whoever reports these, they are about our own host.
_OWN: Final = {
    errno.EMFILE: NotRun.NO_DESCRIPTOR,
    errno.ENFILE: NotRun.NO_DESCRIPTOR,
    errno.ENOMEM: NotRun.NO_MEMORY,
    errno.ENOBUFS: NotRun.NO_MEMORY,
}
# Given at once by our own kernel; from the path the same numbers mean something else.
_OWN_AT_ONCE: Final = {
    errno.ENETUNREACH: NotRun.NO_ROUTE,
    errno.EHOSTUNREACH: NotRun.NO_ROUTE,
    errno.EADDRNOTAVAIL: NotRun.NO_ROUTE,
    errno.ENETDOWN: NotRun.NO_ROUTE,
    errno.EAFNOSUPPORT: NotRun.NO_ROUTE,
    errno.EACCES: NotRun.NO_PERMISSION,
    errno.EPERM: NotRun.NO_PERMISSION,
    errno.EMSGSIZE: NotRun.CONFIGURATION,  # not even our own interface takes a packet of this size
}
_UNREACHABLE: Final = frozenset(
    {
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENONET,
        errno.ENETDOWN,
        errno.EPROTO,
        errno.ENOPROTOOPT,  # ICMP protocol unreachable, as the kernel hands it on
        errno.EACCES,  # ICMP administratively prohibited
        errno.EMSGSIZE,
        errno.EOPNOTSUPP,
        errno.EADDRNOTAVAIL,
    }
)

# X509_V_ERR_* of OpenSSL, x509_vfy.h. What is not here means that no trusted chain could be built.
_VERIFY: Final = {
    9: Failure.TLS_NOT_YET_VALID,
    10: Failure.TLS_EXPIRED,
    62: Failure.TLS_HOSTNAME,
    63: Failure.TLS_HOSTNAME,  # e-mail mismatch: never asked for, a name all the same
    64: Failure.TLS_HOSTNAME,  # the name is an address
}


# "[SSL] what happened (_ssl.c:1006)": where in whose source it was noticed tells nobody anything.
_OPENSSL_FRAME: Final = re.compile(r"^\[[^\]]*\] | \(_ssl\.c:\d+\)$")


# By our wall clock, wherever they are raised.
_TIMES: Final = frozenset({Failure.TLS_EXPIRED, Failure.TLS_NOT_YET_VALID})


def classify(
    error: BaseException, stage: Stage, timeout: float, stalled: float, *, is_clock_wrong: bool = False
) -> Named:
    """What *error* at *stage* means, with a sentence for people.

    *stalled*: seconds of our own stalls that overlap the run. *is_clock_wrong*: our wall clock, certainly.
    """
    named = _named(error, stage, timeout, stalled)
    if is_clock_wrong and (named[1] in _TIMES or isinstance(error, ByClock)):
        return "not_run", NotRun.CLOCK, f"by a clock that is wrong: {named[2]}"
    return named


def _named(error: BaseException, stage: Stage, timeout: float, stalled: float) -> Named:
    match error:
        case DeadlineExceeded() | NotInTime() if stalled >= LAG_SHARE * timeout:
            return "not_run", NotRun.LOOP_LAG, f"we stood still for {stalled:.3f} s of {timeout:g} s"
        case ProbeFailed():
            return "fail", error.failure, error.detail
        case ProbeSpoiled():
            return "not_run", error.reason, error.detail
        case DeadlineExceeded():
            said = f"waited for {_WAITED_FOR[stage]}; {timeout:g} s are over"
            return "fail", error.failure or _TIMEOUT[stage], _noted(said, error)
        case HostSuspended():
            return "not_run", NotRun.SUSPENDED, "the host slept while the probe ran"
        case AgentStopped():
            return "not_run", NotRun.SHUTDOWN, "the agent stopped while the probe ran"
        case ssl.SSLError():  # an OSError whose errno is OpenSSL's: it must be asked first
            return "fail", *_tls(error)
        case OSError():
            return _os_error(error, stage)
        case MemoryError():
            return "not_run", NotRun.NO_MEMORY, "out of memory"
        case _:
            return "not_run", NotRun.INTERNAL, f"{type(error).__name__} at {stage}: {error}"


def _noted(said: str, error: BaseException) -> str:
    """With what the prober added on the way out: what had been seen until then."""
    return "; ".join([said, *getattr(error, "__notes__", ())])


def _tls(error: ssl.SSLError) -> tuple[Failure, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        code = getattr(error, "verify_code", None)
        said = (getattr(error, "verify_message", None) or str(error)).rstrip(".")
        failure = Failure.TLS_UNTRUSTED if code is None else _VERIFY.get(code, Failure.TLS_UNTRUSTED)
        return failure, _noted(said, error)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Failure.TLS_HANDSHAKE, "the peer closed the connection in the TLS handshake"
    reason = getattr(error, "reason", None)  # only OpenSSL's own have one
    if reason in NOT_TLS:
        return Failure.TLS_HANDSHAKE, "what came is not TLS"
    said = (reason or _OPENSSL_FRAME.sub("", str(error))).replace("_", " ").lower()
    return Failure.TLS_HANDSHAKE, said


def _os_error(error: OSError, stage: Stage) -> Named:
    number = error.errno
    said = error.strerror or str(error)
    if number in _OWN:
        return "not_run", _OWN[number], said
    if not isinstance(error, PathError) and number in _OWN_AT_ONCE:
        return "not_run", _OWN_AT_ONCE[number], said
    if number == errno.ECONNREFUSED:
        return "fail", Failure.NET_REFUSED if stage in _DATAGRAMS else Failure.TCP_REFUSED, said
    if number in (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE):
        return "fail", Failure.TCP_RESET, f"reset while we waited for {_WAITED_FOR[stage]}"
    if number == errno.ETIMEDOUT:
        return "fail", _TIMEOUT[stage] if stage in _DATAGRAMS else Failure.TCP_TIMEOUT, said
    if number == errno.EINVAL and stage == "connect":
        # A link-local address without an interface, say from DNS: nobody could connect to it.
        return "fail", Failure.NET_UNREACHABLE, "no connection can be made to this address"
    if isinstance(error, PathError) and number in _UNREACHABLE:
        return "fail", Failure.NET_UNREACHABLE, said
    return "not_run", NotRun.INTERNAL, f"{type(error).__name__} at {stage}: {error}"
