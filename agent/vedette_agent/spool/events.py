"""What a spool tells its owner."""

from typing import Literal, NamedTuple

from vedette.errors import VedetteError
from vedette.wire.messages import Gap
from vedette_agent.delivery.runs import Run

State = Literal["ok", "full", "failing"]


class SpoolError(VedetteError):
    """The directory cannot be used: results stay in memory alone."""


class OldEpoch(NamedTuple):
    """An earlier process of this agent, of which something is still to be said."""

    epoch: str
    floor: int  # every seq below it is settled, or in a gap
    next_seq: int  # = results produced
    is_exact: bool  # False: `next_seq` is an upper bound, for the host went down under it
    is_same_boot: bool  # whether its times and ours come from one boot of the host
    runs: list[Run]  # on disk, ascending


class Held(NamedTuple):
    """What was found on disk."""

    epochs: list[OldEpoch]  # oldest first; with rows on disk, or with a gap below
    settled: list[tuple[str, int]]  # epoch and next_seq of those with neither, oldest first
    gaps: list[Gap]  # not yet confirmed, oldest epoch first
    results: int
    size_bytes: int
    oldest_us: int | None


class Written(NamedTuple):
    """Results `first` … `end` - 1 outlive a crash from now on."""

    epoch: str
    first: int
    end: int


class Unwritten(NamedTuple):
    """They were written, and the disk lost them: to be put again, or declared by whoever has them no more."""

    epoch: str
    first: int
    end: int


class Dropped(NamedTuple):
    """They were on disk and will not come back. The gap is on record and stays so until it is confirmed."""

    gap: Gap


class Changed(NamedTuple):
    """Totals after a group commit."""

    state: State
    results: int
    size_bytes: int
    oldest_us: int | None  # wall clock of the oldest row


Event = Written | Unwritten | Dropped | Changed
