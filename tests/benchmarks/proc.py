"""What the kernel says of a process: CPU, memory, and when its port opened."""

import os
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType


def cpu_seconds(pid: int) -> float:
    """User and system time of the threads of *pid*, in seconds; to the nanosecond, unlike stat(5)."""
    return (
        sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )


def rss_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS: it has ended")


def own_environment() -> dict[str, str]:
    """For a child that runs a module of `benchmarks`, wherever we were started."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def pinned(argv: list[str], core: int | None) -> list[str]:
    """*argv* on that core alone; anywhere where it is None."""
    return argv if core is None else ["taskset", "--cpu-list", str(core), *argv]


class Child:
    """A child process that ends with the block; its output is kept for the error message."""

    def __init__(self, argv: list[str], *, cwd: Path, env: dict[str, str] | None = None) -> None:
        self._log = (cwd / f"{Path(argv[0]).name}-{time.monotonic_ns()}.log").open("w+b")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            argv, cwd=cwd, stdout=self._log, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
        )
        self.pid = self.process.pid

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, kind: type | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def output(self) -> str:
        self._log.flush()
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def check(self) -> None:
        """Raise RuntimeError with the child's output if it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(
                f"{self.process.args!r} ended with {self.process.returncode}:\n{self.output()}"
            )

    def until_port(self, port: int, seconds: float = 15.0) -> float:
        """Seconds from the start of the child until *port* on loopback accepts a connection."""
        while time.monotonic() - self.started < seconds:
            self.check()
            try:
                with socket.create_connection(("127.0.0.1", port), 0.2):
                    return time.monotonic() - self.started
            except OSError:
                time.sleep(0.002)
        raise RuntimeError(
            f"{self.process.args!r} did not open port {port} within {seconds} s:\n{self.output()}"
        )
