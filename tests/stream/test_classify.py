"""Every exception at every stage has one name, and the name blames the right side."""

import asyncio
import errno
import re
import ssl
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.wire.failure import Failure, NotRun
from vedette_agent.classify import LAG_SHARE, classify
from vedette_agent.engine.record import PathError, ProbeFailed, ProbeSpoiled, Stage
from vedette_agent.engine.run import AgentStopped, DeadlineExceeded, HostSuspended

STAGES: tuple[Stage, ...] = typing.get_args(Stage)


def _subclasses(kind: type[BaseException]) -> list[type[BaseException]]:
    return [kind, *(deep for sub in kind.__subclasses__() for deep in _subclasses(sub))]


def _made(kind: type[BaseException], arguments: list[Any]) -> BaseException:
    """An instance, if it can be made so; else one made without asking."""
    try:
        return kind(*arguments)
    except Exception:
        return kind.__new__(kind)


errors = st.one_of(
    st.builds(OSError, st.integers(0, 200), st.text(max_size=20)),
    st.builds(PathError, st.integers(0, 200), st.text(max_size=20)),
    st.builds(ProbeFailed, st.sampled_from(Failure), st.text()),
    st.builds(ProbeSpoiled, st.sampled_from(NotRun), st.text()),
    st.builds(DeadlineExceeded),
    st.builds(
        _made,
        st.sampled_from(
            [
                kind
                for kind in _subclasses(BaseException)
                if kind.__module__.split(".")[0] in ("builtins", "ssl", "socket", "asyncio")
                and not issubclass(kind, BaseExceptionGroup)
            ]
        ),
        st.lists(st.one_of(st.integers(-1, 200), st.text(max_size=5), st.none()), max_size=3),
    ),
)


@given(errors, st.sampled_from(STAGES), st.floats(0.01, 300), st.floats(0, 10))
def test_classify_is_total(error: BaseException, stage: Stage, timeout: float, stalled: float) -> None:
    outcome, code, detail = classify(error, stage, timeout, stalled)
    assert isinstance(code, Failure if outcome == "fail" else NotRun)
    assert isinstance(detail, str)


@pytest.mark.parametrize(
    ("stage", "failure"),
    [
        ("resolve", "dns.timeout"),
        ("dns", "dns.timeout"),
        ("connect", "tcp.timeout"),
        ("tls", "tls.timeout"),
        ("tcp", "tcp.timeout"),
        ("http", "http.timeout"),
        ("icmp", "icmp.loss"),
    ],
)
def test_a_deadline_is_of_the_layer_that_was_waited_for(stage: Stage, failure: str) -> None:
    assert classify(DeadlineExceeded(), stage, 1.0, 0.0)[:2] == ("fail", failure)


def test_a_stall_of_ours_of_a_tenth_of_the_timeout_takes_the_blame() -> None:
    assert classify(DeadlineExceeded(), "tcp", 2.0, 2.0 * LAG_SHARE - 0.001)[1] == "tcp.timeout"
    assert classify(DeadlineExceeded(), "tcp", 2.0, 2.0 * LAG_SHARE)[:2] == ("not_run", "loop_lag")
    # Only a timeout: a refusal is a refusal however slow we were.
    assert classify(PathError(errno.ECONNREFUSED, ""), "connect", 2.0, 2.0)[1] == "tcp.refused"


@pytest.mark.parametrize(
    ("number", "at_once", "from_the_path"),
    [
        (errno.ENETUNREACH, "no_route", "net.unreachable"),
        (errno.EHOSTUNREACH, "no_route", "net.unreachable"),
        (errno.EADDRNOTAVAIL, "no_route", "net.unreachable"),
        (errno.EACCES, "no_permission", "net.unreachable"),
        (errno.EPERM, "no_permission", "internal"),
        (errno.EMFILE, "no_descriptor", "no_descriptor"),
        (errno.ENFILE, "no_descriptor", "no_descriptor"),
        (errno.ENOMEM, "no_memory", "no_memory"),
        (errno.ENOBUFS, "no_memory", "no_memory"),
        (errno.ECONNREFUSED, "tcp.refused", "tcp.refused"),
        (errno.ECONNRESET, "tcp.reset", "tcp.reset"),
        (errno.EPIPE, "tcp.reset", "tcp.reset"),
        (errno.ETIMEDOUT, "tcp.timeout", "tcp.timeout"),
        (errno.EINVAL, "net.unreachable", "net.unreachable"),  # fe80::1 without an interface
        (errno.EBADF, "internal", "internal"),
    ],
)
def test_our_own_kernel_and_the_path_mean_different_things(
    number: int, at_once: str, from_the_path: str
) -> None:
    assert classify(OSError(number, "x"), "connect", 1.0, 0.0)[1] == at_once
    assert classify(PathError(number, "x"), "connect", 1.0, 0.0)[1] == from_the_path


@pytest.mark.parametrize(
    ("code", "failure"),
    [
        (9, "tls.not_yet_valid"),
        (10, "tls.expired"),
        (18, "tls.untrusted"),
        (19, "tls.untrusted"),
        (20, "tls.untrusted"),
        (21, "tls.untrusted"),
        (62, "tls.hostname"),
        (64, "tls.hostname"),
        (66, "tls.untrusted"),
    ],
)
def test_verification_codes(code: int, failure: str) -> None:
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code = code
    assert classify(error, "tls", 1.0, 0.0)[:2] == ("fail", failure)


def test_what_ends_a_probe_on_our_side() -> None:
    assert classify(HostSuspended(), "http", 1.0, 0.0)[1] == "suspended"
    assert classify(AgentStopped(), "http", 1.0, 0.0)[1] == "shutdown"
    assert classify(MemoryError(), "http", 1.0, 0.0)[1] == "no_memory"
    assert classify(ZeroDivisionError("x"), "http", 1.0, 0.0)[1] == "internal"
    assert classify(asyncio.CancelledError(), "http", 1.0, 0.0)[1] == "internal"


def test_where_openssl_noticed_it_is_not_told() -> None:
    error = ssl.SSLError(1, "[SSL] record layer failure (_ssl.c:1006)")
    assert classify(error, "tls", 5.0, 0.0) == ("fail", Failure.TLS_HANDSHAKE, "record layer failure")


def test_notes_are_part_of_the_detail() -> None:
    error = DeadlineExceeded()
    error.add_note("3 bytes came")
    assert re.search("3 bytes came$", classify(error, "tcp", 1.0, 0.0)[2])
