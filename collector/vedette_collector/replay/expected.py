"""Whether a component is what a scenario expects to be named.

Rules, for a component and an expected verdict:

1. Kinds map one to one (`provider` with an AS number means the provider's network, `agent_fleet` a network in
   either role: agents and targets stand in it, `client_trust` a CA chain or client stack). The component is
   right when it is that entity. `A+B` are several of one kind, all of them that the fleet has and no
   other, in one component or in those of one headline.
2. A conjunction with the expected entity in it is right when it holds the same probes as the entity alone, or
   the same as the phases that are on: then it says no less, and nothing that is untrue.
3. A `compound` lists what must be named, side by side: what is probed, resolvers, vantages. An entity is
   named by its own kind. Groups that no operator knows (`vantage-group:hijack-cone`, a zone as `target`,
   `resolver-class:validating`) are named by any part of that side that covers at least what was seen to fail
   of the group, and no more than what is in it or in scope.
4. `X is the acceptable coarser answer` in the qualifier makes X right as well; `if TAG is not tagged` before
   it only where no target in scope has the tag.
5. An answer that says it is ambiguous is right when what is expected is the component or one of its
   alternatives, and both hold the same probes in this fleet: nobody could tell them apart.
6. What is expected stands *beside* an answer that is not right when the incident lists it under its headline,
   or as a rival. That is told, and makes nothing right.
7. A network is one thing: where targets in it are hit as well, to name it as theirs is to name it.

`within`, `blast_radius` and other words of a qualifier inform people.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from vedette_collector.replay.record import Named
from vedette_collector.replay.scenario import Expected
from vedette_collector.replay.world import World
from vedette_collector.verdicts.component import Component, Entity, Kind, Part
from vedette_collector.verdicts.topology import Stage

KINDS: Final = {
    "target": (Kind.TARGET,),
    "dependency": (Kind.DEPENDENCY,),
    "host_class": (Kind.HOST_CLASS,),
    "provider": (Kind.PROVIDER,),
    "provider_region": (Kind.PROVIDER_REGION,),
    "provider_network": (Kind.PROVIDER_NETWORK,),
    "product": (Kind.PRODUCT,),
    "prefix_set": (Kind.PREFIX_SET,),
    "authority_dns": (Kind.AUTHORITY,),
    "authority": (Kind.AUTHORITY,),
    "zone": (Kind.ZONE,),
    "tld": (Kind.TLD,),
    "ca_chain": (Kind.CA_CHAIN,),
    "plane": (Kind.PLANE,),
    "resolver": (Kind.RESOLVER,),
    "resolver_class": (Kind.RESOLVER_CLASS,),
    "transit": (Kind.TRANSIT,),
    "vantage_network": (Kind.NETWORK,),
    "agent_fleet": (Kind.NETWORK, Kind.PROVIDER_NETWORK),
    "vantage_region": (Kind.REGION,),
    "vantage_site": (Kind.SITE,),
    "vantage_access": (Kind.ACCESS,),
    "agent": (Kind.AGENT,),
    "client_stack": (Kind.CLIENT_STACK,),
    "client_trust": (Kind.CA_CHAIN, Kind.CLIENT_STACK),
    "address_family": (Kind.FAMILY,),
    "telemetry": (Kind.TELEMETRY,),
}

RESOLVERS: Final = frozenset({Kind.RESOLVER, Kind.RESOLVER_CLASS})
VANTAGES: Final = frozenset(
    {Kind.AGENT, Kind.SITE, Kind.NETWORK, Kind.ACCESS, Kind.CLIENT_STACK, Kind.REGION}
)
WAYS: Final = frozenset({Kind.FAMILY, Kind.TRANSIT, Kind.TELEMETRY})
PROBED: Final = frozenset(Kind) - RESOLVERS - VANTAGES - WAYS
SIDES: Final = (PROBED, RESOLVERS, VANTAGES, WAYS)

_NETWORKS: Final = (Kind.NETWORK, Kind.PROVIDER_NETWORK)
_AS: Final = re.compile(r"AS[0-9]+")
_ACCEPTABLE: Final = re.compile(r"\b([a-z_]+) (\S+) is the acceptable")
_NOT_TAGGED: Final = re.compile(r"if (\w+) is not tagged")


class Situation(NamedTuple):
    """What is the case in the world at some time, as masks of probes."""

    scope: int  # hit by the phases that are on
    seen: int  # that were seen failing until now


class Matcher:
    """For one world: extents are looked up often."""

    def __init__(self, world: World) -> None:
        self._world = world

    def parts(self, expected: Expected) -> tuple[Part, ...]:
        """What must be named, of a verdict that is no compound; empty for `none`."""
        kinds = KINDS.get(expected.kind, ())
        names = tuple(sorted(name for text in expected.entities for name in _names(text)))
        if expected.kind == "provider" and all(_AS.fullmatch(name) for name in names):
            kinds = (Kind.PROVIDER_NETWORK,)
        if expected.kind == "address_family":
            names = tuple(f"ipv{name.lower().removeprefix('ipv')}" for name in names)
        known: list[Part] = []
        for kind in kinds:
            # Of a group those that the fleet has: nobody can name the others.
            here = tuple(
                name
                for name in names
                if kind is Kind.TELEMETRY or self._world.extent(_one(Part(kind, (name,))), None)
            )
            if here:
                known.append(Part(kind, here))
        return tuple(known)

    def acceptable(self, expected: Expected, scope: int) -> tuple[Part, ...]:
        """Coarser answers that the scenario allows for this fleet."""
        found = _ACCEPTABLE.search(expected.qualifier)
        if found is None or found[1] not in KINDS:
            return ()
        condition = _NOT_TAGGED.search(expected.qualifier)
        if condition is not None and self._has(scope, condition[1]):
            return ()
        return tuple(Part(kind, (found[2],)) for kind in KINDS[found[1]])

    def _homes(self, expected: Expected, now: Situation) -> tuple[Part, ...]:
        """Networks that are expected as those of agents, as those of the targets that are hit in them."""
        if expected.kind != "vantage_network":
            return ()
        found = []
        for part in (Part(Kind.PROVIDER_NETWORK, each.names) for each in self.parts(expected)):
            probes = self._world.extent(_one(part), Stage.CONNECTION)
            if probes and is_inside(probes, now.scope):
                found.append(part)
        return tuple(found)

    def _has(self, scope: int, tag: str) -> bool:
        """Whether any target of these probes has the tag."""
        tagged = [Part(Kind.TARGET, (one.name,)) for one in self._world.fleet.targets if tag in one.given]
        return any(self._world.extent(_one(part), None) & scope for part in tagged)

    def is_named(self, expected: Expected, told: tuple[Named, ...], now: Situation) -> bool:
        """Whether the headline, the first of what an incident told, names it, or several do together."""
        return self.is_listed(expected, told[:1], now) or self._are_together(expected, told)

    def is_listed(self, expected: Expected, told: tuple[Named, ...], now: Situation) -> bool:
        """Whether any of them names it."""
        return any(
            self.is_right(expected, each, named, now) for named in told for each in self._readings(named)
        )

    def is_beside(self, expected: Expected, told: tuple[Named, ...], now: Situation) -> bool:
        """Whether it is told, if not by the headline."""
        return self.is_listed(expected, told, now) or any(
            self.is_right(expected, each, named, now) for named in told for each in named.rivals
        )

    def _readings(self, named: Named) -> list[Component]:
        is_open = named.certainty == "ambiguous"
        return [named.component, *self._inseparable(named)] if is_open else [named.component]

    def _inseparable(self, named: Named) -> list[Component]:
        mine = self._of(named, named.component)
        return [each for each in named.alternatives if self._of(named, each) == mine]

    def is_right(self, expected: Expected, component: Component, named: Named, now: Situation) -> bool:
        if expected.kind == "compound":
            return self._is_compound(expected, component, named, now)
        parts = (*self.parts(expected), *self.acceptable(expected, now.scope), *self._homes(expected, now))
        return any(self._is_part(part, component, named, now) for part in parts)

    def _is_part(self, part: Part, component: Component, named: Named, now: Situation) -> bool:
        if component.parts == (part,) or (part.kind is Kind.TELEMETRY and component.part(part.kind)):
            return True
        if component.part(part.kind) != part:
            return False
        mine = self._of(named, component)
        return mine == self._of(named, _one(part)) or self._covers(mine, named, now)

    def _covers(self, mine: int, named: Named, now: Situation) -> bool:
        """It holds all that was seen failing and nothing beyond the scope. Before any was seen: just that."""
        seen, scope = self._within(now.seen, named), self._within(now.scope, named)
        if not seen:
            return mine == scope
        return is_inside(seen, mine) and is_inside(mine, scope)

    def _are_together(self, expected: Expected, told: tuple[Named, ...]) -> bool:
        """`A+B`, told as two components of one headline."""
        for part in self.parts(expected) if expected.kind != "compound" else ():
            if len(part.names) < 2:
                continue
            names = {
                name
                for named in told
                if len(named.component.parts) == 1 and named.component.parts[0].kind is part.kind
                for name in named.component.parts[0].names
            }
            if names == set(part.names):
                return True
        return False

    # Compounds

    def _is_compound(self, expected: Expected, component: Component, named: Named, now: Situation) -> bool:
        mine = self._of(named, component)
        sides: set[frozenset[Kind]] = set()
        for text in expected.entities:
            kind, _, name = text.partition(":")
            side = self._named_side(kind.replace("-", "_"), name, component, named, now)
            if side is None:
                return False
            sides.add(side)
        others = [part for part in component.parts if not any(part.kind in side for side in sides)]
        return not others or self._covers(mine, named, now)

    def _named_side(
        self, kind: str, name: str, component: Component, named: Named, now: Situation
    ) -> frozenset[Kind] | None:
        """The side of *component* that names the listed entity or group. None: none does."""
        kinds = KINDS.get(kind)
        names = tuple(sorted(_names(name)))
        for each in kinds or ():
            if component.part(each) == Part(each, names):
                return _side(each)
        side = _side(kinds[0]) if kinds else VANTAGES if kind.startswith("vantage") else RESOLVERS
        group = self._group(kind, names)
        given = [part for part in component.parts if part.kind in side]
        if not given or (group is None and kinds is not None):
            return None
        covered = self._of(named, Component(tuple(given)))
        seen, scope = self._sided(now.seen, side, named), self._sided(now.scope, side, named)
        allowed = scope | self._within(group or 0, named)
        return side if seen and is_inside(seen, covered) and is_inside(covered, allowed) else None

    def _group(self, kind: str, names: tuple[str, ...]) -> int | None:
        """Probes of a group that is no entity: all with the tag, or of the zone. None: no such group."""
        world = self._world
        if kind == "target":
            zones = world.extent(_one(Part(Kind.ZONE, names)), None)
            return zones or None
        tags = {name.replace("-", "_") for name in names}
        if kind == "vantage_group":
            networks = world.extent(_one(Part(Kind.NETWORK, names)), None)
            owners = {at for at, one in enumerate(world.fleet.agents) if _any_true(one.tags, tags)}
            return networks or world.mask(p for p, owner in enumerate(world.agent_of) if owner in owners)
        if kind in ("resolver_class", "resolver_group"):
            asked = {name for name, one in world.fleet.resolvers.items() if _any_true(one.tags, tags)}
            return world.mask(p for p, c in enumerate(world.check_of) if world.check_resolver[c] in asked)
        return None

    def _sided(self, probes: int, side: frozenset[Kind], named: Named) -> int:
        """All probes that share their agent, resolver or target (as *side* has it) with one of *probes*."""
        world = self._world
        if side is VANTAGES:
            masks = world.agent_masks
        else:
            masks = world.resolver_masks if side is RESOLVERS else world.target_masks
        probes = self._within(probes, named)
        found = 0
        for mask in masks:
            if mask & probes:
                found |= mask
        return self._within(found, named)

    def _of(self, named: Named, component: Component) -> int:
        return self._world.extent(component, _stage(named))

    def _within(self, probes: int, named: Named) -> int:
        return probes & self._world.stage_masks[_stage(named)]


def is_inside(inner: int, outer: int) -> bool:
    return not inner & ~outer


def _stage(named: Named) -> Stage | None:
    """Probes of which stage a finding is about; None: of both, as where agents fall silent."""
    if named.track == "silence":
        return None
    return Stage.DNS if named.track == "dns" else Stage.CONNECTION


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split("+")]


def _one(part: Part) -> Component:
    return Component((part,))


def _side(kind: Kind) -> frozenset[Kind]:
    return next(side for side in SIDES if kind in side)


def _any_true(tags: dict[str, str], names: Iterable[str]) -> bool:
    return any(tags.get(name) == "true" for name in names)


def entities(expected: Expected, matcher: Matcher, scope: int) -> frozenset[Entity]:
    """All that the verdict names, as far as it is an entity; of a compound what is probed, if it names such:
    who reads of a network alone looks there. It is the same network whether agents or targets are in it."""
    found: set[Entity] = set()
    if expected.kind != "compound":
        parts = (*matcher.parts(expected), *matcher.acceptable(expected, scope))
        found.update(entity for part in parts for entity in part.entities)
    else:
        for text in expected.entities:
            kind, _, name = text.partition(":")
            for each in KINDS.get(kind.replace("-", "_"), ()):
                found.update(Entity(each, one) for one in _names(name))
            if kind == "target":  # a zone may be listed as one
                found.update(Entity(Kind.ZONE, one) for one in _names(name))
        found = {each for each in found if each.kind in PROBED} or found
    for entity in [each for each in found if each.kind in _NETWORKS]:
        found.update(Entity(kind, entity.name) for kind in _NETWORKS)
    return frozenset(found)
