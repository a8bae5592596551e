"""What the spool knows of each epoch, in runs and not in rows. Knows no file and no clock.

A result is *held* while a row on disk has it, and *done* once it is settled or declared lost. What is
neither lives in memory alone; of a process that has ended it is lost.
"""

from collections.abc import Iterable
from typing import Final

from vedette.wire.failure import LOST_REASONS, Lost
from vedette_agent.delivery.runs import Run, Runs
from vedette_agent.spool.rows import Declared, Mark
from vedette_agent.spool.tail import Left

RUNNING: Final = 0  # states of an epoch in its record
EXACT: Final = 1  # it ended, and produced `reserved_to` results
BOUND: Final = 2  # it ended, and produced so many or fewer
MAX_RUNS: Final = 256  # of `done` in a record: the lowest; what is left out is sent once more


class Book:
    """One epoch."""

    __slots__ = (
        "boot",
        "commits",
        "digest",
        "done",
        "epoch",
        "gaps",
        "held",
        "is_ended",
        "no",
        "reserved_to",
        "seen_us",
    )  # fmt: skip

    def __init__(self, no: int, epoch: str, boot: str) -> None:
        self.no = no
        self.epoch = epoch
        self.boot = boot
        self.held = Runs()
        self.done = Runs()
        self.gaps: dict[Lost, Runs] = {}
        self.digest = 0
        self.reserved_to = 0
        self.is_ended = RUNNING
        self.seen_us = 0
        self.commits = 0

    def copy(self) -> "Book":
        book = Book(self.no, self.epoch, self.boot)
        for name in ("digest", "reserved_to", "is_ended", "seen_us", "commits"):
            setattr(book, name, getattr(self, name))
        book.held = union(self.held)
        book.done = union(self.done)
        book.gaps = {reason: union(runs) for reason, runs in self.gaps.items()}
        return book

    @property
    def floor(self) -> int:
        """Every seq below it is done."""
        return self.done.low

    @property
    def reach(self) -> int:
        """Every seq below it is done or held."""
        return union(self.done, self.held).low

    @property
    def wanted(self) -> list[Run]:
        """What rows have and nobody settled."""
        return [run for held in self.held for run in self.done.missing(held.first, held.end)]

    @property
    def is_empty(self) -> bool:
        return not self.held and not self.gaps

    def declare(self, first: int, end: int, reason: Lost) -> None:
        self.gaps.setdefault(reason, Runs()).add(first, end)
        self.done.add(first, end)

    def confirm(self, first: int, end: int) -> None:
        for runs in self.gaps.values():
            runs.discard(first, end)
        self.gaps = {reason: runs for reason, runs in self.gaps.items() if runs}

    def around(self, first: int, end: int) -> Run:
        """The run of `done` that has first … end - 1."""
        return next(run for run in self.done if run.first <= first and end <= run.end)

    def unaccounted(self, first: int, end: int) -> list[Run]:
        """What of first … end - 1 is neither done nor held."""
        return union(self.done, self.held).missing(first, end)

    def declared(self) -> list[Declared]:
        found = [
            Declared(self.epoch, run.first, run.end, reason.value)
            for reason, runs in self.gaps.items()
            for run in runs
        ]
        return sorted(found, key=lambda gap: gap.first)

    def mark(self) -> Mark:
        done = ",".join(f"{run.first}-{run.end}" for run in list(self.done)[:MAX_RUNS])
        return Mark(
            self.no,
            self.epoch,
            self.boot,
            done,
            self.reserved_to,
            self.is_ended,
            self.digest,
            self.seen_us,
            self.commits,
        )

    def recall(self, mark: Mark) -> None:
        """Take over what a record says; of several files, all that they say."""
        for run in filter(None, mark.done.split(",")):
            first, _, end = run.partition("-")
            self.done.add(int(first), int(end))
        self.boot = mark.boot
        if bool(mark.is_ended) != bool(self.is_ended):
            # How it ended was found out later than what it reserved while it ran.
            self.reserved_to = mark.reserved_to if mark.is_ended else self.reserved_to
        else:
            self.reserved_to = max(self.reserved_to, mark.reserved_to)
        self.is_ended = max(self.is_ended, mark.is_ended)
        self.seen_us = max(self.seen_us, mark.seen_us)
        self.commits = max(self.commits, mark.commits)

    def recall_gap(self, gap: Declared) -> None:
        if gap.reason in LOST_REASONS:
            self.declare(gap.first, gap.end, Lost(gap.reason))

    def conclude(self, left: Left | None, boot: str, *, is_damaged: bool) -> None:
        """The process of this epoch has ended: declare what it took with it.

        *left*: its page. *boot*: the one that runs now. *is_damaged*: rows that were written may be missing.
        """
        known = max((run.end for run in (*self.held, *self.done)), default=0)
        if self.is_ended == RUNNING:
            is_exact = left is not None and left.boot == boot
            self.is_ended = EXACT if is_exact else BOUND
            bounds = [known, *([left.next_seq] if left else []), *([] if is_exact else [self.reserved_to])]
            self.reserved_to = max(bounds)
        end = self.reserved_to
        start = max(left.safe if left else 0, self.floor)
        # Commits that the disk had and has no more: the log is broken somewhere.
        if is_damaged or (left is not None and self.commits < left.commits):
            start = start if left else max(start, known)
            for run in self.unaccounted(self.floor, start):
                self.declare(run.first, run.end, Lost.CORRUPT)
        for run in self.unaccounted(start, end):
            self.declare(run.first, run.end, Lost.CRASH)
        # What is left below `start` was settled after the last commit.
        for run in self.unaccounted(0, end):
            self.done.add(run.first, run.end)


def union(*several: Iterable[Run]) -> Runs:
    runs = Runs()
    for each in several:
        for run in each:
            runs.add(run.first, run.end)
    return runs
