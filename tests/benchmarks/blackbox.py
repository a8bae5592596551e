"""The peer: Debian's prometheus-blackbox-exporter, and a driver that asks it at a fixed rate.

The driver is a process of its own (its CPU is nobody's figure); it keeps connections open as Prometheus does.
"""

import asyncio
import shutil
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

from benchmarks.proc import Child
from servers.daemon import free_port

NAME = "prometheus-blackbox-exporter"


def binary() -> str | None:
    return shutil.which(NAME) or shutil.which("blackbox_exporter")


def start(scratch: Path, modules: str, tuning: dict[str, str] | None = None) -> tuple[Child, int]:
    """The exporter with *modules* (YAML) on a free port; *tuning* is Go's environment."""
    path = binary()
    if path is None:
        raise RuntimeError(f"{NAME} is not installed: apt-get install {NAME}")
    config = scratch / "blackbox.yml"
    config.write_text(modules)
    port = free_port()
    child = Child(
        [path, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        cwd=scratch,
        env=tuning,
    )
    return child, port


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


async def drive(port: int, path: str, rate: int, seconds: float, connections: int = 16) -> tuple[int, int]:
    """Ask *path* *rate* times a second. How many answers came, and how many of them said probe_success 1."""
    answered = succeeded = 0
    due: asyncio.Queue[None] = asyncio.Queue()

    async def ask() -> None:
        nonlocal answered, succeeded
        async with Asker(port) as asker:
            while True:
                await due.get()
                body = await asker.ask(path)
                answered += 1
                succeeded += b"\nprobe_success 1" in body
                due.task_done()

    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(ask()) for _ in range(connections)]
        begin = time.monotonic()
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
            due.put_nowait(None)
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
    print(*asyncio.run(drive(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
