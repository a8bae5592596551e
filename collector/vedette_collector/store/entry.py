"""What one message changes, decided and not yet done: the unit of the journal.

Deciding needs the time, limits and the configuration; applying needs the entry alone. So an entry that is
read back from the journal after a crash changes what it would have changed then.
"""

from typing import Any, Final, Literal, NamedTuple

import msgspec

from vedette.wire.failure import Lost
from vedette.wire.messages import HeartbeatEcho, Result
from vedette_collector.dedupe import Run

FORGIVEN: Final = ""  # the reason of a range that belongs in somebody else's books

Kind = Literal["live", "late", "claim", "note"]  # a note changes nothing: only an ack waits for its turn


class Opening(NamedTuple):
    """An epoch that is heard of for the first time, by a batch or (*said*) by a heartbeat."""

    epoch: str
    base: int
    number: int
    said: bool


class Loss(NamedTuple):
    """Seqs `first` … `end` - 1 will never come."""

    epoch: str
    first: int
    end: int
    reason: str


class Claim(msgspec.Struct, array_like=True, kw_only=True):
    """What a heartbeat changes in the books, in the order in which it is done."""

    openings: list[Opening] = []
    ends: list[tuple[str, int]] = []  # results of this epoch were produced up to here
    losses: list[Loss] = []
    closings: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.openings or self.ends or self.losses or self.closings)


class Head(msgspec.Struct, array_like=True, omit_defaults=True):
    """What of an entry has no column of its own. Fields are only ever added, at the end."""

    generation: int
    number: int
    acked: int
    new: list[Run] | None = None
    rejected: list[tuple[int, str]] = []
    opening: Opening | None = None
    claim: Claim | None = None


class Entry(msgspec.Struct, kw_only=True):
    """One message. Of a batch: which of its results are new, and which of those cannot be applied."""

    id: int  # ascending, without an end
    kind: Kind
    agent: str
    received_us: int  # by the collector's clock
    epoch: str
    first: int = 0
    count: int = 0
    acked: int = 0  # as the batch says
    generation: int = 0  # of the configuration that it was decided with
    number: int = 0  # of its epoch
    new: list[Run] | None = None  # places in the batch, ascending; None: all of them
    rejected: list[tuple[int, str]] = []  # places among the new ones, and why they cannot be applied
    opening: Opening | None = None
    claim: Claim | None = None
    payload: bytes = b""  # as it came
    content_type: str | None = None

    # What is not journaled:
    mono: float | None = None  # when it came; None after a restart
    results: list[Result | None] | None = None  # the payload, read,
    offset_us: int | None = None  # and what it says of its agent's clock
    echo: HeartbeatEcho | None = None

    @property
    def is_kept(self) -> bool:
        return self.kind != "note"

    @property
    def news(self) -> list[Run]:
        return [(0, self.count)] if self.new is None else self.new


def given_up(entry: Entry) -> Entry:
    """What stands in the journal for an entry that cannot be stored: its results are lost."""
    losses = [
        Loss(entry.epoch, entry.first + first, entry.first + end, Lost.REJECTED.value)
        for first, end in entry.news
    ]
    openings = [] if entry.opening is None else [entry.opening]
    return Entry(
        id=entry.id,
        kind="claim",
        agent=entry.agent,
        received_us=entry.received_us,
        epoch=entry.epoch,
        claim=entry.claim or Claim(openings=openings, losses=losses),
        echo=entry.echo,
        mono=entry.mono,
    )


Row = tuple[int, str, str, int, str, int, int, bytes, str | None, bytes]

_pack: Final = msgspec.msgpack.Encoder().encode
_head: Final = msgspec.msgpack.Decoder(Head)


def row(entry: Entry) -> Row:
    """The entry as the journal has it."""
    head = Head(
        entry.generation,
        entry.number,
        entry.acked,
        entry.new,
        entry.rejected,
        entry.opening,
        entry.claim,
    )
    return (
        entry.id,
        entry.kind,
        entry.agent,
        entry.received_us,
        entry.epoch,
        entry.first,
        entry.count,
        _pack(head),
        entry.content_type,
        entry.payload,
    )


def entry(row: tuple[Any, ...]) -> Entry:
    """The entry in a row of the journal. Raises msgspec.DecodeError."""
    number, kind, agent, received_us, epoch, first, count, head, content_type, payload = row
    told = _head.decode(head)
    return Entry(
        id=number,
        kind=kind,
        agent=agent,
        received_us=received_us,
        epoch=epoch,
        first=first,
        count=count,
        acked=told.acked,
        generation=told.generation,
        number=told.number,
        new=told.new,
        rejected=told.rejected,
        opening=told.opening,
        claim=told.claim,
        payload=payload,
        content_type=content_type,
    )
