"""Whether two findings are one fault.

A fault is seen as several components while it unfolds, and takes others down with it. Two faults at one time
must stay two. So what relates is what the components *name* or lie in, much more than what they share:

- strong: the same component; the same thing that is probed; one lies inside the other; one depends on the
  other; a network that is both where agents stand and where targets are, for an hour if only some targets of
  it are blamed and not the network.
- weak: they share a region, product, authority … that not nearly all targets have, and at least one of them
  is more than a single target. Single targets, the provider, and the network or region from where both were
  seen relate what began within ten minutes, and nothing later.

A component that grows beyond an old incident is a new fault: whoever silenced the alert of one target hours
ago must hear that its whole region is down. A second page does less harm than none.
"""

from enum import IntEnum
from typing import Final

from vedette_collector.verdicts.component import PROBED, Component, Entity, Kind, Part
from vedette_collector.verdicts.evidence import Finding
from vedette_collector.verdicts.extents import Extents

TOGETHER_SECONDS: Final = 600.0  # faults that begin within this share a cause more often than not
GROWING_SECONDS: Final = 3600.0  # so long after its begin a fault may turn out to be a broader one
SPREADING_SECONDS: Final = (
    12 * 3600.0
)  # and so long it may reach what stands beside it, once it has spread at all
SILENCE_SECONDS: Final = (
    120.0  # agents that fell silent so shortly before all the others were the first of them
)

# Blamed in both, these are the fault; the others only say from where, or with what, it is seen.
_NAMED: Final = (PROBED - {Kind.HOST_CLASS, Kind.PLANE}) | {Kind.RESOLVER, Kind.TRANSIT, Kind.TELEMETRY}
_PLACES: Final = frozenset({Kind.NETWORK, Kind.SITE, Kind.REGION, Kind.AGENT})


class Strength(IntEnum):
    NONE = 0
    WEAK = 1
    STRONG = 2


def related(new: Finding, old: Finding, age: float, extents: Extents) -> Strength:
    """How much *new* looks like one fault with *old*, of an incident that began *age* seconds before it."""
    a, b = new.component, old.component
    if a == b or _names_the_same(a, b) or depends(a, b, extents) or depends(b, a, extents):
        return Strength.STRONG
    if is_inside(new, old, extents) or _is_one_silence(new, old):
        return Strength.STRONG
    if _is_one_network(a, b, extents) and (age <= GROWING_SECONDS or _names_a_network(a, b)):
        return Strength.STRONG
    is_growth = _overlaps(a, b) or is_inside(old, new, extents)
    if is_growth:
        return Strength.STRONG if age <= GROWING_SECONDS else Strength.NONE
    return Strength.WEAK if _shares(new, old, age, extents) else Strength.NONE


def is_inside(inner: Finding, outer: Finding, extents: Extents) -> bool:
    """Nearly all probes through *inner* go through *outer*.

    Nearly every target lies in something like a large top-level domain: then only one track counts.
    """
    if not extents.inside(inner.component, outer.component):
        return False
    return inner.track == outer.track or not extents.is_broad(outer.component)


def depends(effect: Component, cause: Component, extents: Extents) -> bool:
    """Whether targets of *effect* say that they depend on *cause*, or both are this dependency.

    `depends_on: dynamodb` means the target `dynamodb.us-east-1` for what stands in the same region.
    """
    needs = {
        entity.name
        for entity in (*effect.entities, *extents.implied(effect))
        if entity.kind == Kind.DEPENDENCY
    }
    names = {entity.name for entity in cause.entities if entity.kind in _NAMED}
    if not any(name == need or name.startswith(f"{need}.") for need in needs for name in names):
        return False
    here, there = _regions(effect, extents), _regions(cause, extents)
    return not here or not there or bool(here & there)


def outranks(one: Finding, other: Finding, extents: Extents) -> bool:
    """Whether *one* is the cause of the two, whatever their scores say: scores count probes, not reasons."""
    a, b = one.component, other.component
    if one.track == "silence" and other.track != "silence" and _is_one_network(a, b, extents):
        return True
    return depends(b, a, extents) and not depends(a, b, extents)


def may_be_dark(finding: Finding, extents: Extents) -> bool:
    """Targets of one network fail, and no agent in it says so: they may be silent by the same fault.

    Their silence takes half a minute to be noticed, and then it is the better headline.
    """
    component = finding.component
    if finding.track == "silence" or len(extents.targets(component)) < 2:
        return False
    within = extents.residents(_homes(component, extents))
    return bool(within) and within.isdisjoint(finding.agents)


def _names_the_same(a: Component, b: Component) -> bool:
    return any(part in b.parts for part in a.parts if part.kind in _NAMED)


def _overlaps(a: Component, b: Component) -> bool:
    """They blame groups with common members. Vantages count when nothing else is blamed."""
    return any(
        set(part.names) & set(other.names)
        for part, other in _pairs(a, b)
        if part.kind in _NAMED or (len(a.parts) == len(b.parts) == 1)
    )


def _pairs(a: Component, b: Component) -> list[tuple[Part, Part]]:
    return [(part, other) for part in a.parts for other in b.parts if part.kind == other.kind]


def _is_one_network(a: Component, b: Component, extents: Extents) -> bool:
    return bool(_vantages(a) & _homes(b, extents)) or bool(_vantages(b) & _homes(a, extents))


def _names_a_network(a: Component, b: Component) -> bool:
    return any(part.kind is Kind.PROVIDER_NETWORK for part in (*a.parts, *b.parts))


def _is_one_silence(new: Finding, old: Finding) -> bool:
    """All agents are silent, and these were the first that were missed."""
    if new.component.part(Kind.TELEMETRY) is None or old.track != "silence":
        return False
    return abs(new.began - old.began) <= SILENCE_SECONDS


def _vantages(component: Component) -> set[str]:
    """Networks of agents, when these and nothing else are blamed."""
    only = component.parts[0] if len(component.parts) == 1 else None
    return set(only.names) if only is not None and only.kind == Kind.NETWORK else set()


def _homes(component: Component, extents: Extents) -> set[str]:
    """Networks in which all its targets are."""
    return {
        entity.name
        for entity in (*component.entities, *extents.implied(component))
        if entity.kind == Kind.PROVIDER_NETWORK
    }


def _regions(component: Component, extents: Extents) -> set[str]:
    return {
        entity.name
        for entity in (*component.entities, *extents.implied(component))
        if entity.kind == Kind.PROVIDER_REGION
    }


def _shares(new: Finding, old: Finding, age: float, extents: Extents) -> bool:
    a, b = new.component, old.component
    common: set[Entity] = {*a.entities, *extents.implied(a)} & {*b.entities, *extents.implied(b)}
    telling = {entity for entity in common if entity.kind in _NAMED and _counts(entity, new, old)}
    places = {entity for entity in common if entity.kind in _PLACES}
    if abs(new.began - old.began) <= TOGETHER_SECONDS and (telling or places):
        return True
    if not any(entity.kind != Kind.PROVIDER for entity in telling):
        return False
    if len(extents.targets(b)) > 1:
        return age <= SPREADING_SECONDS
    return len(extents.targets(a)) > 1 and age <= GROWING_SECONDS


def _counts(entity: Entity, new: Finding, old: Finding) -> bool:
    """Who serves the names of targets matters only where names failed."""
    if entity.kind in {Kind.AUTHORITY, Kind.ZONE}:
        return new.track == old.track == "dns"
    return True
