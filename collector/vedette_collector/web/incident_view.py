"""What the pages show of incidents: the sentences of `words`, in lists that are bounded. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from vedette_collector.verdicts import words
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.incident import Incident

MAX_OPEN: Final = 10  # in full on the status page
MAX_QUIET: Final = 10
MAX_LISTED: Final = 200  # on the page of all incidents
MAX_NAMES: Final = 30  # in one list
MAX_CHARS: Final = 300  # of one name

STATES: Final = {"open": "open", "quiet": "quiet, held open", "closed": "closed"}


class Names(NamedTuple):
    """A list that may be long: what is shown of it, and how many are not."""

    shown: list[str]
    more: int


class FirstView(NamedTuple):
    said: words.FirstFailure
    has_evidence: bool
    is_known: bool  # the configuration still has this check


class IncidentView(NamedTuple):
    incident: Incident
    report: words.Report
    exonerated: Names
    targets: Names
    checks: Names  # that fail because of it
    firsts: list[FirstView]


class Block(NamedTuple):
    """The first block of the status page."""

    sentence: str
    basis: str
    open: list[IncidentView]
    more: int  # open incidents that are not shown
    quiet: list[IncidentView]


class Watch(NamedTuple):
    """What "no incident" rests on."""

    probes: int
    agents: int
    networks: int


class Source(NamedTuple):
    """What else the board knows of what an incident names."""

    has_evidence: Callable[[str, str], bool]  # of a check and an agent
    is_known: Callable[[str], bool]  # a check
    explained: Mapping[str, str]  # incidents by check whose failures they account for


def ordered(incidents: Iterable[Incident]) -> list[Incident]:
    """Open before held, pages before tickets, then the newest; at last the closed ones by time."""
    return sorted(
        incidents,
        key=lambda each: (
            _PLACES[each.state],
            each.state == "open" and each.severity != "page",
            -(each.closed or each.began),
            each.id,
        ),
    )


_PLACES: Final = {"open": 0, "quiet": 1, "closed": 2}


def block(incidents: Iterable[Incident], watch: Watch, now: float, source: Source) -> Block:
    found = ordered(incidents)
    failing = [each for each in found if each.state == "open"]
    quiet = [each for each in found if each.state == "quiet"]
    return Block(
        _sentence(failing),
        _basis(watch, is_quiet=not failing),
        [view(each, now, source) for each in failing[:MAX_OPEN]],
        max(len(failing) - MAX_OPEN, 0),
        [view(each, now, source) for each in quiet[:MAX_QUIET]],
    )


def _sentence(failing: Sequence[Incident]) -> str:
    if not failing:
        return "No incident"
    pages = sum(each.severity == "page" for each in failing)
    sentence = count(len(failing), "open incident")
    if pages < len(failing):
        sentence += f", {pages:,} to wake somebody" if pages else ", nobody to be woken"
    return sentence


def _basis(watch: Watch, *, is_quiet: bool) -> str:
    if not watch.probes:
        return "Nobody looks: no connected agent has a fresh result."
    probes, agents = count(watch.probes, "probe"), count(watch.agents, "connected agent")
    basis = f"{probes} of {agents} in {count(watch.networks, 'network')} looked."
    return f"{basis} What fails alone stands below." if is_quiet else basis


def view(incident: Incident, now: float, source: Source, extents: Extents | None = None) -> IncidentView:
    report = words.report(incident, now, extents)
    targets = {name for key in incident.findings for name in incident.findings[key].targets}
    return IncidentView(
        incident,
        report,
        _names(report.exonerated),
        _names(sorted(targets)),
        _names(sorted(check for check, name in source.explained.items() if name == incident.id)),
        [
            FirstView(each, source.has_evidence(each.check, each.agent), source.is_known(each.check))
            for each in report.firsts[:MAX_NAMES]
        ],
    )


def _names(found: Sequence[str]) -> Names:
    listed = [f"{each[:MAX_CHARS]}…" if len(each) > MAX_CHARS else each for each in found[:MAX_NAMES]]
    return Names(listed, len(found) - len(listed))


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
