"""The books of the fleet as a person reads them: is anything missing, why, and what to do. Pure.

A *problem* is something that is missing, late or failing now. A *notice* is worth knowing and has cost
nothing yet.
"""

from typing import Final, NamedTuple

from vedette.wire.messages import SpoolState
from vedette_collector.board import AGES, AgentState, Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition, StoreCondition
from vedette_collector.ledger import Figures

LONG_SECONDS: Final = 60.0  # results that are pending for longer are late
BEHIND_SECONDS: Final = 5.0  # and so are those that wait longer for our disk
RESTORED_SECONDS: Final = 86400.0

ADVICE: Final[dict[str, str]] = {
    "queue_full": "the agent has no spool, or its disk does not take it: give it a --state-dir",
    "refused": "the broker refused them: see the agent's log for the reason code",
    "spool_full": "the outage was longer than the spool is large: mend the link",
    "too_old": "they waited longer than a spool keeps anything: mend the link",
    "no_space": "the disk of the agent is nearly full: make room there",
    "corrupt": "the disk of the agent gave back what was not written: replace it",
    "crash": "the agent was killed, or its host lost power: see why",
    "restart": "the agent had them in memory alone when it ended: give it a --state-dir",
    "rejected": "this collector cannot apply them: vedette_collector_results_rejected_total says why",
    "rewind": "the collector's store was put back from a backup",
}


class Word(NamedTuple):
    """One thing to say. The lower the rank, the worse."""

    rank: int
    code: str
    text: str
    advice: str


class Account(NamedTuple):
    """One agent."""

    state: AgentState
    connected: bool
    books: Figures
    lost_lately: dict[str, int]
    pending_seconds: float
    spool: SpoolState | None
    spool_age: float | None  # of its oldest result
    live_age: float | None  # below this 99 % of its fresh batches were on arrival; None: nothing to say
    offset_seconds: float | None
    clone: bool
    problems: list[Word]
    notices: list[Word]


class Overview(NamedTuple):
    """All agents, the worst first, and the collector."""

    sentence: str
    is_complete: bool  # nothing is missing, late or failing
    totals: Figures
    accounts: list[Account]
    problems: list[Word]
    notices: list[Word]


def overview(board: Board, condition: Condition, now: Moment) -> Overview:
    accounts = [account(board, agent, now) for agent in board.agents.values()]
    accounts.sort(key=lambda each: (min((word.rank for word in each.problems), default=9), not each.notices))
    totals = _sum([each.books for each in accounts])
    problems = [Word(0, "collector", text, "") for text in condition.not_ready()]
    problems += _of_store(condition.store)
    has_problem = bool(problems) or any(each.problems for each in accounts)
    return Overview(
        _sentence(totals, accounts, has_problem=has_problem),
        not has_problem,
        totals,
        accounts,
        problems,
        _notices(condition.store, now.wall),
    )


def account(board: Board, agent: AgentState, now: Moment) -> Account:
    book = board.ledger.book(agent.name)
    beat = agent.heartbeat
    spool = None if beat is None else beat.spool
    offset = None if beat is None or beat.clock_offset_us is None else beat.clock_offset_us / 1e6
    age = None
    if spool is not None and spool.oldest_us is not None:
        age = max(now.wall - spool.oldest_us / 1e6 - (offset or 0.0), 0.0)
    made = Account(
        agent,
        agent.is_connected(now.mono),
        board.figures(agent),
        agent.waiting.lost_lately(book),
        agent.waiting.seconds(now.mono),
        spool,
        age,
        live_age(agent.ages),
        offset,
        agent.clones.is_suspected(now.mono),
        [],
        [],
    )
    return made._replace(problems=sorted(_problems(made)), notices=_agent_notices(made, now.mono))


def said(shown: Overview) -> list[tuple[str, Word, bool]]:
    """Who has what to say, and whether it is a problem: the worst first."""
    # Whether the collector is ready stands at the top of the page.
    words = [("collector", word, True) for word in shown.problems if word.code != "collector"]
    words += [(each.state.name, word, True) for each in shown.accounts for word in each.problems]
    words.sort(key=lambda found: found[1].rank)
    notices = [("collector", word, False) for word in shown.notices]
    notices += [(each.state.name, word, False) for each in shown.accounts for word in each.notices]
    return words + sorted(notices, key=lambda found: found[1].rank)


def live_age(counts: list[int], share: float = 0.99) -> float | None:
    """The bound of the histogram below which *share* of the batches were; None without one, or above all."""
    total, passed = sum(counts), 0
    for bound, count in zip(AGES, counts, strict=False):
        passed += count
        if total and passed >= share * total:
            return bound
    return None


