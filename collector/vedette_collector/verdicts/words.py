"""The sentences of an incident, for whoever is woken at three in the morning.

Each says one thing that was seen. Percentages are of probes; what could not be seen is said as well.
"""

from typing import Final

from msgspec import Struct

from vedette_collector.verdicts.component import VANTAGES, Component, Kind
from vedette_collector.verdicts.evidence import Bypass, Exonerated, Finding, First, Share
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.figures import clock, duration, moment, portion
from vedette_collector.verdicts.incident import Incident
from vedette_collector.verdicts.phrases import KINDS, beside, clean, entity_noun, failure, listed, noun, way
from vedette_collector.verdicts.severity import is_refusal

HEADLINE_CHARACTERS: Final = 200
READINGS_CHARACTERS: Final = 80  # of other components in a headline: what failed, and how often, comes after
_DEPENDENTS: Final = 10
_NAMES: Final = 6

# What going around the fault showed: if all of it works, if all of it fails, and how it begins otherwise.
_BYPASSES: Final[dict[Bypass, tuple[str, str, str]]] = {
    "resolver": ("Another resolver answers", "Another resolver fails as well", "Through another resolver"),
    "authority": (
        "The name servers answer when asked directly",
        "The name servers fail as well when asked directly",
        "Of the name servers asked directly",
    ),
    "no_validation": (
        "With validation off (CD=1) the name resolves",
        "With validation off (CD=1) it fails as well",
        "With validation off (CD=1)",
    ),
    "last_good": (
        "The last good address works",
        "The last good address fails as well",
        "At the last good address",
    ),
    "family": (
        "The other address family works",
        "The other address family fails as well",
        "Over the other address family",
    ),
}


class FirstFailure(Struct, frozen=True, kw_only=True):
    """One of the first: its evidence is found by agent and check."""

    agent: str
    check: str
    code: str
    at: float
    text: str


class Report(Struct, frozen=True, kw_only=True):
    """What is said of an incident: plain text of one line each, empty where there is nothing to say."""

    headline: str
    since: str
    state: str
    certainty: str
    evidence: str
    failures: str
    seen_from: str
    not_seen_from: str
    confirmed: list[str]
    alternatives: list[str]
    exonerated: list[str]
    dependents: list[str]
    earlier: list[str]
    firsts: list[FirstFailure]
    notes: list[str]


def headline(incident: Incident) -> str:
    """What broke, how, and the share of probes that say so. At most 200 characters, one line."""
    return _said(incident.findings[str(incident.component)])


def report(
    incident: Incident, now: float, extents: Extents | None = None, ends: float | None = None
) -> Report:
    """*extents* say from where it was not seen; *ends* is when a quiet incident will be closed."""
    finding = incident.findings[str(incident.component)]
    active = [incident.findings[key] for key in incident.active if key in incident.findings]
    others = [each for each in active if each.component != incident.component]
    over = [
        each
        for key, each in sorted(incident.findings.items())
        if key not in incident.active and each.component != incident.component
    ]
    return Report(
        headline=headline(incident),
        since=f"{moment(incident.began)}, {_lasted(incident, now)}",
        state=_state(incident, now, ends),
        certainty=_certainty(finding),
        evidence=_evidence(finding),
        failures=_failures(finding),
        seen_from=_seen_from(finding),
        not_seen_from=_not_seen_from(finding, extents),
        confirmed=_confirmed(finding),
        alternatives=_alternatives(finding),
        exonerated=[_exonerated(each, finding.component) for each in finding.exonerated],
        dependents=[_said(each) for each in others[:_DEPENDENTS]] + _more(len(others)),
        earlier=[_earlier(each) for each in over[:_DEPENDENTS]] + _more(len(over)),
        firsts=[_first(each) for each in finding.firsts],
        notes=_notes(incident, finding),
    )


def _said(finding: Finding) -> str:
    share = finding.inside
    if finding.track == "silence":
        how = f"{portion(share, _plural(share, 'agent'))} silent"
    else:
        how = f"{failure(finding.codes[0][0])}, " if finding.codes else ""
        how += f"{portion(share, _counted(finding))} {_verb(finding, is_one=share.total == 1)}"
    rest = f": {how}{_beside(finding)}"
    # Of a long group of long names a part is enough; the figures are not.
    return clean(_capital(_subject(finding)), HEADLINE_CHARACTERS - len(rest)) + rest


