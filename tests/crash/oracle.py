"""What was produced, by the notes of the agents' processes, held against what the collector has on record.

Every result that was produced is applied once, with the content that it had, or lies in a range that was
declared lost with a reason. Nothing else is applied.
"""

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from crash.tapped import fingerprint
from vedette.wire import codec
from vedette.wire.messages import Batch
from vedette_collector.store.entry import FORGIVEN, Entry
from vedette_collector.store.entry import entry as read

Name = tuple[str, str, int]  # agent, epoch, seq


class Note(NamedTuple):
    fingerprint: int
    check: str


class Produced:
    """By the notes in *directory*."""

    def __init__(self, directory: Path) -> None:
        self.results: dict[Name, Note] = {}
        self.uncertain: set[Name] = set()  # its process was killed while it took the result in
        self.reused: list[Name] = []  # numbers that were given out twice
        self._directory = directory
        self._seen: dict[str, int] = {}

    def read(self) -> "Produced":
        """Take in what was noted since the last call."""
        for file in sorted(self._directory.iterdir()):
            with file.open("rb") as notes:
                notes.seek(self._seen.get(file.name, 0))
                text = notes.read()
            whole = text.rfind(b".\n") + 2 if b".\n" in text else 0
            self._seen[file.name] = self._seen.get(file.name, 0) + whole
            for line in text[:whole].decode().splitlines():
                if line != ".":
                    self._take(line)
            rest = text[whole:].decode()
            if rest.endswith("\n"):
                agent, epoch, seq, *_ = rest.split()
                self.uncertain.add((agent, epoch, int(seq)))
                self._take(rest)
                self._seen[file.name] += len(rest)
        return self

    def of(self, agent: str) -> int:
        return sum(1 for name in self.results if name[0] == agent)

    def _take(self, line: str) -> None:
        agent, epoch, seq, number, check = line.split()
        name = agent, epoch, int(seq)
        if name in self.results:
            self.reused.append(name)
        self.results[name] = Note(int(number), check)
        self.uncertain.discard((agent, epoch, int(seq) - 1))


class Recorded:
    """What the collector's journal says, in its own order."""

    def __init__(self, database: Path) -> None:
        self.applied: Counter[Name] = Counter()
        self.prints: dict[Name, Note] = {}
        self.cells: Counter[tuple[str, str, str]] = Counter()  # agent, check, counter
        self.lost: dict[Name, str] = {}  # with the reason
        self.ends: dict[tuple[str, str], int] = {}  # agent, epoch
        self.late = 0
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            for row in connection.execute("SELECT * FROM journal ORDER BY id"):
                entry = read(row)
                if entry.claim is None:
                    self._batch(entry)
                else:
                    self._claim(entry)

    def _batch(self, entry: Entry) -> None:
        batch = codec.decode(entry.payload, entry.content_type, Batch)
        rejected = dict(entry.rejected)
        key = entry.agent, entry.epoch
        self.ends[key] = max(self.ends.get(key, 0), entry.first + entry.count)
        for first, end in entry.news:
            for offset in range(first, end):
                name = entry.agent, entry.epoch, entry.first + offset
                if offset in rejected:
                    self.lost[name] = "rejected"
                    continue
                result = batch.results[offset]
                self.applied[name] += 1
                self.prints[name] = Note(fingerprint(result), result.check)
                counter = "not_run" if result.outcome == "not_run" else "attempts"
                if result.bypass is not None:
                    counter = f"bypass_{counter}"
                lane = "late_" if entry.kind == "late" else ""
                self.late += entry.kind == "late"
                self.cells[entry.agent, result.check, lane + counter] += 1

    def _claim(self, entry: Entry) -> None:
        assert entry.claim is not None
        for epoch, end in entry.claim.ends:
            key = entry.agent, epoch
            self.ends[key] = max(self.ends.get(key, 0), end)
        for epoch, first, end, reason in entry.claim.losses:
            self._lose(entry.agent, epoch, first, end, reason if reason != FORGIVEN else "forgiven")
        for epoch in entry.claim.closings:
            self._lose(entry.agent, epoch, 0, self.ends.get((entry.agent, epoch), 0), "restart")

    def _lose(self, agent: str, epoch: str, first: int, end: int, reason: str) -> None:
        for seq in range(first, end):
            name = agent, epoch, seq
            if name not in self.applied:
                self.lost.setdefault(name, reason)


class Verdict(NamedTuple):
    produced: int
    applied: int
    late: int
    lost: dict[str, int]  # by reason
    largest: int  # results that one process took with it
    faults: list[str]  # nothing, if all is well

    def __str__(self) -> str:
        lost = " ".join(f"{reason}={count}" for reason, count in sorted(self.lost.items())) or "0"
        return f"produced={self.produced} applied={self.applied} late={self.late} lost: {lost}"


def compared(produced: Produced, recorded: Recorded) -> Verdict:
    faults: list[str] = []

    def fault(what: str, names: list[Name]) -> None:
        if names:
            faults.append(f"{len(names)} {what}, such as {sorted(names)[:3]}")

    fault("numbers given out twice", produced.reused)
    fault("applied twice", [name for name, count in recorded.applied.items() if count > 1])
    fault("applied and never produced", [name for name in recorded.applied if name not in produced.results])
    fault(
        "declared lost and never produced", [name for name in recorded.lost if name not in produced.results]
    )
    changed = [
        name
        for name, note in recorded.prints.items()
        if name in produced.results and produced.results[name] != note
    ]
    fault("changed on the way", changed)
    silent = [
        name
        for name in produced.results
        if name not in recorded.applied and name not in recorded.lost and name not in produced.uncertain
    ]
    fault("neither applied nor declared lost", silent)
    crashed = Counter(name[:2] for name, reason in recorded.lost.items() if reason == "crash")
    return Verdict(
        len(produced.results),
        sum(recorded.applied.values()),
        recorded.late,
        dict(Counter(recorded.lost.values())),
        max(crashed.values(), default=0),
        faults,
    )


def strays(directory: Path, allowed: set[str]) -> list[str]:
    """Files below *directory* whose names are none of *allowed*, digits in them left out."""
    found = []
    for file in directory.rglob("*"):
        plain = "".join(letter for letter in file.name if not letter.isdigit())
        if file.is_file() and plain not in allowed:
            found.append(str(file.relative_to(directory)))
    return found


def children() -> set[int]:
    """Processes that this one started and that have not ended."""
    found: set[int] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        try:
            found |= {int(pid) for pid in (task / "children").read_text().split()}
        except OSError:
            pass  # the thread has ended
    return found
