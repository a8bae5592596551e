"""Turns the books that a collector tells into one screen of text. Pure; nonsense makes it raise."""

from typing import Any, Final

MOST_AGENTS: Final = 30
COLOURS: Final = {"bad": "31", "good": "32", "dim": "2", "bold": "1"}
HEADS: Final = (
    "AGENT",
    "STATE",
    "PRODUCED",
    "APPLIED",
    "LATE",
    "LOST",
    "PENDING",
    "RESIDUAL",
    "DISAGREE",
    "SPOOL",
    "LIVE AGE",
    "CLOCK",
)
LEFT: Final = 2  # columns of text; the others are numbers


def lines(told: dict[str, Any], *, colour: bool) -> list[str]:
    """The screen. Raises LookupError, TypeError, ValueError or AttributeError for what is no ledger."""

    def paint(text: str, how: str) -> str:
        return f"\x1b[{COLOURS[how]}m{text}\x1b[0m" if colour else text

    is_complete = told["complete"] is True
    mark = paint("✓", "good") if is_complete else paint("✕", "bad")
    out = [f"{mark} {paint(plain(told['sentence']), 'bold')}", "", _totals(told["totals"])]
    for word in told["problems"]:
        out.append(f"{paint('✕', 'bad')} collector: {_word(word)}")
    for word in told["notices"]:
        out.append(paint(f"! collector: {_word(word)}", "dim"))
    agents = list(told["agents"])
    shown = agents[:MOST_AGENTS]
    rows = [_row(agent) for agent in shown]
    widths = [max(map(len, column)) for column in zip(HEADS, *rows, strict=True)]
    out += ["", paint(_line(HEADS, widths), "bold")]
    for agent, row in zip(shown, rows, strict=True):
        out.append(_line(row, widths))
        lost = {plain(reason): int(count) for reason, count in agent["results"]["declared_lost"].items()}
        if lost:
            out.append(paint(f"  lost: {_counts(lost)}", "dim"))
        out += [f"  {paint('✕', 'bad')} {_word(word)}" for word in agent["problems"]]
        out += [paint(f"  ! {_word(word)}", "dim") for word in agent["notices"]]
    hidden = int(told["total"]) - len(shown)
    if hidden > 0:
        wrong = sum(bool(agent["problems"]) for agent in agents[MOST_AGENTS:])
        out.append(f"… and {hidden:,} more agents, {wrong:,} of them with a problem: --json lists all")
    return out


def _totals(totals: dict[str, Any]) -> str:
    lost = {plain(reason): int(count) for reason, count in totals["declared_lost"].items()}
    why = f" ({_counts(lost)})" if lost else ""
    return (
        f"produced {int(totals['produced']):,} = applied {int(totals['applied']):,} "
        f"(late {int(totals['late']):,}) + lost {sum(lost.values()):,}{why} "
        f"+ pending {int(totals['pending']):,}; residual {int(totals['residual']):,}, "
        f"disagreement {int(totals['disagreement']):,}"
    )


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count:,}" for reason, count in sorted(counts.items(), key=lambda x: -x[1]))


def _row(agent: dict[str, Any]) -> tuple[str, ...]:
    books = agent["results"]
    age, offset = agent["live_age_seconds"], agent["clock_offset_seconds"]
    return (
        plain(agent["name"]),
        "connected" if agent["connected"] is True else "away",
        f"{int(books['produced']):,}",
        f"{int(books['applied']):,}",
        f"{int(books['late']):,}",
        f"{sum(int(count) for count in books['declared_lost'].values()):,}",
        f"{int(books['pending']):,}",
        f"{int(books['residual']):,}",
        f"{int(books['disagreement']):,}",
        _spool(agent["spool"]),
        "-" if age is None else f"<{float(age):g} s",
        "-" if offset is None else f"{float(offset):+.3f} s",
    )


def _spool(spool: dict[str, Any] | None) -> str:
    if spool is None:
        return "-"
    state = plain(spool["state"])
    oldest = spool["oldest_seconds"]
    if state == "off" or not int(spool["results"]):
        return state
    return f"{state} {int(spool['results']):,}" + ("" if oldest is None else f" {_span(float(oldest))}")


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _word(word: dict[str, Any]) -> str:
    advice = plain(word["advice"])
    return plain(word["text"]) + (f": {advice}" if advice else "")


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(
        cell.ljust(width) if index < LEFT else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ).rstrip()


def plain(text: str) -> str:
    """Nothing that a terminal obeys."""
    return "".join(c if c.isprintable() else "?" for c in text[:300])
