"""Keeps children running: starts them in order, starts again the one that dies, ends them in reverse."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from vedette.errors import VedetteError
from vedette.up.backoff import Backoff
from vedette.up.child import Child, Program
from vedette.up.logfile import BoundedLog

START_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.05
# Agents, collector, broker: together below five seconds.
_PATIENCE_SECONDS: Final = (1.5, 1.5, 1.0)
_UNUSABLE: Final = 2  # exit code: usage or configuration; starting again cannot help


class Slot:
    """A program that is meant to run, and the child that runs it now."""

    def __init__(self, program: Program, log: BoundedLog) -> None:
        self.program = program
        self.log = log
        self.child: Child | None = None
        self.is_settled = False  # it was ready once: from now on it is kept alive whatever happens
        self.failure: str | None = None
        self.ending = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Supervisor:
    """Use as a context manager: leaving it ends every child, the last started first."""

    def __init__(self, logs: Path, say: Callable[[str], None], on_line: Callable[[str, str], None]) -> None:
        self._logs = logs
        self._say = say
        self._on_line = on_line  # (child, line)
        self._group = asyncio.TaskGroup()
        self._stages: list[list[Slot]] = []

    async def __aenter__(self) -> Self:
        self._logs.mkdir(mode=0o700, exist_ok=True)
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # Shielded: a second Ctrl-C must not leave a child behind.
            await asyncio.shield(self._end())
        finally:
            await self._group.__aexit__(None, None, None)

    async def start(
        self,
        programs: Sequence[Program],
        are_ready: Callable[[], Awaitable[bool]],
        within: float = START_SECONDS,
    ) -> None:
        """Start *programs* together and return when *are_ready* says so.

        Raises VedetteError when one of them ends with exit code 2, or when the time is up.
        """
        stage = [
            Slot(program, BoundedLog(self._logs / f"{program.name}.log", self._say)) for program in programs
        ]
        self._stages.append(stage)
        for slot in stage:
            slot.task = self._group.create_task(self._keep(slot), name=f"keep {slot.program.name}")
        try:
            async with asyncio.timeout(within):
                while not await are_ready():
                    for slot in stage:
                        if slot.failure is not None:
                            raise VedetteError(slot.failure)
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as exc:
            raise VedetteError(self._unready(stage, within)) from exc
        for slot in stage:
            slot.is_settled = True

    async def _keep(self, slot: Slot) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff()
        name = slot.program.name
        while not slot.ending.is_set():
            slot.child = Child(slot.program, slot.log, lambda line: self._on_line(name, line))
            started = loop.time()
            code = await slot.child.run()
            if slot.ending.is_set():
                return
            words = slot.child.last_lines[-1] if slot.child.last_lines else "it said nothing"
            if code == _UNUSABLE and not slot.is_settled:
                slot.failure = f"{name} cannot start: {words.removeprefix('vedette: ')}"
                return
            pause = backoff.after(loop.time() - started)
            why = f"{_ending(code)}: {words}" if code > 0 else _ending(code)
            self._say(f"{name} ended ({why}), starts again in {pause:g} s; see {slot.log.path}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await slot.ending.wait()

    async def _end(self) -> None:
        for stage, patience in zip(reversed(self._stages), _PATIENCE_SECONDS, strict=False):
            tasks = {slot.task for slot in stage if slot.task is not None}
            for slot in stage:
                slot.ending.set()
                if slot.child is not None:
                    slot.child.terminate()
            _, late = await asyncio.wait(tasks, timeout=patience)
            for task in late:
                task.cancel()  # which kills the child
            if late:
                await asyncio.wait(late)
            for slot in stage:
                slot.log.close()

    def _unready(self, stage: Sequence[Slot], within: float) -> str:
        parts = []
        for slot in stage:
            words = (
                slot.child.last_lines[-1] if slot.child is not None and slot.child.last_lines else "nothing"
            )
            parts.append(f"{slot.program.name} said last: {words}")
        return f"not ready within {within:g} s; " + "; ".join(parts)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
