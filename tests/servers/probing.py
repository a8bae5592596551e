"""Runs probers on the real engine, outside of any agent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from vedette.checks.model import Family
from vedette_agent.engine.hostfiles import HostFiles
from vedette_agent.engine.io import Io
from vedette_agent.engine.policy import Anywhere, Policy
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.run import Engine, Prober


class Probed(NamedTuple):
    record: Record
    error: BaseException | None
    seconds: float

    @property
    def failure(self) -> str | None:
        """The failure code that the prober itself raised; None when it is fine."""
        assert self.error is None or isinstance(self.error, ProbeFailed), repr(self.error)
        return self.error.failure.value if isinstance(self.error, ProbeFailed) else None

    @property
    def detail(self) -> str:
        assert isinstance(self.error, ProbeFailed), repr(self.error)
        return self.error.detail


class Bench:
    """An engine and its Io on the running loop."""

    def __init__(
        self,
        source: Mapping[Family, str] | None = None,
        files: HostFiles | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.engine = Engine(self.loop)
        self.io = Io(self.engine, source, files, policy or Anywhere())

    async def run(
        self, prober: Callable[[Any, Io, Record], Prober], check: Any, seconds: float = 5.0
    ) -> Probed:
        """One probe to its end."""
        record = Record()
        ended: asyncio.Future[BaseException | None] = self.loop.create_future()
        started = self.loop.time()
        self.engine.start(
            prober(check, self.io, record), record, seconds, lambda _, error: ended.set_result(error)
        )
        error = await ended
        return Probed(record, error, self.loop.time() - started)


@asynccontextmanager
async def bench(
    source: Mapping[Family, str] | None = None, files: HostFiles | None = None, policy: Policy | None = None
) -> AsyncIterator[Bench]:
    """Without a *policy* nothing is denied: the servers of tests are on loopback."""
    made = Bench(source, files, policy)
    try:
        yield made
    finally:
        made.engine.stop()
        made.io.close()


def host_files(directory: Path, hosts: str = "", resolv_conf: str = "", port: int = 53) -> HostFiles:
    """The two files with these contents."""
    (directory / "hosts").write_text(hosts)
    (directory / "resolv.conf").write_text(resolv_conf)
    return HostFiles(directory / "hosts", directory / "resolv.conf", port)
