"""Turns what a collector tells of incidents into text for 80 columns. Pure; nonsense makes it raise."""

import textwrap
from typing import Any, Final

from vedette_collector.status.screen import COLOURS, plain

MOST: Final = 20  # incidents on a screen
FULL: Final = 3  # of these, in sentences; all others in two lines
_INDENT: Final = 8


class Screen:
    """Lines that fit, one after another."""

    def __init__(self, width: int, *, colour: bool) -> None:
        self.lines: list[str] = []
        self._width = max(width, 40)
        self._colour = colour

    def paint(self, text: str, how: str) -> str:
        return f"\x1b[{COLOURS[how]}m{text}\x1b[0m" if self._colour else text

    def say(self, text: str, label: str = "", how: str = "") -> None:
        """*text* beside its *label*, broken where the line ends."""
        wrapped = textwrap.wrap(text, self._width - _INDENT, break_on_hyphens=False) or [""]
        for number, line in enumerate(wrapped):
            head = f"{label if number == 0 else '':<{_INDENT}}"
            if not head.strip():
                self.lines.append(head + (self.paint(line, how) if how else line))
            else:
                self.lines.append(self.paint(head, how) + self.paint(line, "bold"))


def lines(told: dict[str, Any], *, width: int, colour: bool, is_one: bool = False) -> list[str]:
    """The screen; *is_one*: all about each. Raises LookupError, TypeError, ValueError or AttributeError for
    what is no list of incidents."""
    screen = Screen(width, colour=colour)
    found = sorted(told["incidents"], key=_rank)
    if not is_one:
        tickets, pages = int(told["open"]["ticket"]), int(told["open"]["page"])
        mark = screen.paint("✕", "bad") if tickets + pages else screen.paint("✓", "good")
        screen.lines.append(f"{mark} {screen.paint(_sentence(tickets + pages, pages), 'bold')}")
        screen.lines += [screen.paint(_basis(told["watching"]), "dim"), ""]
    for number, each in enumerate(found[:MOST]):
        is_full = is_one or (number < FULL and each["state"] == "open")
        _incident(screen, each, is_full=is_full, is_one=is_one)
        screen.lines.append("")
    hidden = int(told["total"]) - min(len(found), MOST)
    if hidden > 0:
        screen.lines.append(f"… and {hidden:,} more: --json lists them, 100 at most")
    while screen.lines and not screen.lines[-1]:
        screen.lines.pop()
    return screen.lines


def is_paging(told: dict[str, Any], *, is_one: bool) -> bool:
    """Whether an incident that pages is open; *is_one*: whether this one is."""
    if is_one:
        return any(each["state"] == "open" and each["severity"] == "page" for each in told["incidents"])
    return int(told["open"]["page"]) > 0


def _rank(each: dict[str, Any]) -> tuple[int, bool, float]:
    place = {"open": 0, "quiet": 1, "closed": 2}[each["state"]]
    return place, place == 0 and each["severity"] != "page", -float(each["closed"] or each["began"])


def _sentence(failing: int, pages: int) -> str:
    if not failing:
        return "No incident"
    sentence = _count(failing, "open incident")
    if pages == failing:
        return sentence
    return f"{sentence}, {pages:,} to wake somebody" if pages else f"{sentence}, nobody to be woken"


def _basis(watching: dict[str, Any]) -> str:
    probes, agents, networks = (int(watching[key]) for key in ("probes", "agents", "networks"))
    if not probes:
        return "Nobody looks: no connected agent has a fresh result."
    looking = f"{_count(probes, 'probe')} of {_count(agents, 'connected agent')}"
    return f"{looking} in {_count(networks, 'network')} looked."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _incident(screen: Screen, each: dict[str, Any], *, is_full: bool, is_one: bool) -> None:
    text: dict[str, Any] = {
        key: value if isinstance(value, list) else plain(value) for key, value in each["text"].items()
    }
    is_open = each["state"] == "open"
    label = plain(each["severity"]).upper() if is_open else plain(each["state"])
    how = "bad" if is_open and each["severity"] == "page" else "dim" if not is_open else "bold"
    screen.say(text["headline"], label, how)
    screen.say(f"Since {text['since']}; {text['state']}.")
    if not is_full:
        screen.say(f"--id {plain(each['id'])}", how="dim")
        return
    screen.say(text["evidence"])
    for title, key in (("", "certainty"), ("Failures: ", "failures"), ("Seen from ", "seen_from")):
        if text[key]:
            screen.say(title + text[key])
    if is_one and text["not_seen_from"]:
        screen.say(f"{text['not_seen_from'][:1].upper()}{text['not_seen_from'][1:]}.")
    for key in ("confirmed", "alternatives", "exonerated"):
        for line in _listed(text[key], None if is_one else 3):
            screen.say(line)
    for title, key in (("With it", "dependents"), ("Over", "earlier")):
        found = _listed(text[key], None if is_one else 3) if is_one or key == "dependents" else []
        for number, line in enumerate(found):
            screen.say(f"{title}: {line}" if number == 0 else line)
    for first in text["firsts"][: None if is_one else 2]:
        screen.say(f"First: {plain(first['text'])}")
    for line in _listed(text["notes"], None):
        screen.say(line)
    if is_one:
        _names(screen, "Checks that fail because of it", each["checks"])
        _names(screen, "Agents that are silent because of it", each["silent_agents"])
        for first in each["first_failures"]:
            if first["evidence"] is not None:
                screen.say(f"Evidence: {plain(first['evidence'])}")
    screen.say(f"ID {plain(each['id'])}" if is_one else f"More: --id {plain(each['id'])}", how="dim")


def _listed(found: list[Any], most: int | None) -> list[str]:
    shown = [plain(each) for each in found[:most]]
    return shown + ([f"and {len(found) - len(shown):,} more"] if len(found) > len(shown) else [])


def _names(screen: Screen, title: str, names: list[Any]) -> None:
    if names:
        screen.say(f"{title}: {', '.join(_listed(names, 20))}.")
