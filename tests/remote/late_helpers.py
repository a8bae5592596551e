"""Late entries, as the journal has them."""

from collections.abc import Sequence

from vedette.checks.model import Assignment, DnsCheck, Vantage
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, Result
from vedette_collector.board import Board
from vedette_collector.remote.counters import Outcome, RemoteCounters
from vedette_collector.remote.samples import History, targets
from vedette_collector.store.entry import Entry

AGENT = "par-01"
EPOCH = "ab" * 16
NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000
CHECK = DnsCheck(name="a", target="a.example A", interval=10.0, timeout=1.0, query_name="a.example")
OTHER = DnsCheck(name="b", target="b.example A", interval=10.0, timeout=1.0, query_name="b.example")


def assignment(*checks: DnsCheck) -> Assignment:
    names = tuple(check.name for check in checks)
    return Assignment(
        agents=(Vantage(name=AGENT),), checks=checks, by_agent={AGENT: names}, config_hash="0" * 64
    )


def board() -> Board:
    return Board(assignment(CHECK, OTHER))


def ok(started_us: int, check: str = "a", duration_us: int = 20_000, resolve_us: int | None = None) -> Result:
    phases = {} if resolve_us is None else {"resolve": resolve_us}
    return Result(
        check=check,
        outcome="ok",
        started_us=started_us,
        duration_us=duration_us,
        phases_us=phases,  # type: ignore[arg-type]  # the key is a literal
    )


def failed(started_us: int, check: str = "a", duration_us: int = 1_000_000) -> Result:
    return Result(
        check=check, outcome="fail", started_us=started_us, duration_us=duration_us, reason="dns.timeout"
    )


def late(
    results: Sequence[Result],
    number: int = 1,
    *,
    received_us: int = NOW_US,
    offset_us: int | None = 0,
    generation: int = 1,
    new: list[tuple[int, int]] | None = None,
    rejected: Sequence[tuple[int, str]] = (),
) -> Entry:
    """The entry *number* of the journal."""
    payload, content_type = codec.encode(
        Batch(
            v=limits.VERSION,
            agent=AGENT,
            epoch=EPOCH,
            first_seq=number * 1000,
            offset_us=offset_us,
            results=list(results),
        )
    )
    return Entry(
        id=number,
        kind="late",
        agent=AGENT,
        received_us=received_us,
        epoch=EPOCH,
        first=number * 1000,
        count=len(results),
        generation=generation,
        new=new,
        rejected=list(rejected),
        payload=payload,
        content_type=content_type,
    )


class Books:
    """A history over a board, and what it counted."""

    def __init__(self, added: dict[str, str] | None = None) -> None:
        self.board = board()
        self.counters = RemoteCounters()
        self.history = History(added or {}, targets(self.board), self.counters)

    def samples(
        self, entry: Entry, now_us: int = NOW_US, window_us: int = HOUR_US
    ) -> list[tuple[int, float]]:
        """Times and values."""
        return [each[1:] for each in self.history.samples(entry, now_us, now_us - window_us)]

    @property
    def counted(self) -> dict[Outcome, int]:
        return {outcome: count for outcome, count in self.counters.samples.items() if count}
