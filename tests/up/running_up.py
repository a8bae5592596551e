"""A `vedette up` in its own process, and what its metrics say."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from prometheus_client.parser import text_string_to_metric_families

from up.up_helpers import children_of, lives, until
from vedette.up import page
from vedette.up.ports import Reservation

VEDETTE = (sys.executable, "-P", "-m", "vedette")


class Key(NamedTuple):
    check: str
    agent: str


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    @classmethod
    async def of(cls, port: int) -> Self:
        text = await page.get(port, "/metrics")
        return cls("" if text is None else text.decode())

    def success(self) -> dict[Key, float]:
        return self._by_key("probe_success")

    def failures(self, reason: str) -> dict[Key, float]:
        return self._by_key("vedette_probe_failures_total", reason=reason)

    def assigned(self) -> set[Key]:
        return set(self._by_key("vedette_check_assigned"))

    def connected(self) -> dict[str, float]:
        named = [sample for sample in self.samples if sample.name == "vedette_agent_connected"]
        return {sample.labels["agent"]: sample.value for sample in named}

    def _by_key(self, name: str, **labels: str) -> dict[Key, float]:
        return {
            Key(sample.labels["check"], sample.labels["agent"]): sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }


class Running:
    """The process, the lines it printed, and the private directories that it was given."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, root: Path) -> None:
        self.process = process
        self.port = port
        self.root = root
        self.lines: list[str] = []

    async def is_up(self, within: float = 60) -> None:
        """Return when the last line of the summary is there."""
        assert self.process.stdout is not None
        stdout = self.process.stdout
        pending = b""

        def summary_is_there() -> bool:
            nonlocal pending
            while select.select([stdout], [], [], 0)[0]:
                data = os.read(stdout.fileno(), 65536)
                if not data:
                    raise AssertionError(f"it ended: {self.lines} {self._errors()}")
                *whole, pending = (pending + data).split(b"\n")
                self.lines += [line.decode() for line in whole]
            return any("Ctrl-C" in line for line in self.lines)

        await until(summary_is_there, within, "the summary of vedette up")

    async def is_green(self, within: float = 60) -> None:
        """Return when every assigned check succeeds from every agent."""

        async def green() -> bool:
            metrics = await Metrics.of(self.port)
            success = metrics.success()
            return bool(success) and set(success) == metrics.assigned() and set(success.values()) == {1.0}

        await until(green, within, "every check is green")

    def drill(self, *words: str, within: float = 30) -> "subprocess.CompletedProcess[str]":
        return run("drill", *words, root=self.root, within=within)

    async def end(self, number: signal.Signals) -> int:
        """Send *number* and return the exit code. It takes four seconds at most, a busy machine more."""
        children = children_of(self.process.pid)
        self.process.send_signal(number)
        await until(lambda: self.process.poll() is not None, 15, f"vedette up ends after {number.name}")
        await until(lambda: not any(lives(pid) for pid in children), 15, f"the end of {children}")
        return self.process.returncode

    def left_behind(self) -> list[str]:
        return [str(path) for name in ("runtime", "tmp") for path in (self.root / name).iterdir()]

    def _errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


def environment(root: Path) -> dict[str, str]:
    for name in ("runtime", "tmp"):
        (root / name).mkdir(mode=0o700, exist_ok=True)
    return os.environ | {"XDG_RUNTIME_DIR": str(root / "runtime"), "TMPDIR": str(root / "tmp")}


def run(*words: str, root: Path, within: float = 30) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*VEDETTE, *words], env=environment(root), capture_output=True, text=True, timeout=within, check=False
    )


@contextmanager
def running_up(root: Path, *options: str) -> Iterator[Running]:
    """`vedette up` on a free port, with directories of its own; killed at the end if it still runs."""
    with Reservation() as reserved:
        port = reserved.port
    argv = [*VEDETTE, "up", "--port", str(port), *options]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(root)
    ) as process:
        try:
            yield Running(process, port, root)
        finally:
            if process.poll() is None:
                process.kill()