def _beside(finding: Finding) -> str:
    if not finding.outside.total:
        return ""
    return f", {portion(finding.outside, '')} {'others' if finding.track == 'silence' else 'that avoid it'}"


def _subject(finding: Finding) -> str:
    readings = (*finding.rivals, *finding.alternatives)
    if finding.certainty != "ambiguous" or not readings:
        return noun(finding.component)
    names = [beside(finding.component, each) for each in readings]
    shown = names
    while len(shown) > 1 and sum(map(len, shown)) > READINGS_CHARACTERS:
        shown = shown[:-1]
    if len(shown) < len(names):
        shown = [*shown, f"{len(names) - len(shown)} more"]
    return f"{', '.join([noun(finding.component), *shown[:-1]])} or {shown[-1]}"


def _verb(finding: Finding, *, is_one: bool = False) -> str:
    if finding.track == "slow":
        return "is slow" if is_one else "are slow"
    return "fails" if is_one else "fail"


def _state(incident: Incident, now: float, ends: float | None) -> str:
    match incident.state:
        case "open":
            return f"open, {_severity(incident)}"
        case "quiet":
            since = incident.quiet_since if incident.quiet_since is not None else now
            held = f"; held open until {clock(ends)}" if ends is not None else ""
            return f"quiet since {clock(since)}: nothing of it fails for {duration(now - since)}{held}"
        case "closed":
            return f"closed {moment(incident.closed if incident.closed is not None else now)}"


def _severity(incident: Incident) -> str:
    return "somebody was paged" if incident.severity == "page" else "a ticket, nobody was paged"


def _lasted(incident: Incident, now: float) -> str:
    if incident.state == "open":
        return f"for {duration(now - incident.began)}"
    end = incident.quiet_since or incident.closed or now
    return f"failing for {duration(end - incident.began)}"


def _certainty(finding: Finding) -> str:
    if finding.certainty == "certain":
        return "Certain: no other component explains it as well."
    if not finding.rivals and not finding.alternatives:
        return "Ambiguous: nothing is left that avoids it, to compare it with."
    return "Ambiguous: what was seen fits more than one component."


def _evidence(finding: Finding) -> str:
    if finding.track == "silence":
        inside = portion(finding.inside, _plural(finding.inside, "agent"))
        place = "" if _is_telemetry(finding.component) else f" {_within(finding.component)}"
        beside = f"; {portion(finding.outside, '')} others are" if finding.outside.total else ""
        return f"{_capital(inside)}{place} fell silent{beside}."
    inside = portion(finding.inside, f"{_counted(finding)} {way(finding.component)}")
    if not finding.outside.total:
        return f"{_capital(inside)} {_past(finding)}; there are none that avoid it."
    return f"{_capital(inside)} {_past(finding)}; {portion(finding.outside, '')} that avoid it did."


def _past(finding: Finding) -> str:
    return "came slowly" if finding.track == "slow" else "failed"


def _within(component: Component) -> str:
    return f"in {noun(component)}" if component.parts[0].kind != Kind.AGENT else f"({noun(component)})"


def _failures(finding: Finding) -> str:
    return listed([f"{failure(code)} {count:,} times" for code, count in finding.codes], 4)


def _seen_from(finding: Finding) -> str:
    if not finding.agents:
        return ""
    agents = listed([clean(each) for each in finding.agents], _NAMES)
    text = f"{len(finding.agents):,} {'agent' if len(finding.agents) == 1 else 'agents'} ({agents})"
    if finding.networks:
        count = len(finding.networks)
        networks = listed([clean(each) for each in finding.networks], _NAMES)
        text += f" in {count:,} {'network' if count == 1 else 'networks'} ({networks})"
    return text


def _not_seen_from(finding: Finding, extents: Extents | None) -> str:
    if extents is None or finding.track == "silence":
        return ""
    agents = sorted(extents.probing(finding.component) - set(finding.agents))
    if not agents:
        return ""
    networks = sorted(extents.networks(agents) - set(finding.networks))
    text = f"{len(agents):,} {'agent' if len(agents) == 1 else 'agents'} that probe it see nothing"
    return (
        f"{text}, networks {listed([clean(each) for each in networks], _NAMES)} among them"
        if networks
        else text
    )


