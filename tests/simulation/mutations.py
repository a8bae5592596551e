"""Guards, and how to take each of them away: a simulation that does not notice is worth nothing.

A mutation replaces one method or constant. With it stand the misfortunes against which the guard is there.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from simulation import collecting, hosts
from simulation.agents import Process as AgentProcess
from simulation.collecting import Process as CollectorProcess
from vedette.wire.messages import EpochMark
from vedette_agent.delivery import outbox
from vedette_agent.delivery.bases import Bases
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcels import Parcels
from vedette_agent.spool import books as spool_books
from vedette_agent.spool import keeper, rows
from vedette_collector import board, cell, claims, dedupe, ingest, ledger
from vedette_collector.store import recovery

Patch = pytest.MonkeyPatch


class Mutation(NamedTuple):
    take_away: Callable[[Patch], None]
    faults: tuple[str, ...]
    seconds: float = 120.0


def _set(owner: Any, name: str, value: Any) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(owner, name, value)


def _nothing(*_: Any, **__: Any) -> None:
    pass


# The agent


def _no_resend(patch: Patch) -> None:
    def due(self: Parcels, now: float) -> Any:
        self._timers = [each for each in self._timers if each[0] > now]
        return iter(())

    patch.setattr(Parcels, "due", due)
    patch.setattr(Outbox, "resend", _nothing)


def _replay_first(patch: Patch) -> None:
    def take(self: Outbox, now: float) -> Any:
        self._advance(now)
        return self._replay.take(now) or self._take_live(now)

    patch.setattr(Outbox, "take", take)


def _any_facts_are_a_base(patch: Patch) -> None:
    real = Bases.__init__
    patch.setattr(Bases, "__init__", lambda self, is_acked: real(self, lambda seq: True))


def _acks_at_puback(patch: Patch) -> None:
    """The broker has it: good enough?"""
    real = Outbox.delivered

    def delivered(self: Outbox, parcel: Any, now: float) -> None:
        real(self, parcel, now)
        mark = EpochMark(epoch=parcel.book.epoch, low=0, runs=[(parcel.first, parcel.end)])
        if self.ledger.get(parcel.book.epoch) is not None:
            self.acked([mark], now)

    patch.setattr(Outbox, "delivered", delivered)


def _no_tail(patch: Patch) -> None:
    patch.setattr(hosts.Host, "left", property(lambda self: None, _nothing), raising=False)


def _same_epoch(patch: Patch) -> None:
    patch.setattr(AgentProcess, "renew", lambda self: setattr(self.clocks, "has_leapt", False))


def _same_epoch_at_start(patch: Patch) -> None:
    names: dict[str, str] = {}
    patch.setattr(hosts.Host, "epoch_name", lambda self: names.setdefault(f"{id(self)}", self._name()))


def _gap_confirmed_unheard(patch: Patch) -> None:
    real = AgentProcess._heartbeat

    def heartbeat(self: AgentProcess) -> None:
        said = list(self.outbox.ledger.gaps.shown())
        real(self)
        if self.wire is not None:
            self.outbox.ledger.confirmed(said)

    patch.setattr(AgentProcess, "_heartbeat", heartbeat)


# The collector


def _acks_what_is_decided(patch: Patch) -> None:
    real = ledger.Book.marks

    def marks(self: ledger.Book, more: Any = ()) -> Any:
        durable, self.epochs = self.epochs, self.reserved
        try:
            return real(self, more)
        finally:
            self.epochs = durable

    patch.setattr(ledger.Book, "marks", marks)


def _applies_before_commit(patch: Patch) -> None:
    def put(self: CollectorProcess, job: Any, done: Any) -> None:
        real(self, job, done)
        if isinstance(job, collecting.Entry):
            self.effects.apply(job, self.now)
            self._arm_acks()

    real = CollectorProcess._put
    patch.setattr(CollectorProcess, "_put", put)


def _no_dedupe(patch: Patch) -> None:
    patch.setattr(dedupe.Window, "missing", lambda self, first, end: [(first, end)] if first < end else [])


def _books_twice(patch: Patch) -> None:
    """The journal is applied to the books again, though they have it."""
    patch.setattr(ledger.Book, "saved", property(lambda self: 0, _nothing))


def _counts_twice(patch: Patch) -> None:
    patch.setattr(cell.Tally, "saved", property(lambda self: 0, _nothing))


def _late_is_live(patch: Patch) -> None:
    real = ingest.Ingest._batch

    def batch(self: Any, *values: Any, late: bool) -> Any:
        return real(self, *values, late=False)

    patch.setattr(ingest.Ingest, "_batch", batch)


def _no_rewind(patch: Patch) -> None:
    """What is below the floor and not here is left pending."""
    real = claims.Decision._lose

    def lose(self: Any, epoch: Any, first: int, end: int, reason: str) -> None:
        if reason != "rewind":
            real(self, epoch, first, end, reason)

    patch.setattr(claims.Decision, "_lose", lose)


def _forgives_all(patch: Patch) -> None:
    """What the agent lacks is always another's business."""
    real = claims.Decision._lose

    def lose(self: Any, epoch: Any, first: int, end: int, reason: str) -> None:
        real(self, epoch, first, end, claims.FORGIVEN)

    patch.setattr(claims.Decision, "_lose", lose)


