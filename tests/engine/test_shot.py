"""Probes without a coroutine tell what the prober tells, and hand over to it what is not as expected."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from servers import dns as server
from servers.dns import Behaviour, dns_server, refusing
from servers.forged_icmp import needs_forgery, port_unreachable
from servers.probing import Bench, bench
from vedette.checks.model import Check, DnsCheck, DnsExpect, Endpoint, IcmpCheck
from vedette.wire.facts import Facts
from vedette.wire.failure import Failure
from vedette_agent.engine.icmp import permission_problem
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.run import AgentStopped, DeadlineExceeded, Prober, Run
from vedette_agent.engine.shot import Sent, Shot
from vedette_agent.probers.run import aiming, prober, probing


class Ended(NamedTuple):
    """How one probe ended."""

    facts: Facts
    error: BaseException | None
    record: Record | None  # None: no prober had to look
    sent: Sent | None

    @property
    def said(self) -> object:
        """What people and dashboards see."""
        if isinstance(self.error, ProbeFailed):
            return self.error.failure, self.error.detail.replace(str(self.facts.resolver), "RESOLVER")
        notes = getattr(self.error, "__notes__", [])
        return type(self.error), getattr(self.error, "failure", None), notes

    @property
    def events(self) -> list[str]:
        assert self.record is not None
        return [event for _, event, _ in self.record.notes]


class Target:
    """One check, shot at again and again."""

    def __init__(self, on: Bench, check: Check) -> None:
        self._ended: asyncio.Future[Ended]
        self._on = on
        aim = aiming(check, on.io)
        assert aim is not None
        self.shot = Shot(on.engine, aim, probing(check, on.io), check.timeout, self._hit, self._done)

    def _hit(self, _: Shot, sent: Sent, facts: Facts) -> None:
        self._ended.set_result(Ended(facts, None, None, sent))

    def _done(self, run: Run, error: BaseException | None) -> None:
        self._ended.set_result(Ended(run.record.facts(), error, run.record, None))

    def fire(self) -> Awaitable[Ended]:
        self._ended = self._on.loop.create_future()
        self.shot.fire()
        return self._ended


async def plainly(on: Bench, check: Check) -> Ended:
    """The same by the prober alone."""
    record = Record()
    ended: asyncio.Future[BaseException | None] = on.loop.create_future()
    on.engine.start(
        prober(check, on.io, record), record, check.timeout, lambda _, error: ended.set_result(error)
    )
    error = await ended
    return Ended(record.facts(), error, record, None)


def dns_check(endpoint: Endpoint, expect: DnsExpect | None = None, timeout: float = 5.0) -> DnsCheck:
    return DnsCheck(
        name="t", target="t", interval=30, timeout=timeout, query_name="a.example", server=endpoint,
        expect=expect or DnsExpect(),
    )  # fmt: skip


def icmp_check(**said: Any) -> IcmpCheck:
    return IcmpCheck(name="t", target="t", interval=30, timeout=5, host="127.0.0.1", **said)


@pytest.mark.parametrize(
    ("behaviour", "timeout"),
    [
        (server.nodata, 5.0),
        (server.nxdomain, 5.0),
        (server.servfail, 5.0),
        (server.truncated, 5.0),
        (server.cut_off, 5.0),
        (server.pointer_loop, 5.0),
        (server.silent, 0.1),
        (server.wrong_case, 0.1),
        (server.wrong_id, 0.1),
        (server.garbage, 0.1),
        (server.after(server.wrong_question, server.healthy), 5.0),
        (server.after(server.wrong_question, server.nxdomain), 5.0),
    ],
)
def test_whatever_is_unusual_ends_as_the_prober_says(behaviour: Behaviour, timeout: float) -> None:
    """Failure, facts and evidence are the same, and so is what comes of the very next shot."""

    async def main() -> None:
        async with dns_server(behaviour) as at, bench() as on:
            check = dns_check(at.endpoint, timeout=timeout)
            target = Target(on, check)
            wanted = await plainly(on, check)
            for _ in range(2):
                ended = await target.fire()
                assert (ended.said, ended.facts, ended.events) == (wanted.said, wanted.facts, wanted.events)
            assert len(on.engine) == 0

    asyncio.run(main())


def test_what_is_expected_needs_no_prober_and_says_the_same() -> None:
    """The facts of one answer that comes again are one object; another answer has others."""
    answers = ["192.0.2.1", "192.0.2.1", "192.0.2.2"]

    async def main() -> tuple[list[Ended], Ended]:
        def behave(asked: server.Asked) -> None:
            asked.reply(asked.response(f"@ 60 A {left.pop(0)}"))

        left = [*answers, answers[-1]]
        async with dns_server(behave) as at, bench() as on:
            target = Target(on, dns_check(at.endpoint))
            return [await target.fire() for _ in answers], await plainly(on, dns_check(at.endpoint))

    ended, wanted = asyncio.run(main())
    assert all(each.record is None and each.error is None for each in ended)
    assert ended[0].facts is ended[1].facts
    assert ended[2].facts == wanted.facts != ended[1].facts
    assert all(each.sent is not None and 0 < each.sent.seconds < 5 for each in ended)


def test_the_expectations_of_the_check_hold() -> None:
    async def main() -> Ended:
        async with dns_server(server.records("@ 60 A 192.0.2.1")) as at, bench() as on:
            return await Target(on, dns_check(at.endpoint, DnsExpect(exact=("192.0.2.9",)))).fire()

    ended = asyncio.run(main())
    assert isinstance(ended.error, ProbeFailed)
    assert ended.error.failure == "dns.wrong_answer"
    assert ended.events == ["dns.query", "dns.answer"]


def test_patterns_are_searched_by_the_prober() -> None:
    """It knows how to do so beside the loop."""
    endpoint = Endpoint("127.0.0.1", 53)

    async def main() -> None:
        async with bench() as on:
            assert aiming(dns_check(endpoint, DnsExpect(nsid="x+")), on.io) is None
            assert aiming(icmp_check(count=3), on.io) is None

    asyncio.run(main())


@needs_forgery
@pytest.mark.parametrize("answered", [0, 1])
def test_an_error_that_may_be_forged_is_the_cause_of_its_own_timeout_alone(answered: int) -> None:
    """Of the shot that it came to: not of the next one, when it was answered all the same."""
    asked: list[server.Asked] = []

    async def main() -> list[Ended]:
        def behave(one: server.Asked) -> None:
            asked.append(one)
            if len(asked) == 1:
                port_unreachable(one.client, at.endpoint, len(one.wire), b"")
            if len(asked) <= answered:
                server.healthy(one)

        async with dns_server(behave) as at, bench() as on:
            target = Target(on, dns_check(at.endpoint, timeout=1.0))
            return [await target.fire() for _ in range(1 + answered)]

    *before, last = asyncio.run(main())
    assert [ended.error for ended in before] == [None] * answered
    assert isinstance(last.error, DeadlineExceeded)
    assert last.error.failure == (None if answered else "net.refused")


def test_a_refusal_is_told() -> None:
    async def main() -> tuple[Ended, Ended]:
        async with bench() as on:
            with refusing() as nowhere:
                check = dns_check(nowhere)
                return await Target(on, check).fire(), await plainly(on, check)

    ended, wanted = asyncio.run(main())
    assert isinstance(ended.error, ProbeFailed)
    assert ended.error.failure == "net.refused"
    assert (ended.said, ended.events) == (wanted.said, wanted.events)


def test_the_policy_is_asked_before_anything_is_sent() -> None:
    async def main() -> tuple[list[Ended], int]:
        async with dns_server() as at, bench(policy=Policy()) as on:
            checks: list[Check] = [dns_check(at.endpoint), icmp_check()]
            return [await Target(on, check).fire() for check in checks], len(at.asked)

    ended, asked = asyncio.run(main())
    assert asked == 0
    for each in ended:
        assert isinstance(each.error, ProbeSpoiled)
        assert each.error.reason == "policy"


def test_its_times_outlast_the_prober_that_takes_over() -> None:
    """The deadline is that of the shot, and the question is noted for when it was sent."""

    async def main() -> tuple[Ended, float, float, float]:
        async with dns_server(server.late(0.15, server.wrong_case)) as at, bench() as on:
            target = Target(on, dns_check(at.endpoint, timeout=0.3))
            started = on.loop.time()
            ended = await target.fire()
            return ended, started, target.shot.started, on.loop.time()

    ended, before, started, after = asyncio.run(main())
    assert isinstance(ended.error, DeadlineExceeded)
    assert ended.record is not None
    (sent, _, _), (came, event, _) = ended.record.notes
    assert event == "dns.stranger"
    assert before <= started <= sent < before + 0.15 <= came
    assert after - started < 0.3 + 0.15 + 5.0


def test_those_in_flight_end_with_the_agent() -> None:
    async def main() -> tuple[Ended, int]:
        async with dns_server(server.silent) as at, bench() as on:
            ended = Target(on, dns_check(at.endpoint)).fire()
            await asyncio.sleep(0)
            assert len(on.engine) == 1
            on.engine.stop()
            return await ended, len(on.engine)

    ended, left = asyncio.run(main())
    assert isinstance(ended.error, AgentStopped)
    assert left == 0


def test_a_prober_that_ends_before_it_waits_leaves_nothing_pending() -> None:
    """An answer that comes after all is not heard by anybody."""

    async def broken(record: Record, sent: Sent) -> None:
        raise ProbeFailed(Failure.DNS_SERVFAIL, "before it waits")

    async def main() -> tuple[Ended, int]:
        async with dns_server(server.nxdomain) as at, bench() as on:
            target = Target(on, dns_check(at.endpoint))
            take_over: Callable[..., Prober] = broken
            target.shot._prober = take_over
            ended = await target.fire()
            pending = [sock._pending for sock in on.io.udp._slots[4] if sock is not None]
            return ended, len(on.engine) + sum(map(len, pending))

    ended, left = asyncio.run(main())
    assert isinstance(ended.error, ProbeFailed)
    assert left == 0


@pytest.mark.skipif(permission_problem([4]) is not None, reason="no ICMP socket for this user")
def test_echoes() -> None:
    """One that comes back in time needs no prober; one that is too slow is judged by it."""

    async def main() -> tuple[Ended, Ended, Ended]:
        async with bench() as on:
            target = Target(on, icmp_check())
            await target.fire()
            slow = await Target(on, icmp_check(max_rtt=0.0)).fire()
            return await target.fire(), await plainly(on, icmp_check()), slow

    ended, wanted, slow = asyncio.run(main())
    assert ended.record is None
    assert ended.facts == wanted.facts
    assert isinstance(slow.error, ProbeFailed)
    assert slow.error.failure == "icmp.slow"
    assert slow.events == ["icmp.sent"]
