"""Children are started in order, kept alive, and never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from up.up_helpers import children_of, lives, until
from vedette.errors import VedetteError
from vedette.up.backoff import FIRST_SECONDS, LONGEST_SECONDS, STEADY_SECONDS, Backoff
from vedette.up.chatter import Chatter
from vedette.up.child import Program
from vedette.up.logfile import BoundedLog
from vedette.up.supervisor import Supervisor


def python(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-I", "-S", "-c", code])


def heard(lines: list[str], wanted: str) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return wanted in lines

    return ready


def test_a_child_that_dies_starts_again_and_is_named_once(tmp_path: Path) -> None:
    """Killed after it was ready, it runs again; one line says so."""
    lines: list[str] = []
    said: list[str] = []

    async def scenario() -> None:
        code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
        async with Supervisor(
            tmp_path / "logs", said.append, lambda _, line: lines.append(line)
        ) as supervisor:

            async def ready() -> bool:
                return bool(lines)

            await supervisor.start([python("sleeper", code)], ready)
            os.kill(int(lines[0]), signal.SIGKILL)
            await until(lambda: len(lines) == 2, 15, "a second start")
            assert lives(int(lines[1]))
            assert os.getpgid(int(lines[1])) != os.getpgid(0), "Ctrl-C must not reach it"

    asyncio.run(scenario())
    assert said == [f"sleeper ended (SIGKILL), starts again in 0.5 s; see {tmp_path}/logs/sleeper.log"]
    assert not any(lives(int(pid)) for pid in lines)


def test_exit_code_two_at_start_ends_it_with_the_words_of_the_child(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def never() -> bool:
            return False

        async with Supervisor(tmp_path / "logs", print, print) as supervisor:
            code = "import sys; print('vedette: no such file', file=sys.stderr); sys.exit(2)"
            await supervisor.start([python("collector", code)], never)

    with pytest.raises(VedetteError, match=r"^collector cannot start: no such file$"):
        asyncio.run(scenario())


def test_a_child_that_is_never_ready_is_named_with_its_last_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        async def never() -> bool:
            return False

        async with Supervisor(tmp_path / "logs", print, print) as supervisor:
            code = "import time; print('waiting for Godot', flush=True); time.sleep(600)"
            await supervisor.start([python("agent-a", code)], never, within=2)

    with pytest.raises(VedetteError, match="not ready within 2 s; agent-a said last: waiting for Godot"):
        asyncio.run(scenario())


def test_a_child_that_ignores_sigterm_is_killed_in_time(tmp_path: Path) -> None:
    """Three stubborn stages together take four seconds, and what a busy machine adds."""
    lines: list[str] = []

    async def scenario() -> float:
        code = (
            "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "print(os.getpid(), flush=True); time.sleep(600)"
        )
        loop = asyncio.get_running_loop()
        async with Supervisor(tmp_path / "logs", print, lambda _, line: lines.append(line)) as supervisor:
            for count in (1, 2, 3):

                async def ready(count: int = count) -> bool:
                    return len(lines) == count

                await supervisor.start([python(f"child-{count}", code)], ready)
            began = loop.time()
        return loop.time() - began

    assert asyncio.run(scenario()) < 8
    assert not any(lives(int(pid)) for pid in lines)


_PARENT = """
import asyncio, sys
from pathlib import Path
from vedette.up.child import Program
from vedette.up.supervisor import Supervisor

