"""A fleet as the replay files describe it: agents, targets, resolvers and their tags, defaults filled in."""

from collections.abc import Container
from pathlib import Path
from typing import Final

from msgspec import Struct

from vedette.checks.formats import dns_name
from vedette.checks.problems import Path as Place
from vedette.checks.problems import quoted
from vedette.checks.tree import Node, Scalar
from vedette.checks.wording import suggestion
from vedette_collector.replay.reading import Reading, plain

# What describes the world and not what an operator knows: it decides who is hit, and no engine sees it.
HIDDEN: Final = frozenset(("hijack_cone", "peer_group", "flushed", "nta", "aggressive_nsec", "cf_stack"))

# What scenarios may select by, though this fleet has nobody with that tag.
AGENT_TAGS: Final = frozenset(
    ("agent", "asn", "region", "host_region", "access", "tls_stack", "hijack_cone", "peer_group")
)
TARGET_TAGS: Final = frozenset(
    (
        *("service", "provider", "region", "authority", "asn", "provider_asn", "product", "prefix_set"),
        *("depends_on", "plane", "host_os", "ca_chain", "tld", "zone", "cf_stack"),
    )
)
RESOLVER_TAGS: Final = frozenset(("name", "public", "validating", "aggressive_nsec", "flushed", "nta"))

_AGENT_DEFAULTS: Final = {"access": "vm", "tls_stack": "modern"}
_TARGET_DEFAULTS: Final = {"tld": "com", "host_os": "linux", "ca_chain": "other", "plane": "data"}
_TRANSIT: Final = ("AS3356", "AS1299", "AS174", "AS2914")


class Agent(Struct, frozen=True, kw_only=True):
    name: str
    tags: dict[str, str]  # hidden ones included
    resolvers: tuple[str, ...]


class Target(Struct, frozen=True, kw_only=True):
    name: str
    tags: dict[str, str]
    given: frozenset[str]  # tags that the file gives; the others are defaults


class Resolver(Struct, frozen=True, kw_only=True):
    name: str
    tags: dict[str, str]


class Fleet(Struct, frozen=True, kw_only=True):
    agents: tuple[Agent, ...]
    targets: tuple[Target, ...]
    resolvers: dict[str, Resolver]


def transit(agent: Agent, target: Target) -> str:
    """The autonomous system between the two: made up, the same for a pair of networks each time."""
    code = _codes(agent.tags.get("asn", "")) * 7 + _codes(target.tags["asn"]) * 3
    return _TRANSIT[code % len(_TRANSIT)]


def _codes(text: str) -> int:
    return sum(map(ord, text))


def read_fleet(path: Path) -> Fleet:
    """Raises ConfigError with one line for every problem."""
    reading = Reading(path)
    root = reading.mapping(reading.root, ())
    kinds = frozenset(("agents", "targets", "resolvers"))
    mark = reading.root.mark if reading.root is not None else None
    if mark is not None:
        reading.keys(root, (), needed=kinds, known=kinds, mark=mark, is_open=True)
    agents: dict[str, Agent] = {}
    targets: dict[str, Target] = {}
    resolvers: dict[str, Resolver] = {}
    asks: list[tuple[Node, Place, tuple[str, ...]]] = []
    for node, place in _entries(reading, root, "resolvers"):
        name, tags, _ = _entry(reading, node, place, "resolver", resolvers)
        resolvers[name] = Resolver(name=name, tags={"name": name, **tags})
    for node, place in _entries(reading, root, "agents"):
        name, tags, asked = _entry(reading, node, place, "agent", agents)
        asks.append((node, place, asked))
        agents[name] = Agent(name=name, tags=_AGENT_DEFAULTS | {"agent": name} | tags, resolvers=asked)
    for node, place in _entries(reading, root, "targets"):
        name, tags, _ = _entry(reading, node, place, "service", targets)
        derived = {"authority": f"auth-{name}", "asn": f"AS-{name}", "zone": name, "service": name}
        targets[name] = Target(name=name, tags=_TARGET_DEFAULTS | derived | tags, given=frozenset(tags))
    for node, place, asked in asks:
        for each in asked:
            if each not in resolvers:
                text = f"resolver {quoted(each)} is not listed under resolvers; {suggestion(each, resolvers)}"
                reading.amiss(node.mark, place, text)
    reading.finish()
    return Fleet(agents=tuple(agents.values()), targets=tuple(targets.values()), resolvers=resolvers)


def _entries(reading: Reading, root: dict[str, tuple[Scalar, Node]], kind: str) -> list[tuple[Node, Place]]:
    if kind not in root:
        return []
    found = list(reading.entries(root[kind][1], (kind,)))
    if not found:
        reading.amiss(root[kind][1].mark, (kind,), "is empty; list at least one")
    return found


def _not_a_host(name: str) -> str:
    """What is wrong with it as the name of a host."""
    try:
        dns_name(f"{name}.example")
    except ValueError as exc:
        return str(exc)
    return ""


def _entry(
    reading: Reading, node: Node, place: Place, kind: str, others: Container[str]
) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Name, other tags, and the resolvers of an agent."""
    pairs = reading.mapping(node, place)
    needed = frozenset((kind, "resolvers") if kind == "agent" else (kind,))
    for missing in sorted(needed - pairs.keys()):
        reading.amiss(node.mark, place, f"{missing} is missing; add it")
    name = ""
    tags: dict[str, str] = {}
    asked: tuple[str, ...] = ()
    for key, (_, value) in pairs.items():
        if key == kind:
            name = reading.name(value, (*place, key))
            if name and kind == "service" and (wrong := _not_a_host(name)):
                reading.amiss(value.mark, (*place, key), f"{wrong}; targets of a replay have names as in DNS")
            if name in others:
                reading.amiss(value.mark, (*place, key), f"{quoted(name)} is here twice; rename one")
        elif key == "resolvers" and kind == "agent":
            asked = tuple(dict.fromkeys(reading.texts(value, (*place, key))))
        else:
            tags[key] = plain(reading.value(value, (*place, key)))
    return name, tags, asked
