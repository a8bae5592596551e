"""Several conversations of one run at once, over real sockets."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from servers import dns as server
from servers.dns import dns_server, refusing
from servers.probing import Bench, Probed, bench
from vedette.checks.model import Endpoint
from vedette_agent.dns.query import Query
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.question import Asked, ask
from vedette_agent.engine.record import ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.run import TICK, AgentStopped, DeadlineExceeded
from vedette_agent.engine.together import MAX_BRANCHES, together

QUERY = Query("api.example.com", "A")
Outcomes = list[Asked | Exception]


async def asked_at_once(
    on: Bench, servers: list[Endpoint], seconds: float = 5.0, shares: int = 1
) -> tuple[Outcomes, Probed]:
    outcomes: Outcomes = []

    async def prober(check: Any, io: Io, record: Record) -> None:
        outcomes.extend(await together(io, [ask(io, one, QUERY, Record()) for one in servers], shares))

    return outcomes, await on.run(prober, None, seconds)


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(main())  # type: ignore[arg-type]


def test_answers_come_in_the_order_of_the_questions_and_not_of_their_arrival() -> None:
    async def main() -> None:
        async with (
            dns_server(server.late(0.2)) as slow,
            dns_server() as quick,
            dns_server(server.truncated) as cut,
            bench() as on,
        ):
            with refusing() as nobody:
                outcomes, probed = await asked_at_once(
                    on, [slow.endpoint, quick.endpoint, nobody, cut.endpoint]
                )
        assert probed.error is None
        late, at_once, refused, long = outcomes
        assert isinstance(late, Asked)
        assert isinstance(at_once, Asked)
        assert isinstance(long, Asked)
        assert late.seconds > 0.15
        assert long.transport == "tcp"  # what UDP cut is fetched within the branch
        assert isinstance(refused, ProbeFailed)
        assert refused.failure == "net.refused"

    run(main)


def test_silent_servers_cost_their_share_together_and_the_answers_are_kept() -> None:
    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            silent = [await stack.enter_async_context(dns_server(server.silent)) for _ in range(5)]
            good = await stack.enter_async_context(dns_server())
            on = await stack.enter_async_context(bench())
            outcomes, probed = await asked_at_once(
                on, [*(one.endpoint for one in silent), good.endpoint], seconds=20.0, shares=20
            )
        assert probed.error is None
        assert 0.95 < probed.seconds < 5.0  # one share, and not five
        assert all(isinstance(one, DeadlineExceeded) for one in outcomes[:5])
        assert isinstance(outcomes[5], Asked)

    run(main)


def test_with_all_the_time_left_it_ends_before_the_deadline_of_the_run() -> None:
    async def main() -> None:
        async with dns_server(server.silent) as silent, bench() as on:
            for _ in range(20):
                outcomes, probed = await asked_at_once(on, [silent.endpoint], seconds=0.3)
                if on.engine.worst_lag < TICK:
                    break
                on.engine.worst_lag = 0.0  # a tick that was late by another sweeps the run with its branches
        assert probed.error is None
        assert isinstance(outcomes[0], DeadlineExceeded)

    run(main)


def test_what_fails_before_it_waits_fails_alone() -> None:
    """The policy denies two of them; then all: the run goes on though nothing was waited for."""

    async def main() -> None:
        async with dns_server() as good, bench(policy=Policy()) as on:
            outcomes, probed = await asked_at_once(on, [Endpoint("10.0.0.1", 53), good.endpoint])
        assert probed.error is None
        assert [type(one) for one in outcomes] == [ProbeSpoiled, ProbeSpoiled]

    run(main)


def test_a_run_that_is_ended_ends_what_it_waited_for() -> None:
    async def main() -> None:
        seen: list[BaseException] = []

        async def branch(io: Io, at: Endpoint) -> Asked:
            try:
                return await ask(io, at, QUERY, Record())
            except BaseException as exc:
                seen.append(exc)
                raise

        async def prober(check: Any, io: Io, record: Record) -> None:
            await together(io, [branch(io, silent.endpoint), branch(io, silent.endpoint)])

        async with dns_server(server.silent) as silent, bench() as on:
            on.loop.call_later(0.1, on.engine.stop)
            probed = await on.run(prober, None, 20.0)
            assert isinstance(probed.error, AgentStopped)
            assert [type(exc) for exc in seen] == [AgentStopped, AgentStopped]
            assert len(on.engine) == 0

    run(main)


def test_a_bug_in_one_branch_is_told_and_spoils_no_other() -> None:
    async def main() -> None:
        outcomes: list[Any] = []

        async def broken() -> Asked:
            raise KeyError("bug")

        async def prober(check: Any, io: Io, record: Record) -> None:
            outcomes.extend(await together(io, [broken(), ask(io, good.endpoint, QUERY, Record())]))
            outcomes.extend(await together(io, []))

        async with dns_server() as good, bench() as on:
            probed = await on.run(prober, None)
        assert probed.error is None
        assert [type(one) for one in outcomes] == [KeyError, Asked]

    run(main)


def test_more_than_a_step_may_hold_is_refused() -> None:
    async def main() -> None:
        async with dns_server() as good, bench() as on:
            _, probed = await asked_at_once(on, [good.endpoint] * (MAX_BRANCHES + 1))
            assert isinstance(probed.error, ValueError)
            assert good.asked == []

    run(main)


def test_runs_side_by_side_do_not_meet() -> None:
    async def main() -> None:
        async with dns_server(server.late(0.05)) as good, bench() as on:
            both = await asyncio.gather(*(asked_at_once(on, [good.endpoint] * 8) for _ in range(4)))
        for outcomes, probed in both:
            assert probed.error is None
            assert len(outcomes) == 8
            assert all(isinstance(one, Asked) for one in outcomes)

    run(main)
