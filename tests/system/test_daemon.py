"""A server that a test cannot have says so at once, in words that help."""

import sys
from pathlib import Path

import pytest

from servers.daemon import Daemon, DaemonError, program


def python(code: str, log: Path) -> Daemon:
    return Daemon([sys.executable, "-c", code], log / "log")


def test_missing_program_names_its_package() -> None:
    with pytest.raises(
        DaemonError, match=r"^no-such-server is not installed\. On Debian: apt-get install nsd$"
    ):
        program("no-such-server", "nsd")


def test_server_that_ends_at_once_shows_its_log(tmp_path: Path) -> None:
    daemon = python("raise SystemExit('bad zone file')", tmp_path)
    with pytest.raises(DaemonError, match=r"ended at once with 1: (?s:.)*bad zone file"):
        daemon.start(lambda: False)


def test_server_that_is_never_ready_is_ended(tmp_path: Path) -> None:
    daemon = python("import signal; signal.pause()", tmp_path)
    with pytest.raises(DaemonError, match="never ready"):
        daemon.start(lambda: False, within=0.3)
    assert not daemon.is_running


def test_server_that_ignores_sigterm_is_killed_and_reported(tmp_path: Path) -> None:
    code = "from signal import *; signal(SIGTERM, SIG_IGN); print('up', flush=True); pause()"
    daemon = python(code, tmp_path)
    daemon.start(lambda: "\nup" in daemon.tail())
    with pytest.raises(DaemonError, match="did not end"):
        daemon.stop(within=0.3)
    assert not daemon.is_running
