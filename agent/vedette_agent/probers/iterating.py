"""Asks what a walk wants to know: authorities, without recursion, several at once, never one address twice.

What goes wrong with one server is a fact about that server. Only what our own host lacks for everything ends
the probe: descriptors, memory, or a bug of ours.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vedette.checks.model import Endpoint, Family
from vedette.wire.failure import NOT_RUN_REASONS, Failure, NotRun
from vedette_agent.classify import classify
from vedette_agent.dns.iterate.roots import ROOTS
from vedette_agent.dns.iterate.sections import Sections, sections
from vedette_agent.dns.iterate.walk import Missed, Server, Walk
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import Malformed
from vedette_agent.engine.io import Io
from vedette_agent.engine.question import ask
from vedette_agent.engine.record import NOTES, NotInTime, ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.engine.together import MAX_BRANCHES, together

MAX_QUERIES: Final = 200  # of one probe

_FATAL: Final = frozenset({NotRun.NO_DESCRIPTOR, NotRun.NO_MEMORY, NotRun.INTERNAL})


class Wanted(NamedTuple):
    """One question to one server."""

    server: Server
    query: Query


class Told(NamedTuple):
    """What came of it."""

    said: Sections | Missed
    seconds: float
    wire: bytes  # empty when nothing came


class Inquiry:
    """The questions of one probe. Counts them, and keeps what came as the evidence in *record*."""

    def __init__(self, io: Io, record: Record, port: int) -> None:
        self.queries = 0
        self.strangers = 0
        self._io = io
        self._record = record
        self._port = port
        self._is_kernel_timed = True

    async def ask(self, wanted: Sequence[Wanted], shares: int = 1) -> list[Told]:
        """What each server told, in their order, within the time left divided by *shares*."""
        told: dict[int, Told] = {}
        waiting = list(enumerate(wanted))
        rounds = _rounds(waiting)
        for number, some in enumerate(rounds):
            # One query at a time for each address: we must not help anybody to flood it.
            outcomes = await self._at_once([one for _, one in some], shares + len(rounds) - 1 - number)
            told.update((at, outcome) for (at, _), outcome in zip(some, outcomes, strict=True))
        return [told[at] for at in range(len(wanted))]

    async def walk(self, walks: Sequence[Walk], shares: int = 1) -> None:
        """Take every one of *walks* to its end, side by side."""
        while asked := [(walk, question) for walk in walks if (question := walk.question()) is not None]:
            wanted = [Wanted(question.server, query(question.name, question.rdtype)) for _, question in asked]
            tries = max(question.tries for _, question in asked)
            for (walk, _), told in zip(asked, await self.ask(wanted, shares + tries - 1), strict=True):
                walk.take(told.said, told.seconds)

    async def _at_once(self, wanted: Sequence[Wanted], shares: int) -> list[Told]:
        self.queries += len(wanted)
        if self.queries > MAX_QUERIES:
            raise ProbeFailed(Failure.DNS_DELEGATION, f"it takes more than {MAX_QUERIES} queries")
        records = [Record() for _ in wanted]
        started = self._io.engine.now()
        branches = [self._one(one, own) for one, own in zip(wanted, records, strict=True)]
        outcomes = await together(self._io, branches, shares)
        waited = self._io.engine.now() - started
        told = []
        for one, own, outcome in zip(wanted, records, outcomes, strict=True):
            if own.dns is not None:
                self.strangers += own.dns.spoof_suspected
            what = outcome if isinstance(outcome, Told) else Told(_missed(outcome, waited), waited, b"")
            self._note(one, own, what)
            told.append(what)
        return told

    async def _one(self, wanted: Wanted, own: Record) -> Told:
        own.stage = "dns"
        asked = await ask(self._io, Endpoint(wanted.server.address, self._port), wanted.query, own)
        self.strangers += asked.strangers
        try:
            said: Sections | Missed = sections(asked.wire, wanted.query.end)
        except Malformed as exc:
            said = Missed(Failure.DNS_MALFORMED, f"sent what cannot be read: {exc}")
        return Told(said, asked.seconds, asked.wire)

    def _note(self, wanted: Wanted, own: Record, told: Told) -> None:
        record = self._record
        self._is_kernel_timed &= own.clock == "kernel" or not told.wire
        record.clock = "kernel" if self._is_kernel_timed else "monotonic"
        record.notes += own.notes[: max(0, NOTES - len(record.notes))]
        query = wanted.query
        record.note("dns.asked", f"{wanted.server}: {query.text} {query.rdtype_text}")
        record.note("dns.answer", told.wire or (told.said.why if isinstance(told.said, Missed) else ""))


def query(name: str, rdtype: int | str) -> Query:
    """Without recursion. Not remembered: targets choose these names."""
    return Query(name, rdtype if isinstance(rdtype, str) else f"TYPE{rdtype}", recursion_desired=False)


def roots(given: Iterable[str], family: Family) -> list[Server]:
    """The servers to begin with: those *given*, or the root servers."""
    addresses = [Server(address, address) for address in given if (":" in address) == (family == 6)]
    return addresses or [Server(name, v6 if family == 6 else v4) for name, v4, v6 in ROOTS]


def failure(code: str, text: str) -> ProbeFailed | ProbeSpoiled:
    """The exception of a failure code, or of a reason why nothing could be sent."""
    if code in NOT_RUN_REASONS:
        return ProbeSpoiled(NotRun(code), text)
    kind = NotInTime if code in (Failure.DNS_TIMEOUT, Failure.DNS_TRUNCATED) else ProbeFailed
    return kind(Failure(code), text)


def _missed(error: Exception, waited: float) -> Missed:
    if isinstance(error, DeadlineExceeded):
        notes = "; ".join(["", *getattr(error, "__notes__", ())])
        return Missed(error.failure or Failure.DNS_TIMEOUT, f"did not answer, {waited:.2g} s{notes}")
    outcome, code, said = classify(error, "dns", waited, 0.0)
    if outcome == "not_run" and code in _FATAL:
        raise error
    return Missed(code, f"cannot be asked: {said}" if outcome == "not_run" else f"failed: {said}")


def _rounds(waiting: Sequence[tuple[int, Wanted]]) -> list[list[tuple[int, Wanted]]]:
    """*waiting* in as few parts as can be, each with no address twice and within the bound of one step."""
    rounds: list[list[tuple[int, Wanted]]] = []
    addresses: list[set[str]] = []
    for entry in waiting:
        address = entry[1].server.address
        for some, seen in zip(rounds, addresses, strict=True):
            if address not in seen and len(some) < MAX_BRANCHES:
                some.append(entry)
                seen.add(address)
                break
        else:
            rounds.append([entry])
            addresses.append({address})
    return rounds
