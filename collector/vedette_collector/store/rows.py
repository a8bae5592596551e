"""What the checkpoint stores of cells and books, as bytes and back.

Two rows for a cell: small counters, which change with every result, and its state with history and facts,
which may be a minute older than the counters. Fields are only ever added, at the end.
"""

from collections import deque
from typing import Any, Final

import msgspec

from vedette.wire.facts import Facts
from vedette.wire.messages import Bypass, Result
from vedette_collector.cell import BUCKETS, EPISODES, NOTHING, Cell, Moment, Order, Seen, Tally
from vedette_collector.dedupe import Closed, Epoch, Epochs, Run, Window
from vedette_collector.ledger import Book

_Seen = tuple[float, Result]


class _Counters(msgspec.Struct, array_like=True):
    attempts: int
    failures: dict[str, int]
    not_run: dict[str, int]
    buckets: list[int]
    latency_sum: float
    late_attempts: int
    late_failures: dict[str, int]
    late_not_run: int
    base_order: Order | None = None  # of the facts that differences were from at this time
    repeats: tuple[int, int] = (0, 0)  # and failed ones
    ways: dict[Bypass, tuple[int, dict[str, int], int, int]] = {}


class _State(msgspec.Struct, array_like=True):
    order: Order
    changed_at: float | None
    last: _Seen | None
    spoiled: _Seen | None
    episodes: list[_Seen]
    bars: tuple[bytes, bytes, bytes]
    base_order: Order
    base: Facts | None
    ways: dict[Bypass, tuple[Order, _Seen]] = {}


class _Epoch(msgspec.Struct, array_like=True):
    name: str
    number: int
    base: int
    end: int
    forgiven: int
    said: bool
    heard_us: int
    low: int
    runs: list[Run]


class _Book(msgspec.Struct, array_like=True):
    applied: int
    late: int
    lost: dict[str, int]
    retired: int
    closed_produced: int
    newest: int
    oldest: int
    open: list[_Epoch]
    closed: list[tuple[str, int, int]]


_pack: Final = msgspec.msgpack.Encoder().encode
_counters: Final = msgspec.msgpack.Decoder(_Counters)
_state: Final = msgspec.msgpack.Decoder(_State)
_book: Final = msgspec.msgpack.Decoder(_Book)
_identities: Final = msgspec.msgpack.Decoder(dict[str, str])


def counters(tally: Tally) -> bytes:
    return _pack(
        _Counters(
            tally.attempts,
            tally.failures,
            tally.not_run,
            tally.buckets,
            tally.latency_sum,
            tally.late_attempts,
            tally.late_failures,
            tally.late_not_run,
            tally.base_order if isinstance(tally, Cell) else None,
            (tally.repeats, tally.repeats_failed),
            {
                bypass: (way.attempts, way.failures, way.not_run, way.late)
                for bypass, way in (tally.ways or {}).items()
            },
        )
    )


def count_on(tally: Tally, packed: bytes) -> None:
    """Let *tally* go on from where the stored one ended. Raises msgspec.DecodeError."""
    told = _counters.decode(packed)
    tally.attempts, tally.latency_sum = told.attempts, told.latency_sum
    tally.failures, tally.not_run = told.failures, told.not_run
    tally.late_attempts, tally.late_failures = told.late_attempts, told.late_failures
    tally.late_not_run = told.late_not_run
    tally.repeats, tally.repeats_failed = told.repeats
    for bypass, counted in told.ways.items():
        way = tally.way(bypass)
        way.attempts, way.failures, way.not_run, way.late = counted
    if len(told.buckets) == len(BUCKETS) + 1:
        tally.buckets = told.buckets
    base_order = NOTHING if told.base_order is None else told.base_order
    if isinstance(tally, Cell) and tally.base_order != base_order:
        # Newer facts were the base by then, which are not stored, or none: differences are not from these.
        tally.base, tally.base_order = None, base_order


def state(cell: Cell) -> bytes:
    return _pack(
        _State(
            cell.order,
            cell.changed_at,
            _told(cell.last),
            _told(cell.spoiled),
            [(seen.at, seen.result) for seen in cell.episodes],
            cell.bars.packed(),
            cell.base_order,
            cell.base,
            {
                bypass: (way.order, (way.last.at, way.last.result))
                for bypass, way in (cell.ways or {}).items()
                if way.last is not None
            },
        )
    )


def resume(cell: Cell, packed: bytes, now: Moment) -> None:
    """Give *cell* its state and history back. Raises msgspec.DecodeError."""
    told = _state.decode(packed)
    cell.order, cell.changed_at = told.order, told.changed_at
    cell.last, cell.spoiled = _seen(told.last, now), _seen(told.spoiled, now)
    cell.episodes = deque((_at(*each, now) for each in told.episodes), maxlen=EPISODES)
    cell.bars.unpack(told.bars)
    cell.base_order, cell.base = told.base_order, told.base
    for bypass, (order, seen) in told.ways.items():
        way = cell.way(bypass)
        way.order, way.last = order, _seen(seen, now)


def book(kept: Book) -> bytes:
    epochs = kept.epochs
    return _pack(
        _Book(
            kept.applied,
            kept.late,
            kept.lost,
            kept.retired,
            kept.closed_produced,
            epochs.newest,
            epochs.oldest,
            [_epoch(each) for each in epochs.open.values()],
            [(name, closed.end, closed.at_us) for name, closed in epochs.closed.items()],
        )
    )


def reopen(kept: Book, packed: bytes) -> None:
    """Go on with the stored books. Raises msgspec.DecodeError."""
    told = _book.decode(packed)
    kept.applied, kept.late, kept.lost = told.applied, told.late, told.lost
    kept.retired, kept.closed_produced = told.retired, told.closed_produced
    epochs = kept.epochs = Epochs()
    epochs.newest, epochs.oldest = told.newest, told.oldest
    for each in told.open:
        epoch = epochs.open[each.name] = Epoch(each.name, each.base, each.number)
        epoch.end, epoch.forgiven, epoch.said = each.end, each.forgiven, each.said
        epoch.heard_us = each.heard_us
        epoch.window = Window(each.low, each.runs)
    epochs.closed = {name: Closed(end, at_us) for name, end, at_us in told.closed}


def identities(found: Any) -> bytes:
    return _pack(dict(found))


def identities_in(packed: bytes) -> dict[str, str]:
    """Raises msgspec.DecodeError."""
    return _identities.decode(packed)


def _epoch(each: Epoch) -> _Epoch:
    return _Epoch(
        each.name,
        each.number,
        each.base,
        each.end,
        each.forgiven,
        each.said,
        each.heard_us,
        each.window.low,
        each.window.runs,
    )


def _told(seen: Seen | None) -> _Seen | None:
    return None if seen is None else (seen.at, seen.result)


def _seen(told: _Seen | None, now: Moment) -> Seen | None:
    return None if told is None else _at(*told, now)


def _at(at: float, result: Result, now: Moment) -> Seen:
    """Seen at that wall time. A clock that was set meanwhile makes nothing younger than it is now."""
    return Seen(result, at, now.mono - max(now.wall - at, 0.0))
