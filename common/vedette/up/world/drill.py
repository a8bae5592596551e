"""What a drill is: phases, each of which breaks something for a while. Facts only; `world` acts on them."""

from msgspec import Struct

from vedette.up.world.breaks import Break
from vedette.wire.failure import Failure

PACE_INTERVAL = 5.0  # seconds between two probes: the times of phases are written down for it


class Phase(Struct, frozen=True, kw_only=True):
    """Part of a drill. Phases may overlap."""

    name: str
    what: str
    breaks: tuple[Break, ...]
    after_seconds: float = 0.0  # since the start of the drill
    lasts_seconds: float | None = None  # None: until the drill is stopped
    period_seconds: float | None = None  # the first half of each period is broken, the second is well
    real_after_minutes: float | None = (
        None  # when it was, and how long, on the day that the drill is named for
    )
    real_minutes: float | None = None
    # What a verdict should name, as in `vedette_incident{component=…}`: one of these. None: nothing new.
    components: tuple[str, ...] = ()


class Drill(Struct, frozen=True, kw_only=True):
    """What goes wrong, and what one should then see. Stable keys: `vedette drill list --json` prints them."""

    name: str
    summary: str
    expect: str
    failure: Failure | None = (
        None  # the failure code that every agent then reports; None: several, or silence
    )
    checks: tuple[str, ...] = ()  # the checks that fail; every other one stays green
    agents: tuple[str, ...] = ()  # the agents that fall silent
    phases: tuple[Phase, ...]


class Step(Struct, frozen=True):
    """From *at* seconds after the start on, these phases break something."""

    at: float
    phases: tuple[Phase, ...]


def steps(phases: tuple[Phase, ...]) -> list[Step]:
    """The timetable. The last step is empty, unless a phase lasts until the drill is stopped."""
    spans = [(phase, *span) for phase in phases for span in _spans(phase)]
    ends = [end for _, _, end in spans if end is not None]
    times = sorted({begin for _, begin, _ in spans}.union(ends))
    return [
        Step(at, tuple(phase for phase, begin, end in spans if begin <= at and (end is None or at < end)))
        for at in times
    ]


def _spans(phase: Phase) -> list[tuple[float, float | None]]:
    begin, lasts, period = phase.after_seconds, phase.lasts_seconds, phase.period_seconds
    if lasts is None:
        return [(begin, None)]
    if period is None:
        return [(begin, begin + lasts)]
    end = begin + lasts
    count = int(-(-lasts // period))
    starts = [begin + number * period for number in range(count)]
    return [(start, min(start + period / 2, end)) for start in starts]
