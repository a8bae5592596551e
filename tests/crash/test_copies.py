"""An agent that runs twice, and a collector whose store is put back from a backup."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from crash.plant import APPLIED, LOST, PENDING, plant, scraped
from crash.plant import increase as increased
from crash.stories import pause
from servers.daemon import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
CLONE = "vedette_agent_clone_suspected"
RESTORED = "vedette_collector_store_restored_timestamp_seconds"


def test_two_clones(tmp_path: Path, say: Callable[[str], None]) -> None:
    """A copied machine: both speak as one agent. No result of either passes for a copy; people are told."""
    with plant(tmp_path, agents=1) as made:
        made.start()
        (name,) = made.names
        pause(3.0)
        made.kill(name)
        shutil.copytree(tmp_path / "state" / f"agent-{name}", tmp_path / "copy" / f"agent-{name}")
        made.start_agent(name)
        clone = made.agent(name, state="copy")
        clone.start(lambda: True)
        began = time.monotonic()
        try:
            made.until(lambda page: page.total(CLONE) == 1, "a clone is suspected", 90.0)
            told = time.monotonic() - began
            pause(5.0)
            clone.kill()
            assert told <= 60.0
        finally:
            clone.kill()
        pause(3.0)
        made.hush()
        # What the clone had on its disk, it hands in when it runs alone.
        made.agents[name].stop()
        clone.start(lambda: True)
        until(lambda: "checks=0" in clone.log.read_text(), "the clone is quiet", 30.0)
        pause(15.0)  # a heartbeat declares what it took with it
        made.until(lambda page: page.total(PENDING) == 0, "the clone hands in what it has", 60.0)
        assert clone.stop() == 0
        made.start_agent(name)
        verdict = made.verdict(made.settle(60.0))
        assert not verdict.faults, "\n".join((str(verdict), *verdict.faults, made.tails()))
        assert set(verdict.lost) <= {"crash"}, str(verdict)
        made.finish()
        say(f"{verdict}; alarm after {told:.0f} s")


def test_store_is_put_back(tmp_path: Path, say: Callable[[str], None]) -> None:
    """What came after the backup is declared, to the unit, and nothing counts twice."""
    with plant(tmp_path, agents=2, VEDETTE_CRASH_CHECKPOINT="2") as made, scraped(made) as prometheus:
        made.start()
        pause(6.0)
        backup = tmp_path / "backup.db"
        with closing(sqlite3.connect(made.store)) as store, closing(sqlite3.connect(backup)) as copy:
            store.backup(copy)
        pause(12.0)
        made.kill("collector")
        for file in made.store.parent.glob("store.db*"):
            file.unlink()
        backup.rename(made.store)
        began = time.monotonic()
        made.start_collector()
        page = made.until(lambda page: page.total(RESTORED) > 0, "somebody is told", 60.0)
        told = time.monotonic() - began
        page = made.until(lambda page: page.total(LOST, 'reason="rewind"') > 0, "the rest is declared", 60.0)
        pause(3.0)
        made.hush()
        page = made.settle(restored=True)
        pause(2.5)
        verdict = made.verdict(page, restored=True)
        assert not verdict.faults, "\n".join((str(verdict), *verdict.faults, made.tails()))
        assert set(verdict.lost) == {"rewind"}, str(verdict)
        total, _ = increased(prometheus, APPLIED)
        assert verdict.applied <= total <= verdict.produced, f"counted twice: {total}: {verdict}"
        made.finish()
        say(f"{verdict}; alarm after {told:.0f} s, increase() {total:g} of {verdict.produced}")