async def main():
    heard = []
    async def ready():
        return bool(heard)
    async with Supervisor(Path(sys.argv[1]), print, lambda _, line: heard.append(line)) as supervisor:
        await supervisor.start([Program("c", [sys.executable, "-c", sys.argv[2]])], ready)
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves the parent no chance to end anything; the kernel does it."""
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(1, flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", _PARENT, str(tmp_path / "logs"), stubborn]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        children = children_of(parent.pid)
        assert len(children) == 1
        parent.kill()
        parent.wait()

    async def gone() -> None:
        await until(lambda: not any(lives(pid) for pid in children), 15, "the child ends")

    asyncio.run(gone())


def test_control_characters_of_a_child_do_not_reach_the_terminal(tmp_path: Path) -> None:
    lines: list[str] = []

    async def scenario() -> None:
        async with Supervisor(tmp_path / "logs", print, lambda _, line: lines.append(line)) as supervisor:
            code = r"import time; print('\x1b]0;owned\x07' + 'x', flush=True); time.sleep(600)"

            async def ready() -> bool:
                return bool(lines)

            await supervisor.start([python("loud", code)], ready)

    asyncio.run(scenario())
    assert lines == ["?]0;owned?x"]


def test_a_log_never_grows_beyond_two_files_of_its_limit(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "a.log", pytest.fail, limit=1000)
    for number in range(100):
        log.write(b"%099d\n" % number)
    log.close()
    assert {file.name for file in tmp_path.iterdir()} == {"a.log", "a.log.1"}
    assert all(file.stat().st_size <= 1000 for file in tmp_path.iterdir())
    assert (tmp_path / "a.log").read_bytes().endswith(b"99\n")


def test_a_full_disk_loses_lines_and_says_so_once(tmp_path: Path) -> None:
    said: list[str] = []
    log = BoundedLog(Path("/dev/full"), said.append)
    for _ in range(3):
        log.write(b"lost\n")
    log.close()
    assert said == ["/dev/full: No space left on device; lines are lost until it can be written again"]


def test_a_log_that_cannot_be_turned_goes_on_when_it_can(tmp_path: Path) -> None:
    said: list[str] = []
    away, home = tmp_path / "away", tmp_path / "logs"
    home.mkdir()
    log = BoundedLog(home / "a.log", said.append, limit=10)
    log.write(b"12345678\n")
    home.rename(away)
    log.write(b"lost too\n")
    assert len(said) == 1
    home.mkdir()
    log.write(b"kept\n")
    log.close()
    assert (home / "a.log").read_bytes() == b"kept\n"


def test_a_child_lives_on_when_its_log_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "talker.log").symlink_to("/dev/full")
    lines: list[str] = []
    said: list[str] = []

    async def scenario() -> None:
        async with Supervisor(
            tmp_path / "logs", said.append, lambda _, line: lines.append(line)
        ) as supervisor:
            code = "import time; print('one', flush=True); print('two', flush=True); time.sleep(600)"
            await supervisor.start([python("talker", code)], heard(lines, "two"))

    asyncio.run(scenario())
    assert lines == ["one", "two"]
    assert [line.partition(":")[0] for line in said] == [f"{tmp_path}/logs/talker.log"]


def test_pauses_double_up_to_half_a_minute_and_begin_anew_after_a_steady_run() -> None:
    backoff = Backoff()
    pauses = [backoff.after(1.0) for _ in range(8)]
    assert pauses[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert pauses[-1] == LONGEST_SECONDS
    assert backoff.after(STEADY_SECONDS) == FIRST_SECONDS


def test_a_child_that_complains_without_end_is_cut_short() -> None:
    """Five lines a minute, one word that there is more, then nothing; information is never shown."""
    now = 0.0
    chatter = Chatter(lambda: now)
    complaint = "ts=2025-10-20T07:00:00Z level=warning logger=vedette.mqtt msg=disconnected"
    assert chatter.shown("agent-a", complaint.replace("warning", "info")) is None
    shown = [chatter.shown("agent-a", complaint) for _ in range(20)]
    assert shown[:5] == [f"agent-a: {complaint}"] * 5
    assert shown[5] == "agent-a: more of this stays in its log for a while"
    assert shown[6:] == [None] * 14
    assert chatter.shown("agent-b", complaint) is not None
    now = 61.0
    assert chatter.shown("agent-a", complaint) == f"agent-a: {complaint}"
    now = 200.0
    long = chatter.shown("agent-a", complaint + "x" * 1000)
    assert long is not None
    assert len(long) < 400
