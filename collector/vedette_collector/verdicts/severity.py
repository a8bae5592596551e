"""Whether a finding wakes a person, or waits for the morning.

A page is for what others than our own machines feel: things that are probed and fail from two networks, and
vantages or ways of more than one agent. It must be so by every reading that the finding leaves open.
"""

from vedette_collector.verdicts import denied
from vedette_collector.verdicts.component import PROBED, VANTAGES, Component, Kind
from vedette_collector.verdicts.evidence import Finding
from vedette_collector.verdicts.extents import Extents
from vedette_collector.verdicts.incident import Severity


def severity(finding: Finding, extents: Extents) -> Severity:
    if finding.track == "slow":
        return "ticket"
    readings = (finding.component, *finding.alternatives, *finding.rivals)
    return "page" if all(_is_urgent(each, finding, extents) for each in readings) else "ticket"


def _is_urgent(component: Component, finding: Finding, extents: Extents) -> bool:
    kinds = {part.kind for part in component.parts}
    if Kind.TELEMETRY in kinds:
        return True
    if Kind.AGENT in kinds or kinds == {Kind.CLIENT_STACK}:
        return False
    if kinds & PROBED:
        return _is_widely_seen(component, finding, extents) and not is_refusal(component, finding)
    # What is left of a silence, one agent of a network that is coming back, can wait.
    several = len(finding.agents) if finding.track == "silence" else len(extents.agents(component))
    return several > 1


def _is_widely_seen(component: Component, finding: Finding, extents: Extents) -> bool:
    """From two networks, or from all that look, when there is but one and no doubt left."""
    networks = extents.looking(component)
    # Agents whose network nobody wrote down count for themselves.
    seen = finding.networks if networks else finding.agents
    looking = networks or extents.probing(component)
    if len(looking) > 1:
        return len(seen) > 1
    return bool(seen) and not _may_be_the_prober(finding, extents)


def _may_be_the_prober(finding: Finding, extents: Extents) -> bool:
    """Whether one reading blames where some of the agents stand, and another does not."""
    looking = extents.probing(finding.component)
    readings = (finding.component, *finding.alternatives, *finding.rivals)
    return len({_is_of_some(each, looking, extents) for each in readings}) > 1


def _is_of_some(component: Component, looking: frozenset[str], extents: Extents) -> bool:
    """Whether it names vantages, and not just the one in which all stand."""
    places = [part for part in component.parts if part.kind in VANTAGES]
    return any(not looking <= extents.agents(Component((part,))) for part in places)


def is_refusal(component: Component, finding: Finding) -> bool:
    """A target that tells some vantages that it does not serve them, and works from others."""
    kinds = {part.kind for part in component.parts}
    if not (Kind.TARGET in kinds and kinds & (VANTAGES - {Kind.AGENT})):
        return False
    refusals = sum(count for code, count in finding.codes if code == denied.CODE)
    return refusals * 2 > sum(count for _, count in finding.codes)
