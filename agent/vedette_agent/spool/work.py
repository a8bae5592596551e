"""What waits for the next group commit. Knows no file."""

from vedette.wire.failure import Lost
from vedette_agent.delivery.runs import Runs
from vedette_agent.spool.books import union
from vedette_agent.spool.rows import Row


class Work:
    """Bounded by itself: ranges are merged, and of rows the owner counts the bytes."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.settled: dict[str, Runs] = {}
        self.declared: dict[tuple[str, Lost], Runs] = {}
        self.confirmed: dict[str, Runs] = {}

    def __bool__(self) -> bool:
        return bool(self.rows or self.settled or self.declared or self.confirmed)

    def settle(self, epoch: str, first: int, end: int) -> int:
        """Bytes of queued rows that are no longer wanted for it; they are taken out."""
        runs = self.settled.setdefault(epoch, Runs())
        runs.add(first, end)
        freed = done = 0
        # Acks come in order, mostly: the rest is found when it is written.
        while done < len(self.rows):
            row = self.rows[done]
            if row.epoch != epoch or not runs.covers(row.first, row.end):
                break
            freed += len(row.payload)
            done += 1
        del self.rows[:done]
        return freed

    def declare(self, epoch: str, first: int, end: int, reason: Lost) -> None:
        self.declared.setdefault((epoch, reason), Runs()).add(first, end)

    def confirm(self, epoch: str, first: int, end: int) -> None:
        self.confirmed.setdefault(epoch, Runs()).add(first, end)

    def join(self, newer: "Work") -> None:
        self.rows += newer.rows
        for epoch, runs in newer.settled.items():
            self.settled[epoch] = union(self.settled.get(epoch, ()), runs)
        for key, runs in newer.declared.items():
            self.declared[key] = union(self.declared.get(key, ()), runs)
        for epoch, runs in newer.confirmed.items():
            self.confirmed[epoch] = union(self.confirmed.get(epoch, ()), runs)
