"""A whole agent as a child process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path


class AgentProcess:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lines: list[str] = []
        self._grown = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return "".join(self._lines)

    async def says(self, words: str, within: float = 15.0) -> str:
        """Wait for a log line with *words*, and give it back."""

        def found() -> str | None:
            return next((line for line in self._lines if words in line), None)

        try:
            async with asyncio.timeout(within), self._grown:
                await self._grown.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"no line with {words!r} in:\n{self.log}") from None
        return found() or ""

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self, within: float = 10.0) -> int:
        async with asyncio.timeout(within):
            code = await self._process.wait()
            await self._reader
        return code

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            async with self._grown:
                self._lines.append(line.decode(errors="replace"))
                self._grown.notify_all()


@asynccontextmanager
async def agent(
    config: Path, url: str, *options: str, name: str = "par-01", **environment: str
) -> AsyncIterator[AgentProcess]:
    """A running `vedette agent run` that may probe loopback; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "vedette",
        "agent",
        "run",
        "--config",
        str(config),
        "--name",
        name,
        "--broker",
        url,
        "--allow",
        "127.0.0.0/8",
        *options,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    child = AgentProcess(process)
    try:
        yield child
    finally:
        if process.returncode is None:
            process.kill()
        await child.ended()
