"""Which samples a late batch becomes: the series of its checks as a scrape makes them, at their true times.

Names and targets are the configuration's. A payload says only when a probe ended and how.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from vedette.errors import WireError
from vedette.wire import codec
from vedette.wire.messages import Result
from vedette_collector import salvage
from vedette_collector.board import Board
from vedette_collector.remote.counters import Outcome, RemoteCounters, Skipped
from vedette_collector.remote.encode import Sample, label
from vedette_collector.store.entry import Entry

# The labels that the shipped prometheus.yml adds; the target becomes `instance`, as there.
SHIPPED: Final[Mapping[str, str]] = {"job": "vedette", "collector": "localhost:9960"}
FAMILIES: Final = ("probe_success", "probe_duration_seconds", "probe_dns_lookup_time_seconds")
_NAME: Final = "__name__"
_FAMILIES: Final = tuple(label(_NAME, family) for family in FAMILIES)
MAX_NAMED: Final = 8192  # checks of agents whose labels are kept encoded: about 6 MB

TargetOf = Callable[[str, str, int], str | None]  # of an agent's check, as a generation has it


def targets(board: Board) -> TargetOf:
    """Targets by what *board* has now; None for a check that is gone, or probes something else by now."""

    def target(agent: str, check: str, generation: int) -> str | None:
        cell = board.cells.get(agent, {}).get(check)
        if cell is None:
            return None
        then = board.generations.get(generation, {}).get(check)
        return cell.check.target if then == cell.identity else None

    return target


class _Names(NamedTuple):
    target: str
    encoded: tuple[bytes, ...]  # in the order of FAMILIES


class History:
    """Turns entries into samples and counts what becomes none."""

    def __init__(self, added: Mapping[str, str], target_of: TargetOf, counters: RemoteCounters) -> None:
        """*added* goes to every series, over what is in SHIPPED; an empty value takes a label away."""
        fixed = {**SHIPPED, **added}
        self._fixed = {name: label(name, value) for name, value in fixed.items()}
        self._order = sorted({*fixed, "instance", "check", "agent", "target", _NAME})
        self._target_of = target_of
        self._counters = counters
        self._names: dict[tuple[str, str], _Names] = {}

    def samples(self, entry: Entry, now_us: int, oldest_us: int) -> list[Sample]:
        """Of the results that are new with *entry*, not older than *oldest_us*, in no order."""
        if entry.received_us < oldest_us:
            self._counters.skipped[Skipped.TOO_OLD] += 1  # nothing in it ended after it came
            return []
        try:
            batch = salvage.read(codec.decompressed(entry.payload, entry.content_type))
        except WireError:
            self._counters.skipped[Skipped.UNREADABLE] += 1
            return []
        rejected = {offset for offset, _ in entry.rejected}
        # Whatever an agent's clock says: what came had ended. And never in the future, even if ours was set.
        latest_us = min(entry.received_us, now_us)
        found: list[Sample] = []
        for result in _new(entry, batch.results, rejected):
            values = _values(result)
            target = self._target_of(entry.agent, result.check, entry.generation)
            if target is None:
                self._drop(Outcome.RETIRED, values)
                continue
            if batch.offset_us is None:
                self._drop(Outcome.NO_CLOCK, values)
                continue
            ended_us = min(result.started_us + (result.duration_us or 0) + batch.offset_us, latest_us)
            if ended_us < oldest_us:
                self._drop(Outcome.TOO_OLD, values)
                continue
            names = self._named(entry.agent, result.check, target)
            found += [
                Sample(name, ended_us // 1000, value)
                for name, value in zip(names, values, strict=True)
                if value is not None
            ]
        return found

    def _drop(self, outcome: Outcome, values: tuple[float | None, ...]) -> None:
        self._counters.samples[outcome] += sum(value is not None for value in values)

    def _named(self, agent: str, check: str, target: str) -> tuple[bytes, ...]:
        known = self._names.get((agent, check))
        if known is not None and known.target == target:
            return known.encoded
        own = {"instance": target, "check": check, "agent": agent, "target": target}
        encoded = {**{name: label(name, value) for name, value in own.items()}, **self._fixed}
        # Once for all families: only their names differ.
        middle = self._order.index(_NAME)
        before = b"".join([encoded[name] for name in self._order[:middle]])
        after = b"".join([encoded[name] for name in self._order[middle + 1 :]])
        names = _Names(target, tuple(before + family + after for family in _FAMILIES))
        if len(self._names) >= MAX_NAMED:
            self._names.clear()
        self._names[agent, check] = names
        return names.encoded


def _new(entry: Entry, results: list[Result | None], rejected: set[int]) -> Iterator[Result]:
    """What the entry applied and what is a verdict: a probe that was not run says nothing of its target."""
    for first, end in entry.news:
        for offset in range(first, min(end, len(results))):
            result = results[offset]
            if result is not None and offset not in rejected and result.outcome != "not_run":
                yield result


def _values(result: Result) -> tuple[float | None, ...]:
    """As the live series of FAMILIES have them."""
    resolve = result.phases_us.get("resolve")
    return (
        float(result.outcome == "ok"),
        None if result.duration_us is None else result.duration_us / 1e6,
        None if resolve is None else resolve / 1e6,
    )


def ordered(samples: list[Sample], counters: RemoteCounters) -> list[Sample]:
    """Sorted by series and time. Of several of one series and millisecond the first one stays."""
    samples.sort(key=_place)  # stable
    kept = samples[:1]
    kept += [sample for before, sample in pairwise(samples) if sample[:2] != before[:2]]
    counters.samples[Outcome.SAME_TIME] += len(samples) - len(kept)
    return kept


def _place(sample: Sample) -> tuple[bytes, int]:
    return sample[:2]