def _any_order(patch: Patch) -> None:
    real = cell.Cell.apply

    def apply(self: cell.Cell, result: Any, order: Any, now: Any) -> bool:
        self.order = cell.NOTHING
        return real(self, result, order, now)

    patch.setattr(cell.Cell, "apply", apply)


def _any_base(patch: Patch) -> None:
    def whole(self: cell.Cell, result: Any, order: Any) -> Any:
        if result.diff is None:
            if result.facts is not None:
                self.base, self.base_order = result.facts, order
            return result
        if self.base is None:
            return None
        facts = cell.patched(self.base, result.diff)
        return cell.msgspec.structs.replace(result, facts=facts, diff=None)

    patch.setattr(cell.Cell, "whole", whole)


def _names_alone(patch: Patch) -> None:
    """A result is counted by the name of its check, whatever that meant when it came."""
    patch.setattr(board.Board, "tally", lambda self, agent, check, generation: self.cells[agent].get(check))


def _closes_at_once(patch: Patch) -> None:
    patch.setattr(claims, "SILENT_SECONDS", 0.0)


def _forgets_the_closed(patch: Patch) -> None:
    patch.setattr(dedupe, "MAX_CLOSED", 0)
    patch.setattr(dedupe, "CLOSED_SECONDS", 0.0)


def _no_restart(patch: Patch) -> None:
    """Counters of a backup go on where they were then."""

    def finish(board: Any, ingest: Any, last_id: int, furthest: int, now: Any) -> bool:
        ingest.restored_us = round(now.wall * 1e6) if furthest > last_id else ingest.restored_us
        ingest.last_id = max(last_id, furthest)
        board.ledger.resume()
        return False

    patch.setattr(recovery, "finish", finish)


MUTATIONS: dict[str, Mutation] = {
    "agent: nothing is sent again": Mutation(_no_resend, ("broker_crash", "collector_crash")),
    "agent: a PUBACK is an ack": Mutation(_acks_at_puback, ("collector_crash", "broker_crash")),
    "agent: replay goes before live": Mutation(_replay_first, ("broker_away", "memory_only"), 300.0),
    "agent: the live lane has no end": Mutation(
        _set(outbox, "_is_late", lambda parcel, now: False), ("broker_away",), 300.0
    ),
    "agent: a resumed machine goes on numbering": Mutation(_same_epoch, ("vm_snapshot",), 300.0),
    "agent: all processes have one epoch": Mutation(_same_epoch_at_start, ("agent_kill",)),
    "agent: the page of the last process is not read": Mutation(_no_tail, ("agent_kills",)),
    "agent: differences from facts nobody acknowledged": Mutation(
        _any_facts_are_a_base, ("collector_flaps", "flapping", "broker_crash")
    ),
    "agent: a gap counts as confirmed once it is said": Mutation(
        _gap_confirmed_unheard, ("power_loss", "collector_away", "flapping")
    ),
    "agent: a clock that was set is not noticed": Mutation(
        _set(Outbox, "clock_is", _nothing), ("clock_step", "clock_step")
    ),
    "spool: checksums are not looked at": Mutation(
        _set(rows.Stored, "is_whole", property(lambda self: True)), ("bit_rot", "bit_rot", "broker_away")
    ),
    "spool: a file goes on after its fsync failed": Mutation(
        _set(keeper.Keeper, "_fail", _nothing), ("disk_trouble", "disk_trouble")
    ),
    "spool: the unwritten end is not declared": Mutation(
        _set(spool_books.Book, "conclude", _nothing), ("agent_kills", "slow_disk")
    ),
    "collector: acks say what is decided": Mutation(_acks_what_is_decided, ("slow_store",)),
    "collector: applies before it commits": Mutation(_applies_before_commit, ("slow_store",)),
    "collector: nothing is a duplicate": Mutation(_no_dedupe, ("duplicates",)),
    "collector: the journal enters the books twice": Mutation(
        _books_twice, ("reload", "reload", "collector_flaps", "collector_flaps")
    ),
    "collector: the journal counts in cells twice": Mutation(_counts_twice, ("collector_flaps",)),
    "collector: late results are live": Mutation(_late_is_live, ("broker_away",), 300.0),
    "collector: what a backup lacks is not declared": Mutation(_no_rewind, ("restore",), 300.0),
    "collector: every loss is another's": Mutation(_forgives_all, ("power_loss", "agent_kills")),
    "collector: an older result may become the verdict": Mutation(_any_order, ("reorder",)),
    "collector: facts are patched onto anything": Mutation(_any_base, ("reorder", "flapping", "agent_kill")),
    "collector: another target counts under the old name": Mutation(
        _names_alone, ("reload", "collector_flaps")
    ),
    "collector: a silent epoch is closed at once": Mutation(_closes_at_once, ("agent_kills", "memory_only")),
    "collector: closed epochs are forgotten": Mutation(
        _forgets_the_closed, ("captured", "agent_kill"), 600.0
    ),
    "collector: claims have no bound": Mutation(
        _set(claims, "reach", lambda *values: 1 << 60), ("stranger", "stranger", "stranger")
    ),
    "collector: a claim is applied and not stored": Mutation(
        _set(board.Board, "remember", _nothing), ("reload", "collector_flaps")
    ),
    "collector: a backup counts on": Mutation(_no_restart, ("restore",), 300.0),
}