def _problems(each: Account) -> list[Word]:
    books, found = each.books, []
    if books.residual:
        found.append(
            Word(0, "residual", f"{books.residual:,} results are in no state", "a bug of Vedette: report it")
        )
    if each.clone:
        advice = "stop one of them, or give it a name of its own"
        found.append(Word(1, "clone", "two processes speak as this agent", advice))
    if books.disagreement:
        text = f"{count(books.disagreement)} that the agent counts as delivered not here"
        found.append(Word(1, "disagreement", text, "wait a minute; if it stays, report it"))
    for reason, number in sorted(each.lost_lately.items()):
        text = f"{count(number)} lost in the last 15 minutes: {reason}"
        found.append(Word(2, "lost", text, ADVICE.get(reason, "see docs/delivery.md")))
    if each.spool is not None and each.spool.state == "failing":
        advice = "see the agent's log; what it has in memory ends with it"
        found.append(Word(2, "spool_failing", "the spool cannot be written", advice))
    if each.spool is not None and each.spool.state == "full":
        found.append(Word(2, "spool_full", "the spool is full: the oldest results go", "mend the link"))
    if not each.connected:
        said = "never seen" if each.state.seen_at is None else "not connected"
        found.append(Word(3, "away", said, "is it running, and does it reach the broker?"))
    if books.pending and each.pending_seconds > LONG_SECONDS:
        advice = "they are handed in now" if each.connected else "they come when the agent is back"
        text = f"{count(books.pending)} pending for {span(each.pending_seconds)} or longer"
        found.append(Word(3, "pending", text, advice))
    return found


def _agent_notices(each: Account, mono: float) -> list[Word]:
    found = []
    if each.state.is_clock_bad(mono):
        found.append(Word(5, "clock", "the clock of the host is wrong, or not known", "let it use NTP"))
    if each.spool is not None and each.spool.state == "off":
        found.append(Word(6, "no_spool", "no spool: what is not delivered ends with the process", ""))
    return found


def _of_store(store: StoreCondition) -> list[Word]:
    found = []
    if store.waiting_seconds > BEHIND_SECONDS:
        text = f"results wait {span(store.waiting_seconds)} for the disk"
        found.append(Word(1, "behind", text, "agents keep theirs meanwhile; is the disk slow or full?"))
    if store.apply_errors:
        found.append(
            Word(0, "apply", f"{store.apply_errors:,} messages could not be applied", "a bug: see the log")
        )
    return found


def _notices(store: StoreCondition, wall: float) -> list[Word]:
    found = []
    if not store.is_durable:
        found.append(Word(5, "no_store", "no store: counters and books end with the collector", ""))
    if store.restored_at is not None and wall - store.restored_at < RESTORED_SECONDS:
        text = f"the store was put back from a backup {span(wall - store.restored_at)} ago"
        found.append(
            Word(4, "restored", text, "counters began at 0; what it had forgotten is lost as rewind")
        )
    return found


def _sentence(totals: Figures, accounts: list[Account], *, has_problem: bool) -> str:
    unknown = sum(abs(each.books.residual) + each.books.disagreement for each in accounts)
    if unknown:
        return f"{count(unknown)} unaccounted for"
    lately = sum(sum(each.lost_lately.values()) for each in accounts)
    late = sum(each.books.pending for each in accounts if each.pending_seconds > LONG_SECONDS)
    parts = []
    if lately:
        parts.append(f"{count(lately)} lost in the last 15 minutes")
    if late:
        parts.append(f"{count(late)} late")
    if parts:
        return ", ".join(parts)
    if not accounts:
        return "The configuration has no agents"
    lost = sum(totals.lost.values())
    known = f", {lost:,} of them as lost" if lost else ""
    away = sum(not each.connected for each in accounts)
    if away:
        who = "1 agent that is" if away == 1 else f"{away:,} agents that are"
        return f"All {count(totals.produced)} that are known accounted for{known}; {who} away may have more"
    whole = f"All {count(totals.produced)} accounted for{known}"
    return f"{whole}, but something is wrong" if has_problem else whole


def _sum(all_books: list[Figures]) -> Figures:
    lost: dict[str, int] = {}
    for books in all_books:
        for reason, number in books.lost.items():
            lost[reason] = lost.get(reason, 0) + number
    return Figures(
        produced=sum(each.produced for each in all_books),
        applied=sum(each.applied for each in all_books),
        late=sum(each.late for each in all_books),
        lost=lost,
        pending=sum(each.pending for each in all_books),
        residual=sum(abs(each.residual) for each in all_books),  # one must not hide another
        disagreement=sum(each.disagreement for each in all_books),
    )


def count(number: int) -> str:
    return f"{number:,} result" if number == 1 else f"{number:,} results"


def span(seconds: float) -> str:
    """ "40 s", "12 min", "3 h", "2 d"."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
