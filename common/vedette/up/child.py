"""One child process: started on a leash, its output kept in a bounded log, ended when asked."""

import asyncio
import contextlib
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vedette.up import leash
from vedette.up.logfile import BoundedLog

_LINE_BYTES = 16 * 1024  # a longer line is logged in pieces
_KEPT_LINES = 20


@dataclass(frozen=True)
class Program:
    """What to run and how it is called in messages."""

    name: str
    argv: Sequence[str]  # the first word is an absolute path


class Child:
    """A running program. `run` returns its exit code; the last lines it wrote stay in `last_lines`."""

    def __init__(self, program: Program, log: BoundedLog, on_line: Callable[[str], None]) -> None:
        self.program = program
        self.last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._log = log
        self._on_line = on_line
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Start, copy output until the end, and return the exit code (negative: the signal).

        Cancelled, it kills the process and waits for it: no child survives its task.
        """
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(Path(leash.__file__)),
            str(os.getpid()),
            *self.program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=_environment(os.environ),
            # Ctrl-C reaches the supervisor alone, which then ends its children in order.
            start_new_session=True,
        )
        try:
            assert process.stdout is not None
            await self._copy(process.stdout)
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())

    def terminate(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended, and the loop has not heard yet
                self._process.terminate()

    async def _copy(self, output: asyncio.StreamReader) -> None:
        pending = b""
        while data := await output.read(_LINE_BYTES):
            self._log.write(data)
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                self._note(line)
            if len(pending) > _LINE_BYTES:
                self._note(pending)
                pending = b""
        if pending:
            self._note(pending)

    def _note(self, line: bytes) -> None:
        # Targets choose some of these words: control characters must not reach the terminal.
        text = "".join(c if c.isprintable() else "?" for c in line.decode("utf-8", "replace").rstrip())
        if text:
            self.last_lines.append(text)
            self._on_line(text)


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    environment = dict(inherited)
    # The child writes into a pipe of ours, not into the journal.
    environment.pop("JOURNAL_STREAM", None)
    environment["PYTHONUNBUFFERED"] = "1"
    return environment
