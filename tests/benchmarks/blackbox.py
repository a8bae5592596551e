"""The peer: Debian's prometheus-blackbox-exporter, and a driver that asks it at a fixed rate.

The driver is a process of its own (its CPU is nobody's figure); it keeps connections open as Prometheus does.
"""

import asyncio
import itertools
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from benchmarks.proc import Child, pinned
from servers.daemon import free_port

NAME = "prometheus-blackbox-exporter"


def binary() -> str | None:
    return shutil.which(NAME) or shutil.which("blackbox_exporter")


def start(
    scratch: Path, modules: str, tuning: dict[str, str] | None = None, core: int | None = None
) -> tuple[Child, int]:
    """The exporter with *modules* (YAML) on a free port; *tuning* is Go's environment."""
    path = binary()
    if path is None:
        raise RuntimeError(f"{NAME} is not installed: apt-get install {NAME}")
    config = scratch / "blackbox.yml"
    config.write_text(modules)
    port = free_port()
    argv = [path, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    return Child(pinned(argv, core), cwd=scratch, env=tuning), port


def probe_url(module: str, target: str) -> str:
    return f"/probe?{urlencode({'module': module, 'target': target})}"


class Asker:
    """One kept-alive connection to the exporter."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()

    async def ask(self, path: str) -> bytes:
        """The body that *path* gives."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        return await _body(self._reader, head)


async def drive(
    port: int, paths: Sequence[str], rate: int, seconds: float, connections: int = 16
) -> tuple[int, int]:
    """Ask *paths* in turn, *rate* times a second; with a *rate* of 0 again as soon as an answer came.

    How many answers came, and how many of them said probe_success 1.
    """
    answered = succeeded = 0
    due: asyncio.Queue[str] = asyncio.Queue(maxsize=0 if rate else connections)

    async def ask() -> None:
        nonlocal answered, succeeded
        async with Asker(port) as asker:
            while True:
                body = await asker.ask(await due.get())
                answered += 1
                succeeded += b"\nprobe_success 1" in body
                due.task_done()

    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(ask()) for _ in range(connections)]
        begin = time.monotonic()
        for number, path in enumerate(itertools.cycle(paths)):
            if (number >= rate * seconds) if rate else (time.monotonic() - begin >= seconds):
                break
            if rate:
                await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            await due.put(path)
        async with asyncio.timeout(10):
            await due.join()
        for worker in workers:
            worker.cancel()
    return answered, succeeded


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return body
    length = int(lower.partition(b"content-length:")[2].partition(b"\r")[0])
    return await reader.readexactly(length)


if __name__ == "__main__":
    print(*asyncio.run(drive(int(sys.argv[1]), sys.argv[4:], int(sys.argv[2]), float(sys.argv[3]))))
