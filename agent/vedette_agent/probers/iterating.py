"""Asks what a walk wants to know: authorities, without recursion, several at once, never one address twice.

What goes wrong with one server is a fact about that server. Only what our own host lacks for everything ends
the probe: descriptors, memory, or a bug of ours.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from vedette.checks.model import Endpoint, Family
from vedette.wire.failure import NOT_RUN_REASONS, Failure, NotRun
from vedette.wire.messages import Phase
from vedette_agent.classify import classify
from vedette_agent.dns.iterate.roots import ROOTS
from vedette_agent.dns.iterate.sections import Sections, sections
from vedette_agent.dns.iterate.walk import Missed, Server, Walk
from vedette_agent.dns.query import Query
from vedette_agent.dns.reading import Malformed
from vedette_agent.dns.records import type_text
from vedette_agent.engine.io import Io
from vedette_agent.engine.question import ask
from vedette_agent.engine.record import NOTES, NotInTime, ProbeFailed, ProbeSpoiled, Record
from vedette_agent.engine.run import DeadlineExceeded, suspend
from vedette_agent.engine.together import MAX_BRANCHES, together
from vedette_agent.engine.turns import Turns

MAX_QUERIES: Final = 200  # of one probe
MAX_AT_ONCE: Final = 512  # bytes of answers that are read in the turn they came in: 0.3 ms each at worst

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
    """The questions of one probe. Counts them, and keeps what came as the evidence in *record*.

    What the slowest of each step took on the wire is added to `phase`.
    """

    def __init__(
        self, io: Io, record: Record, port: int, phase: Phase = "request", *, only: Endpoint | None = None
    ) -> None:
        """*only*: the one server that is ever asked, where it is the host's own, which no policy denies."""
        self.phase: Phase = phase
        self.queries = 0
        self.strangers = 0
        self._io = io
        self._record = record
        self._port = port
        self._only = only
        self._turns = Turns(io.loop)

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
        told = []
        for outcome in await together(self._io, [self._one(one) for one in wanted], shares):
            if isinstance(outcome, Exception):
                raise outcome
            told.append(outcome)
        self._record.add_phase(self.phase, max(one.seconds for one in told))
        return told

    async def _one(self, wanted: Wanted) -> Told:
        """Raises only what is our own host's fault."""
        own = Record()  # of several at once
        own.stage = "dns"
        server, question = wanted
        self._record.note("dns.asked", f"{server}: {question.text} {question.rdtype_text}")
        started = self._io.engine.now()
        try:
            endpoint = self._only or Endpoint(server.address, self._port)
            asked = await ask(self._io, endpoint, question, own)
            seconds = asked.seconds + own.phases.get("connect", 0.0)
            if len(asked.wire) > MAX_AT_ONCE:
                await suspend(self._turns.arm)
            told = Told(sections(asked.wire, question.end), seconds, asked.wire)
            self.strangers += asked.strangers
        except Exception as exc:
            waited = self._io.engine.now() - started
            told = Told(_missed(exc, waited), waited, b"")
            self.strangers += 0 if own.dns is None else own.dns.spoof_suspected
        self._note(server, own, told)
        return told

    def _note(self, server: Server, own: Record, told: Told) -> None:
        record = self._record
        record.timed(own.clock == "kernel" and bool(told.wire))
        record.notes += own.notes[: max(0, NOTES - len(record.notes))]
        if isinstance(told.said, Missed):
            record.note("dns.missed", f"{server} {told.said.why}")


def query(name: str, rdtype: int | str) -> Query:
    """Without recursion. Not remembered: targets choose these names."""
    return Query(name, rdtype if isinstance(rdtype, str) else type_text(rdtype), recursion_desired=False)


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
    """What *error* after *waited* seconds means. Raises it where it is about our own host."""
    if isinstance(error, Malformed):
        return Missed(Failure.DNS_MALFORMED, f"sent what cannot be read: {error}")
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
