"""A result can always be encoded and read back, whatever a target put into the facts."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.tcp import TcpServer, black_hole, reset
from stream.probing_helpers import common, http, probe, tcp, tls
from vedette.checks.model import Check, DnsCheck, Endpoint, IcmpCheck
from vedette.wire import codec, limits
from vedette.wire.facts import DnsFacts, Facts, HttpFacts, IcmpFacts, TlsFacts
from vedette.wire.failure import FAILURE_CODES, NOT_RUN_REASONS, Failure
from vedette.wire.messages import Batch, Phase, Result
from vedette_agent import outcome
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.fit import fitted, text

texts = st.one_of(
    st.none(),
    st.text(st.characters(), max_size=20),
    st.sampled_from(["x" * 2000, "é" * 600, "\x1b[31m" * 100, "\ud800" * 300, "\0"]),
)
lists = st.one_of(st.lists(texts.map(lambda said: said or ""), max_size=5), st.just(["x"] * 40))
numbers = st.one_of(st.integers(), st.sampled_from([2**53, -1, 2**70]))
maybe = st.one_of(st.none(), numbers)
seconds = st.one_of(st.floats(), st.sampled_from([1e300, -5.0, 3600.0]))

records = st.builds(
    dict,
    address=texts,
    port=st.one_of(st.none(), st.integers(0, 65535)),
    resolver=texts,
    phases=st.dictionaries(st.sampled_from(Phase.__args__), seconds, max_size=4),
    dns=st.one_of(
        st.none(),
        st.builds(
            DnsFacts,
            rcode=texts,
            answers=lists,
            answer_hash=texts,
            cname_chain=lists,
            answer_rrs=numbers,
            ttl_seconds=maybe,
            serial=maybe,
            spoof_suspected=numbers,
        ),
    ),
    http=st.one_of(
        st.none(),
        st.builds(
            HttpFacts,
            status=numbers,
            version=texts,
            redirects=numbers,
            content_length=maybe,
            body_bytes=numbers,
            last_modified_us=maybe,
        ),
    ),
    tls=st.one_of(
        st.none(),
        st.builds(
            TlsFacts,
            version=texts,
            cipher=texts,
            subject=texts,
            issuer=texts,
            alternative_names=lists,
            serial_number=texts,
            fingerprint_sha256=texts,
            not_before_us=maybe,
            not_after_us=maybe,
            earliest_not_after_us=maybe,
        ),
    ),
    icmp=st.one_of(st.none(), st.builds(IcmpFacts, sent=numbers, received=numbers, hop_limit=maybe)),
)
ends = st.one_of(
    st.none(),
    st.builds(ProbeFailed, st.sampled_from(Failure), texts.map(lambda said: said or "")),
    st.builds(DeadlineExceeded),
    st.builds(RuntimeError, texts),
)


def _readable(result: Result) -> Result:
    batch = Batch(v=limits.VERSION, agent="par-01", epoch="0" * 32, first_seq=1, results=[result])
    return codec.decode(*codec.encode(batch), Batch).results[0]


@given(records, ends, seconds, seconds, numbers)
def test_any_record_makes_a_result_that_a_collector_accepts(
    left: dict[str, Any], error: BaseException | None, elapsed: float, stalled: float, started_us: int
) -> None:
    record = Record()
    for name, value in left.items():
        setattr(record, name, value)
    result = outcome.result(tcp(1), record, error, started_us=started_us, elapsed=elapsed, stalled=stalled)
    assert _readable(result) == result
    assert (result.reason is None) == (result.outcome == "ok")
    assert (result.duration_us is None) == (result.outcome == "not_run")


def test_texts_from_targets_reach_no_terminal_as_they_are() -> None:
    assert text("a\x1b[31mb\u202e", 100) == r"a\x1b[31mb\u202e"
    assert text("x" * 300, 256) == "x" * 255 + "…"
    assert len(text("\x1b" * 300, 256)) == 256


def test_facts_that_were_told_before_are_told_again_and_others_are_looked_at() -> None:
    record = Record()
    record.address = "192.0.2.7"
    record.tls = TlsFacts(subject="CN=shop")
    first = _result(record)
    again = _result(record, known=first.facts)
    assert again.facts is first.facts
    record.tls = TlsFacts(subject="\x1b[2J")
    assert _result(record, known=first.facts).facts == Facts(
        address="192.0.2.7", tls=TlsFacts(subject="\\x1b[2J")
    )


def _result(record: Record, known: Facts | None = None) -> Result:
    return outcome.result(tcp(1), record, None, started_us=0, elapsed=0.1, stalled=0.0, known=known)


def test_a_failure_lasts_as_long_as_it_took_and_a_success_as_its_phases() -> None:
    record = Record()
    record.phases = {"connect": 0.1, "transfer": 0.2}
    given = {"started_us": 1, "elapsed": 0.5, "stalled": 0.0}
    assert outcome.result(tcp(1), record, None, **given).duration_us == 300_000
    failed = outcome.result(tcp(1), record, ProbeFailed(Failure.TCP_EXPECT, "x"), **given)
    assert failed.duration_us == 500_000
    assert failed.phases_us == {"connect": 100_000, "transfer": 200_000}


def _every_kind(port: int) -> list[Check]:
    here = Endpoint("127.0.0.1", port)
    return [
        DnsCheck(query_name="shop.example", server=here, **common(0.5)),
        DnsCheck(query_name="shop.example", server=here, transport="tcp", **common(0.5)),
        http(f"http://127.0.0.1:{port}/", timeout=0.5),
        http(f"https://127.0.0.1:{port}/", timeout=0.5),
        http("http://shop.example/", resolver=here, timeout=0.5),
        tcp(port, timeout=0.5, send="x", expect="x"),
        tls(port, timeout=0.5),
        IcmpCheck(host="shop.example", resolver=here, **common(0.5)),
    ]


@pytest.mark.parametrize("world", ["refused", "black hole", "reset"])
def test_every_kind_of_probe_yields_a_result_that_can_be_sent(world: str) -> None:
    """Whatever meets it, a probe ends with one result, in the time it has, and its code is a known one."""
    with TcpServer(reset) as rude, black_hole() as hole:
        port = {"refused": 1, "black hole": hole.getsockname()[1], "reset": rude.port}[world]
        checks = _every_kind(port)
        results = probe(*checks)
    assert len(results) == len(checks)
    for result in results:
        assert _readable(result) == result
        assert result.outcome == "fail"
        assert result.reason in FAILURE_CODES | NOT_RUN_REASONS
        assert result.detail


def test_fitting_costs_a_fraction_of_a_probe() -> None:
    """A target can make every result need it: 4 ms for these, and 330 if each looked at the types anew."""
    facts = Facts(tls=TlsFacts(subject="O=a\\b", alternative_names=["x" * 300]))
    began = time.thread_time()
    for _ in range(200):
        fitted(facts)
    assert time.thread_time() - began < 0.1
