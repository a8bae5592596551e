"""A real process with a real spool, killed at points that nobody chose."""

import random
import subprocess
import sys
import time
from pathlib import Path

from spool.spool_session import Session, declared
from vedette_agent.delivery.runs import Runs
from vedette_agent.spool.books import union
from vedette_agent.spool.tail import boot_id

CHILD = Path(__file__).with_name("spool_child.py")
SECONDS = 8.0
MOST = 40


def killed(directory: Path, seconds: float) -> tuple[str, int, Runs, int]:
    """Its epoch; results made; what it was told is written; settled below."""
    with subprocess.Popen(
        [sys.executable, CHILD, "forever", directory], stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it runs
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        made = settled = 0
        written = Runs()
        for line in process.stdout.read().splitlines():
            word, *numbers = line.split()
            match word, list(map(int, numbers)):
                case "made", [made]:
                    pass
                case "written", [first, end]:
                    written.add(first, end)
                case "settled", [settled]:
                    pass
        return f"{process.pid:032x}", made, written, settled


def test_a_killed_process_loses_nothing_that_was_written_and_says_the_rest(tmp_path: Path) -> None:
    """One directory through all of it, so that also what was left of earlier lives stays."""
    directory = tmp_path / "s"
    source = random.Random(4)
    end = time.monotonic() + SECONDS
    rounds = 0
    while rounds < MOST and time.monotonic() < end:
        epoch, made, written, settled = killed(directory, source.uniform(0.001, 0.25))
        rounds += 1
        two = Session(directory, boot=boot_id())
        old = next((old for old in two.held.epochs if old.epoch == epoch), None)
        readable = two.readable(epoch)
        lost = union(*declared(two.held, epoch).values())
        for run in written:
            assert not union(readable, lost).missing(max(run.first, settled), max(run.end, settled))
            assert not lost.within(max(run.first, settled), max(run.end, settled))
        if old is not None:
            # The last line may be cut, and one more result made before it was said.
            assert made <= old.next_seq <= made + 5
            assert union(readable, lost).covers(settled + 50, old.next_seq)
        two.keeper.finish()
    assert rounds >= 3