def _confirmed(finding: Finding) -> list[str]:
    said: list[str] = []
    if finding.confirmed:
        count = finding.confirmed
        said.append(f"{count:,} {'probe' if count == 1 else 'probes'} failed again when repeated.")
    if finding.asked.total:
        asked = portion(finding.asked, _plural(finding.asked, "probe"))
        said.append(f"{_capital(asked)} that were asked for at once failed.")
    return said + [_bypassed(way_around, share) for way_around, share in finding.bypasses if share.total]


def _bypassed(way_around: Bypass, share: Share) -> str:
    works, fails, begins = _BYPASSES[way_around]
    tries = _plural(share, "try", "tries")
    if share.failed == 0:
        return f"{works} ({portion(share, tries)} failed)."
    if share.failed == share.total:
        return f"{fails} ({portion(share, tries)})."
    return f"{begins} {portion(share, tries)} failed."


def _alternatives(finding: Finding) -> list[str]:
    nearly = []
    if finding.rivals:
        names = listed([noun(each) for each in finding.rivals], _NAMES)
        nearly = [f"Explains nearly as much as {noun(finding.component)} so far: {names}."]
    return nearly + _inseparable(finding)


def _inseparable(finding: Finding) -> list[str]:
    if not finding.alternatives:
        return []
    names = [noun(each) for each in finding.alternatives]
    kinds = {part.kind for each in (finding.component, *finding.alternatives) for part in each.parts}
    if kinds <= VANTAGES:
        advice = "an agent that is in one of them and not in the others"
    elif kinds & VANTAGES:
        advice = "an agent in another network"
    else:
        advice = "a target that belongs to one of them and not to the others"
    return [
        f"Cannot be told apart from {noun(finding.component)} with this fleet: {listed(names, _NAMES)}.",
        f"What would tell: {advice}.",
    ]


def _exonerated(each: Exonerated, blamed: Component) -> str:
    rest = portion(each.elsewhere, f"other {_plural(each.elsewhere, 'probe')} {KINDS[each.entity.kind].it}")
    alone = " alone" if each.entity in blamed.entities else ""
    return f"Not {entity_noun(each.entity)}{alone}: {rest} failed."


def _earlier(finding: Finding) -> str:
    return f"{_capital(_subject(finding))}, first seen {clock(finding.began)}, last {clock(finding.last)}"


def _first(first: First) -> FirstFailure:
    check, agent = clean(first.check), clean(first.agent)
    how = f"{check} from {agent}, {failure(first.code)}" if first.code else f"{agent} was heard of last"
    text = f"{clock(first.at)}: {how}"
    return FirstFailure(agent=first.agent, check=first.check, code=first.code, at=first.at, text=text)


def _notes(incident: Incident, finding: Finding) -> list[str]:
    said: list[str] = []
    if _is_telemetry(finding.component) and incident.state == "open":
        said.append("Until agents are heard of again, no other incident is opened or closed.")
    if is_refusal(finding.component, finding):
        said.append("It answers, with an HTTP status, and works from elsewhere: it may block these probes.")
    if incident.frozen:
        said.append("Our own telemetry is lost: this is what was known before, and nothing ends unseen.")
    if incident.merged_into is not None:
        said.append(f"Merged into {incident.merged_into}: one fault explains both.")
    if incident.reopened:
        times = "once" if incident.reopened == 1 else f"{incident.reopened:,} times"
        said.append(f"It came back {times}; the longest pause was {duration(incident.lulls)}.")
    return said


def _more(count: int) -> list[str]:
    return [f"and {count - _DEPENDENTS:,} more"] if count > _DEPENDENTS else []


def _is_telemetry(component: Component) -> bool:
    return component.part(Kind.TELEMETRY) is not None


def _counted(finding: Finding) -> str:
    """What the shares of a finding are of: of a fault that fails now and then, what was tried."""
    return _plural(finding.inside, "attempt" if finding.of_attempts else "probe")


def _plural(share: Share, one: str, many: str | None = None) -> str:
    return one if share.total == 1 else many or f"{one}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
