"""Scenarios as the replay files describe them: phases that hit probes, and verdicts that are expected.

What drives the replay is read strictly. Other keys of a scenario are descriptions for people (sources,
provenance, root cause) and may be anything, unless they look like a mistyped key that drives it.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct

from vedette.checks.problems import Path as Place
from vedette.checks.problems import quoted
from vedette.checks.tree import Node, Scalar
from vedette.checks.wording import suggestion
from vedette_collector.replay import fleet as fleets
from vedette_collector.replay.fleet import Fleet
from vedette_collector.replay.reading import Reading, plain
from vedette_collector.replay.symptom import LAYERS, Symptom, is_known, known_codes

GROUPS: Final = ("vantage", "target", "resolver", "path")
VERDICT_KINDS: Final = (
    *("target", "dependency", "host_class", "provider", "provider_region", "provider_network", "product"),
    *("prefix_set", "authority_dns", "zone", "tld", "ca_chain", "plane", "resolver", "resolver_class"),
    *("transit", "vantage_network", "vantage_region", "vantage_site", "vantage_access", "agent"),
    *("agent_fleet", "client_trust", "client_stack", "address_family", "telemetry", "compound", "none"),
)

_YEAR_MINUTES: Final = 366 * 1440.0
_PHASE: Final = frozenset(("t_offset_min", "duration_min", "scope", "symptom"))
_PHASE_MORE: Final = frozenset(("name", "fraction", "pattern", "note", "notes"))
_SCENARIO_MORE: Final = frozenset(
    (
        *("title", "founding", "synthetic", "date", "t0_utc", "end_utc", "sources", "provenance", "notes"),
        *("root_cause", "controls_green", "naive_wrong", "detect_goal_min"),
        *("official", "official_detection_min", "official_detection_kind"),
    )
)
_VERDICT_MORE: Final = frozenset(
    ("at_min", "qualifier", "within", "blast_radius", "same_incident", "when", "note", "notes")
)


class Scope(Struct, frozen=True, kw_only=True):
    """A probe is in it when all selectors of all groups match; the values of one are alternatives."""

    groups: dict[str, dict[str, tuple[str, ...]]]  # by group (vantage, target, resolver, path), then by tag
    family: int | None = None


class Phase(Struct, frozen=True, kw_only=True):
    name: str
    begin: float  # seconds since the begin of the outage
    end: float
    scope: Scope
    symptom: Symptom
    fraction: float = 1.0
    period: float | None = None  # seconds; on in the first half of each

    def is_on(self, at: float) -> bool:
        """At *at* seconds since the begin of the outage."""
        return self.since(at) is not None

    def since(self, at: float) -> float | None:
        """For how many seconds it has been on. None: it is not."""
        if not self.begin <= at < self.end:
            return None
        if self.period is None:
            return at - self.begin
        since = (at - self.begin) % self.period
        return since if since < self.period / 2 else None


class Expected(Struct, frozen=True, kw_only=True):
    """A verdict that is right from a time on. For scoring alone."""

    at: float  # seconds since the begin of the outage
    kind: str
    entities: tuple[str, ...]
    qualifier: str = ""
    when: str = ""  # a condition on the fleet, in words
    follows: bool = False  # from what is expected before it, and is part of the same incident


class Scenario(Struct, frozen=True, kw_only=True):
    id: str
    title: str
    phases: tuple[Phase, ...]
    expected: tuple[Expected, ...]  # for scoring alone


def read_scenarios(path: Path, fleet: Fleet) -> tuple[Scenario, ...]:
    """In file order. Raises ConfigError with one line for every problem."""
    reading = Reading(path)
    root = reading.mapping(reading.root, ())
    if reading.root is not None:
        reading.keys(
            root,
            (),
            needed=frozenset(("scenarios",)),
            known=frozenset(("schema_version", "legend")),
            mark=reading.root.mark,
            is_open=True,
        )
    if "schema_version" in root and (version := reading.value(root["schema_version"][1], ())) != 1:
        reading.amiss(root["schema_version"][1].mark, (), f"version {version} is not known; this reads 1")
    known = _known_tags(fleet)
    scenarios: dict[str, Scenario] = {}
    if "scenarios" in root:
        for node, place in reading.entries(root["scenarios"][1], ("scenarios",)):
            one = _scenario(reading, node, place, known)
            if one is None:
                continue
            if one.id in scenarios:
                reading.amiss(node.mark, place, f"id {quoted(one.id)} is here twice; rename one")
            scenarios[one.id] = one
        if not scenarios and not reading.problems:
            reading.amiss(root["scenarios"][1].mark, ("scenarios",), "is empty; list at least one")
    reading.finish()
    return tuple(scenarios.values())


def _known_tags(fleet: Fleet) -> dict[str, frozenset[str]]:
    def of(entries: list[dict[str, str]]) -> frozenset[str]:
        return frozenset(tag for tags in entries for tag in tags)

    return {
        "vantage": fleets.AGENT_TAGS | of([agent.tags for agent in fleet.agents]),
        "target": fleets.TARGET_TAGS | of([target.tags for target in fleet.targets]),
        "resolver": fleets.RESOLVER_TAGS | of([one.tags for one in fleet.resolvers.values()]),
        "path": frozenset(("transit_asn",)),
    }


def _scenario(
    reading: Reading, node: Node, place: Place, known: dict[str, frozenset[str]]
) -> Scenario | None:
    pairs = reading.mapping(node, place)
    needed = frozenset(("id", "phases", "expected_verdict"))
    if not reading.keys(pairs, place, needed=needed, known=_SCENARIO_MORE, mark=node.mark, is_open=True):
        return None
    phases = [
        _phase(reading, each, at, known)
        for each, at in reading.entries(pairs["phases"][1], (*place, "phases"))
    ]
    expected = [
        _expected(reading, each, at)
        for each, at in reading.entries(pairs["expected_verdict"][1], (*place, "expected_verdict"))
    ]
    return Scenario(
        id=reading.name(pairs["id"][1], (*place, "id")),
        title=reading.text(pairs["title"][1], (*place, "title")) if "title" in pairs else "",
        phases=tuple(phase for phase in phases if phase is not None),
        expected=tuple(sorted((one for one in expected if one is not None), key=lambda one: one.at)),
    )


def _phase(reading: Reading, node: Node, place: Place, known: dict[str, frozenset[str]]) -> Phase | None:
    pairs = reading.mapping(node, place)
    if not reading.keys(pairs, place, needed=_PHASE, known=_PHASE_MORE, mark=node.mark):
        return None

    def number(key: str, low: float, high: float) -> float:
        return reading.number(pairs[key][1], (*place, key), low, high)

    begin = number("t_offset_min", 0, _YEAR_MINUTES) * 60
    symptom = _symptom(reading, pairs["symptom"][1], (*place, "symptom"))
    scope = _scope(reading, pairs["scope"][1], (*place, "scope"), known)
    if symptom is None:
        return None
    if symptom.is_silence and any(tags for group, tags in scope.groups.items() if group != "vantage"):
        reading.amiss(
            pairs["scope"][1].mark,
            (*place, "scope"),
            "agents fall silent, not probes; select by vantage alone",
        )
    return Phase(
        name=reading.name(pairs["name"][1], (*place, "name")) if "name" in pairs else f"phase {place[-1]}",
        begin=begin,
        end=begin + number("duration_min", 0, _YEAR_MINUTES) * 60,
        scope=scope,
        symptom=symptom,
        fraction=number("fraction", 0, 1) if "fraction" in pairs else 1.0,
        period=_period(reading, pairs["pattern"][1], (*place, "pattern")) if "pattern" in pairs else None,
    )


def _period(reading: Reading, node: Node, place: Place) -> float | None:
    pairs = reading.mapping(node, place)
    needed = frozenset(("kind", "period_min"))
    if not reading.keys(pairs, place, needed=needed, known=frozenset(), mark=node.mark):
        return None
    if (kind := reading.text(pairs["kind"][1], (*place, "kind"))) != "alternating":
        reading.amiss(pairs["kind"][1].mark, place, f"pattern {quoted(kind)} is not known; use alternating")
    return reading.number(pairs["period_min"][1], (*place, "period_min"), 0.1, _YEAR_MINUTES) * 60


def _symptom(reading: Reading, node: Node, place: Place) -> Symptom | None:
    pairs = reading.mapping(node, place)
    needed, known = frozenset(("layer", "code")), frozenset(("note", "notes"))
    if not reading.keys(pairs, place, needed=needed, known=known, mark=node.mark):
        return None
    layer = reading.text(pairs["layer"][1], (*place, "layer"))
    code = reading.text(pairs["code"][1], (*place, "code"))
    if layer not in LAYERS:
        reading.amiss(pairs["layer"][1].mark, place, f"layer {quoted(layer)}; {suggestion(layer, LAYERS)}")
        return None
    if not is_known(layer, code):
        text = f"code {quoted(code)} of {layer}; {suggestion(code, known_codes(layer))}"
        reading.amiss(pairs["code"][1].mark, place, text)
        return None
    return Symptom(layer=layer, code=code)


def _scope(reading: Reading, node: Node, place: Place, known: dict[str, frozenset[str]]) -> Scope:
    groups: dict[str, dict[str, tuple[str, ...]]] = {}
    family: int | None = None
    for name, (key, value) in reading.mapping(node, place).items():
        if name == "af":
            family = _family(reading, value, (*place, name))
        elif name in GROUPS:
            groups[name] = _selectors(reading, value, (*place, name), known[name])
        else:
            text = f"unknown selector group {quoted(name)}; {suggestion(name, (*GROUPS, 'af'))}"
            reading.amiss(key.mark, place, text)
    return Scope(groups=groups, family=family)


def _selectors(
    reading: Reading, node: Node, place: Place, known: frozenset[str]
) -> dict[str, tuple[str, ...]]:
    selectors: dict[str, tuple[str, ...]] = {}
    for tag, (key, value) in reading.mapping(node, place).items():
        if tag not in known:
            text = f"nothing has the tag {quoted(tag)}; {suggestion(tag, sorted(known))}"
            reading.amiss(key.mark, place, text)
        values = reading.values(value, (*place, tag))
        if not values or None in values:
            reading.amiss(value.mark, (*place, tag), "has no value; name at least one, or leave the tag out")
        selectors[tag] = tuple(map(plain, values))
    return selectors


def _family(reading: Reading, node: Node, place: Place) -> int | None:
    text = reading.text(node, place).lower().removeprefix("ipv")
    if text not in ("4", "6"):
        reading.amiss(node.mark, place, f"address family {quoted(text)} is not known; use 4 or 6")
        return None
    return int(text)


def _expected(reading: Reading, node: Node, place: Place) -> Expected | None:
    pairs = reading.mapping(node, place)
    needed = frozenset(("kind", "entity", "at_min"))
    if not reading.keys(pairs, place, needed=needed, known=_VERDICT_MORE, mark=node.mark, is_open=True):
        return None
    kind = reading.text(pairs["kind"][1], (*place, "kind"))
    if kind not in VERDICT_KINDS:
        text = f"verdict kind {quoted(kind)}; {suggestion(kind, VERDICT_KINDS)}"
        reading.amiss(pairs["kind"][1].mark, place, text)
    entities = reading.names(pairs["entity"][1], (*place, "entity"))
    if kind == "compound" and not all(":" in each for each in entities):
        text = "a compound lists entities as kind:name, such as authority_dns:dyn; add the kinds"
        reading.amiss(pairs["entity"][1].mark, (*place, "entity"), text)
    described = {
        key: reading.text(value, (*place, key))
        for key, (_, value) in pairs.items()
        if key in ("qualifier", "when", "same_incident")
    }
    notes = [
        value.text
        for key, (_, value) in pairs.items()
        if key in ("note", "notes") and isinstance(value, Scalar)
    ]
    follows = described.pop("same_incident", "false").lower()
    if follows not in ("true", "false"):
        text = f"{quoted(follows)} is neither true nor false; write true if it is part of the same incident"
        reading.amiss(pairs["same_incident"][1].mark, (*place, "same_incident"), text)
    return Expected(
        at=reading.number(pairs["at_min"][1], (*place, "at_min"), 0, _YEAR_MINUTES) * 60,
        kind=kind,
        entities=entities,
        qualifier="; ".join(filter(None, (described.get("qualifier", ""), *notes))),
        follows=follows == "true",
        when=described.get("when", ""),
    )
