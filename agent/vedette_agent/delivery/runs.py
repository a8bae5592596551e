"""A set of whole numbers that mostly stand in long rows: sequence numbers that are settled, or on disk."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple


class Run(NamedTuple):
    """The numbers first … end - 1."""

    first: int
    end: int

    def __len__(self) -> int:
        return self.end - self.first


class Runs:
    """Disjoint runs in ascending order that do not touch. `len` counts the numbers and not the runs."""

    __slots__ = ("_count", "_ends", "_firsts")

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._ends: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Run]:
        return map(Run, self._firsts, self._ends)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number)
        return at > 0 and number < self._ends[at - 1]

    @property
    def low(self) -> int:
        """The first number from 0 on that is missing."""
        return self._ends[0] if self._firsts and self._firsts[0] == 0 else 0

    def covers(self, first: int, end: int) -> bool:
        """Whether all of first … end - 1 are in it."""
        at = bisect_right(self._firsts, first)
        return first >= end or (at > 0 and end <= self._ends[at - 1])

    def add(self, first: int, end: int) -> list[Run]:
        """Put first … end - 1 in and give back what of it was new, ascending."""
        if first >= end:
            return []
        new = self.missing(first, end)
        left = bisect_left(self._ends, first)  # the runs left … right - 1 overlap or touch the range
        right = bisect_right(self._firsts, end)
        if left < right:
            first, end = min(first, self._firsts[left]), max(end, self._ends[right - 1])
        self._firsts[left:right] = [first]
        self._ends[left:right] = [end]
        self._count += sum(map(len, new))
        return new

    def discard(self, first: int, end: int) -> list[Run]:
        """Take first … end - 1 out and give back what of it was there, ascending."""
        gone = self.within(first, end)
        if not gone:
            return []
        left = bisect_right(self._ends, first)
        right = bisect_left(self._firsts, end)
        rest = [Run(a, b) for a, b in ((self._firsts[left], first), (end, self._ends[right - 1])) if a < b]
        self._firsts[left:right] = [run.first for run in rest]
        self._ends[left:right] = [run.end for run in rest]
        self._count -= sum(map(len, gone))
        return gone

    def within(self, first: int, end: int) -> list[Run]:
        """What of first … end - 1 is in it."""
        left = bisect_right(self._ends, first)
        right = bisect_left(self._firsts, end)
        return [
            Run(max(a, first), min(b, end))
            for a, b in zip(self._firsts[left:right], self._ends[left:right], strict=True)
            if max(a, first) < min(b, end)
        ]

    def missing(self, first: int, end: int) -> list[Run]:
        """What of first … end - 1 is not in it."""
        found: list[Run] = []
        for run in self.within(first, end):
            if first < run.first:
                found.append(Run(first, run.first))
            first = run.end
        if first < end:
            found.append(Run(first, end))
        return found
