"""The books: what every agent produced, and what became of it. Exact, and the same after a restart.

Every result that an agent produced is in one of three states here: applied, lost for a reason, or pending.

    produced   highest seq that was claimed, epoch by epoch, from where our books of the epoch begin
    pending    produced, and not in the set of settled seqs
    lost       a counter: counted when a loss is declared, and when what came cannot be applied
    counted    results in the counters of the checks, and those of checks that are gone

Set and counters are kept by different code. What the set calls settled and no counter has is the *residual*;
it is 0.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from vedette.wire import limits
from vedette.wire.failure import LOST_REASONS, Lost
from vedette.wire.messages import EpochMark, Gap, Held
from vedette_collector.dedupe import Epoch, Epochs, Window
from vedette_collector.store.entry import FORGIVEN, Claim, Entry, Loss, Opening

UNKNOWN: Final = "unknown"  # the label of a reason that this version does not know


class Figures(NamedTuple):
    """The books of one agent in numbers: produced = counted + lost + pending + residual."""

    produced: int
    applied: int
    late: int
    lost: dict[str, int]
    pending: int
    residual: int
    disagreement: int  # results that the agent holds an ack for, and that are not settled here


class Book:
    """The books of one agent. `reserved` is ahead of `epochs` by what is decided and not yet durable."""

    __slots__ = (
        "applied",
        "closed_produced",
        "counted",
        "epochs",
        "held",
        "hidden_us",
        "late",
        "lost",
        "position",
        "reserved",
        "retired",
        "saved",
    )

    def __init__(self) -> None:
        self.epochs = Epochs()
        self.reserved = Epochs()
        self.applied = 0  # live and late
        self.late = 0
        self.lost: dict[str, int] = {}
        self.retired = 0  # applied, and in the counters of no check that is still kept
        self.closed_produced = 0  # by epochs that are closed
        self.counted = 0  # results in the counters of its checks; summed up at the start, and then kept up
        self.position = 0  # of the newest entry that is in these books
        self.saved = 0  # of the newest entry that is in the stored ones
        self.hidden_us: int | None = None  # since when the configuration does not have the agent
        self.held: list[str] = []  # epochs that the agent said last to hold; not kept over a restart

    def enter(self, entry: Entry) -> None:
        """Take over what *entry* decided."""
        if entry.claim is not None:
            self._claim(self.epochs, entry.claim, entry.received_us)
        elif entry.is_kept:
            self._batch(entry)
        self.position = entry.id

    def reserve(self, entry: Entry) -> None:
        """Know from now on what *entry* will settle."""
        if entry.claim is not None:
            raise AssertionError("a claim is reserved while it is decided")
        epoch = _epoch(self.reserved, entry)
        for first, end in entry.news:
            epoch.settle(entry.first + first, entry.first + end)
        epoch.claim(entry.first + entry.count, entry.received_us)

    def _batch(self, entry: Entry) -> None:
        epoch = _epoch(self.epochs, entry)
        count = 0
        for first, end in entry.news:
            count += epoch.settle(entry.first + first, entry.first + end)
        epoch.claim(entry.first + entry.count, entry.received_us)
        self.epochs.touch(epoch.name)
        rejected = len(entry.rejected)
        if rejected:
            self._lose(Lost.REJECTED.value, rejected)
        self.applied += count - rejected
        if entry.kind == "late":
            self.late += count - rejected

    def _claim(self, epochs: Epochs, claim: Claim, at_us: int) -> None:
        for opening in claim.openings:
            begun(epochs, opening, at_us)
        for name, end in claim.ends:
            epochs.open[name].claim(end, at_us)
        for name, first, end, reason in claim.losses:
            if reason == FORGIVEN:
                epochs.open[name].forgive(first, end)
            else:
                self._lose(reason, epochs.open[name].settle(first, end))
        for name in claim.closings:
            epoch = epochs.close(name, at_us)
            if epoch is not None:
                self._lose(Lost.RESTART.value, epoch.pending)
                self.closed_produced += epoch.produced

    def _lose(self, reason: str, count: int) -> None:
        if count:
            known = reason if reason in LOST_REASONS else UNKNOWN
            self.lost[known] = self.lost.get(known, 0) + count

    def figures(self, held: Iterable[Held] = (), gaps: Iterable[Gap] = ()) -> Figures:
        """*held*, *gaps*: what the agent said last."""
        epochs = self.epochs.open.values()
        pending = sum(epoch.pending for epoch in epochs)
        produced = self.closed_produced + sum(epoch.produced for epoch in epochs)
        lost = sum(self.lost.values())
        return Figures(
            produced=produced,
            applied=self.applied,
            late=self.late,
            lost=self.lost,
            pending=pending,
            residual=produced - (self.counted + self.retired) - lost - pending,
            disagreement=sum(self._disputed(each, gaps) for each in held),
        )

    def _disputed(self, held: Held, gaps: Iterable[Gap]) -> int:
        epoch = self.epochs.open.get(held.epoch)
        if epoch is None:
            return 0
        if not epoch.window.missing(epoch.base, held.floor):
            return 0
        # A copy, for gaps may overlap: no result is in two of them.
        window = Window(epoch.window.low, epoch.window.runs)
        for gap in gaps:
            if gap.epoch == held.epoch:
                window.settle(gap.first, gap.end)
        return sum(end - first for first, end in window.missing(epoch.base, held.floor))

    def marks(self, more: Iterable[str] = ()) -> list[EpochMark]:
        """Of the epochs that the agent holds, of *more*, and of those that were settled last."""
        names = dict.fromkeys([*self.held, *more, *reversed(self.epochs.open)])
        found = (self._mark(name) for name in names)
        return [mark for mark in found if mark is not None][: limits.MAX_EPOCHS]

    def _mark(self, name: str) -> EpochMark | None:
        epoch = self.epochs.open.get(name)
        if epoch is not None:
            return _mark(epoch)
        closed = self.epochs.closed.get(name)
        return None if closed is None else EpochMark(epoch=name, low=closed.end)

    def restart(self) -> None:
        """Count from 0 again: what is settled stays so, and is no business of these books any more."""
        self.applied = self.late = self.retired = self.closed_produced = 0
        self.lost = {}
        self.saved = 0
        for epoch in self.epochs.open.values():
            epoch.forgiven += epoch.settled


class Ledger:
    """The books of all agents."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}

    def book(self, agent: str) -> Book:
        book = self.books.get(agent)
        if book is None:
            book = self.books[agent] = Book()
        return book

    def __iter__(self) -> Iterator[tuple[str, Book]]:
        return iter(self.books.items())

    def resume(self) -> None:
        """All that was decided is durable: after a start, decide from there."""
        for book in self.books.values():
            book.reserved = book.epochs.copy()


def begun(epochs: Epochs, opening: Opening, at_us: int) -> Epoch:
    """The epoch that *opening* opens, opened."""
    epoch = epochs.begin(opening.epoch, opening.base, opening.number, at_us)
    epoch.said = epoch.said or opening.said
    return epoch


def lost(epochs: Epochs, loss: Loss) -> None:
    """Settle in *epochs* what *loss* says."""
    epoch = epochs.open[loss.epoch]
    if loss.reason == FORGIVEN:
        epoch.forgive(loss.first, loss.end)
    else:
        epoch.settle(loss.first, loss.end)


def _epoch(epochs: Epochs, entry: Entry) -> Epoch:
    if entry.opening is not None:
        return begun(epochs, entry.opening, entry.received_us)
    return epochs.open[entry.epoch]


def _mark(epoch: Epoch) -> EpochMark:
    runs = epoch.window.runs
    if len(runs) > limits.MAX_RUNS:
        half = limits.MAX_RUNS // 2
        runs = runs[:half] + runs[-half:]  # what the sender hands in next, and what is fresh
    return EpochMark(epoch=epoch.name, low=epoch.window.low, runs=runs)
