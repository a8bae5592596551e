"""An agent's runner with its bypasses on the running loop, and a resolver whose world a test changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from servers.dns import Asked
from vedette.checks.model import BypassPlan, Check, DnsCheck, Endpoint
from vedette.wire.messages import Bypass, Result
from vedette_agent.bypass.running import Bypasses
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere, Policy
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import Engine
from vedette_agent.runner import Runner
from vedette_agent.shedding import Shedding

PATIENCE = 20.0  # seconds; what is waited for comes within three on a quiet machine
OFTEN = BypassPlan(interval=1.0)


class Probing:
    """Runner and bypasses, wired as in an agent, and everything that they deliver."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.results: list[Result] = []
        self.explained: list[Result] = []
        self.shedding = Shedding()
        self.engine = Engine(asyncio.get_running_loop())
        self.io = Io(self.engine, policy=policy or Anywhere())
        self._came = asyncio.Event()
        self.bypasses = Bypasses(
            "par-01",
            self.engine,
            self.io,
            self._deliver,
            lambda check: check in self.runner.out_of_turn.failing,
            self.shedding,
        )
        self.runner = Runner(
            "par-01",
            self.engine,
            self.io,
            self._deliver,
            self._tick,
            self._explain,
            self.shedding,
            self.bypasses.confirmed,
            self.bypasses.worked,
        )

    def assign(self, *checks: Check) -> None:
        self.runner.assign(checks)
        self.bypasses.assign(checks)

    def of(self, way: Bypass | None) -> list[Result]:
        """What came by *way*; None for the check's own."""
        return [one for one in self.results if one.bypass == way]

    async def until(self, is_so: Callable[[], object], what: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                self._came.clear()
                await self._came.wait()
        assert is_so(), what

    async def next(self, way: Bypass | None, outcome: str | None = None) -> Result:
        """The next result by *way*, or the next with this outcome."""
        start = len(self.results)

        def found() -> list[Result]:
            return [
                one for one in self.results[start:] if one.bypass == way and outcome in (None, one.outcome)
            ]

        await self.until(found, f"{outcome} by {way}")
        return found()[0]

    def _deliver(self, result: Result) -> None:
        self.results.append(result)
        self._came.set()

    def _tick(self, now: float) -> None:
        if now >= self.bypasses.next_due:
            self.bypasses.tick(now)

    def _explain(self, check: Check, result: Result, record: Record, started: float) -> bool:
        self.explained.append(result)
        return True


@asynccontextmanager
async def probing(*checks: Check, policy: Policy | None = None) -> AsyncIterator[Probing]:
    made = Probing(policy)
    try:
        made.assign(*checks)
        made.runner.start()
        yield made
    finally:
        made.engine.stop()
        made.io.close()


class Names:
    """What a resolver, or an authority, knows: texts of records by name and type; else it is NXDOMAIN.

    The behaviour of a DNS server. `rcode` is all it says where that is set; `is_silent`: it says nothing.
    """

    def __init__(self, records: dict[str, list[str]], flags: int = 0) -> None:
        self.records = records
        self.rcode: int | None = None
        self.is_silent = False
        self._flags = flags

    def __call__(self, asked: Asked) -> None:
        if self.is_silent:
            return
        if self.rcode is not None:
            asked.reply(asked.response(rcode=self.rcode))
            return
        question = asked.message.question[0]
        name = question.name.to_text().lower().removesuffix(".")
        rdtype = question.rdtype.name
        having = {key.split()[0] for key in self.records}
        found = self.records.get(f"{name} {rdtype}", self.records.get(f"{name} CNAME", []))
        asked.reply(asked.response(*found, rcode=0 if name in having else 3, flags=self._flags))


def dns_check(server: Endpoint | None, name: str = "www.shop.test", **more: Any) -> DnsCheck:
    """Every second, with a way a second."""
    what = {"name": "t", "target": name, "interval": 1.0, "timeout": 1.0, "bypass": OFTEN, **more}
    return DnsCheck(query_name=name, server=server, **what)
