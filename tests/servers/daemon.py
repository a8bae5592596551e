"""A real server as a child process: started, awaited until it answers, ended by its pid.

A server that ends early or never answers fails the test with the tail of its own log.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")  # not on the PATH of an ordinary user
_pause = threading.Event()
# Each worker of a run (gw0, gw1, …) has its own: a server of the other would take one that is not yet held.
_ports = list(range(20000 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 4, 32000, 4))


class DaemonError(Exception):
    """A server that a test needs is missing, ended early or never answered."""


def installed(name: str) -> str | None:
    """The path of *name*, wherever Debian puts servers."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *_SBIN)))


def program(name: str, package: str) -> str:
    """The path of *name*. Raises DaemonError naming the Debian *package* that brings it."""
    found = installed(name)
    if found is None:
        raise DaemonError(f"{name} is not installed. On Debian: apt-get install {package}")
    return found


def free_port() -> int:
    """A port that nobody holds, for TCP and UDP alike, and that no other test of this run was given.

    It lies below the kernel's ephemeral range (32768 and above): a server that a test stops for a while must
    find its port free again, and not taken by some outgoing connection.
    """
    while True:
        port = random.choice(_ports)
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            _ports.remove(port)
            return port


def until(condition: Callable[[], T], what: str | Callable[[], str], within: float, step: float = 0.1) -> T:
    """The first true value of *condition*, asked every *step* s. AssertionError(*what*) after *within* s."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {within:g} s: {text}")
        _pause.wait(step)


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts TCP connections there now."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


class Daemon:
    """One child process in the foreground. Its output goes to *log*; `stop` or `kill` ends it and waits."""

    def __init__(self, argv: Sequence[str], log: Path, env: dict[str, str] | None = None) -> None:
        self.argv = list(argv)
        self.log = log
        self.env = env
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, ready: Callable[[], object], within: float = 15.0) -> None:
        """Start it and return when *ready* holds. Raises DaemonError with the log when that never comes."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.env
            )
        try:
            until(lambda: not self.is_running or ready(), "ready", within, step=0.02)
        except AssertionError as exc:
            self.kill()
            raise DaemonError(f"never ready: {self.tail()}") from exc
        if not self.is_running:
            raise DaemonError(f"ended at once with {self._process.returncode}: {self.tail()}")

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, within: float = 10.0) -> int | None:
        """End it politely (SIGTERM). The exit code; None when it was not running."""
        if not self.is_running:
            return None
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise DaemonError(f"did not end within {within:g} s of SIGTERM: {self.tail()}") from None

    def kill(self) -> None:
        """End it as a power cut would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def tail(self, lines: int = 40) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join((" ".join(self.argv), *text.splitlines()[-lines:]))
