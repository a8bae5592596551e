"""Draws outages, and parts of the reference fleet to see them from, that nobody has looked at before.

    PYTHONPATH=tests python -m replay.drawn_outages --seed 101 --agents 5 --targets 40 DIR
    vedette replay DIR/outages.yaml --fleet DIR/fleet.yaml

One outage hits one component, or a product or authority as seen from one region; symptom and share are drawn.
"""

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from vedette_collector import replay

REFERENCE: Final = Path(replay.__file__).parent / "data" / "fleet.yaml"
CODES: Final = {
    "dns": ("nodata", "nxdomain", "servfail", "timeout", "refused"),
    "tcp": ("timeout", "refused"),
    "tls": ("cert_expired", "self_signed"),
    "http": ("500", "503", "5xx"),
}
CONNECTION: Final = ("tcp", "tls", "http")
SHARES: Final = (1.0, 1.0, 0.9, 0.6, 0.4, 0.25)
TRANSITS: Final = ("AS3356", "AS1299", "AS174", "AS2914")
# By tag of targets: the kind of the verdict, and layers on which it fails.
BY_TAG: Final = {
    "product": ("product", CONNECTION),
    "provider": ("provider", CONNECTION),
    "host_os": ("host_class", CONNECTION),
    "authority": ("authority_dns", ("dns",)),
    "tld": ("tld", ("dns",)),
}
WAYS: Final = ("target", "target", *BY_TAG, "provider_region", "resolver", "network", "silence", "transit",
               "product from region", "authority from region")  # fmt: skip

Item = dict[str, Any]


class Drawn(NamedTuple):
    scope: Item
    layer: str
    code: str
    share: float
    kind: str
    entity: str | list[str]


def write(directory: Path, seed: int, agents: int, targets: int, count: int) -> tuple[Path, Path]:
    """The outages, and the fleet that sees them: the same for the same numbers."""
    chance = random.Random(seed)
    fleet = _fleet(chance, agents, targets)
    scenarios, place = directory / "outages.yaml", directory / "fleet.yaml"
    scenarios.write_text(yaml.safe_dump(_outages(chance, fleet, count), sort_keys=False))
    place.write_text(yaml.safe_dump(fleet, sort_keys=False))
    return scenarios, place


def _fleet(chance: random.Random, agents: int, targets: int) -> Item:
    whole = yaml.safe_load(REFERENCE.read_text())
    some = chance.sample(whole["agents"], min(agents, len(whole["agents"])))
    asked = {name for agent in some for name in agent["resolvers"]}
    return {
        "agents": some,
        "targets": chance.sample(whole["targets"], min(targets, len(whole["targets"]))),
        "resolvers": [each for each in whole["resolvers"] if each["resolver"] in asked],
    }


def _outages(chance: random.Random, fleet: Item, count: int) -> Item:
    found: list[Item] = []
    while len(found) < count:
        drawn = _draw(chance, fleet)
        if drawn is not None:
            found.append(_scenario(chance, len(found), drawn))
    return {"schema_version": 1, "scenarios": found}


def _draw(chance: random.Random, fleet: Item) -> Drawn | None:
    """None: this fleet has nothing of the kind."""
    agents, targets = fleet["agents"], fleet["targets"]
    way, share = chance.choice(WAYS), chance.choice(SHARES)
    match way:
        case "target":
            name = chance.choice(targets)["service"]
            return _failing(
                chance, {"target": {"service": name}}, ("dns", *CONNECTION), share, "target", name
            )
        case "provider_region":
            placed = [each for each in targets if "provider" in each and "region" in each]
            if not placed:
                return None
            one = chance.choice(placed)
            scope = {"target": {"provider": one["provider"], "region": one["region"]}}
            return _failing(chance, scope, CONNECTION, share, way, f"{one['provider']}/{one['region']}")
        case "resolver":
            name = chance.choice(fleet["resolvers"])["resolver"]
            code = chance.choice(("timeout", "servfail"))
            return Drawn({"resolver": {"name": name}}, "dns", code, share, way, name)
        case "network":
            name = chance.choice(agents)["asn"]
            return Drawn({"vantage": {"asn": name}}, "tcp", "timeout", share, "vantage_network", name)
        case "silence":
            name = chance.choice(agents)["asn"]
            return Drawn({"vantage": {"asn": name}}, "agent", "silent", 1.0, "vantage_network", name)
        case "transit":
            name = chance.choice(TRANSITS)
            return Drawn({"path": {"transit_asn": name}}, "tcp", "timeout", max(share, 0.4), way, name)
    tag, _, is_from_region = way.partition(" from ")
    kind, layers = BY_TAG[tag]
    name, region = _shared(chance, targets, tag), _shared(chance, agents, "region")
    if name is None or (is_from_region and region is None):
        return None
    if not is_from_region:
        return _failing(chance, {"target": {tag: name}}, layers, share, kind, name)
    scope = {"target": {tag: name}, "vantage": {"region": region}}
    return _failing(chance, scope, layers, share, "compound", [f"{kind}:{name}", f"vantage_region:{region}"])


def _failing(
    chance: random.Random,
    scope: Item,
    layers: Sequence[str],
    share: float,
    kind: str,
    entity: str | list[str],
) -> Drawn:
    layer = chance.choice(layers)
    return Drawn(scope, layer, chance.choice(CODES[layer]), share, kind, entity)


def _shared(chance: random.Random, items: Sequence[Item], tag: str) -> str | None:
    """A value that at least two of *items* have."""
    counts = Counter(str(each[tag]) for each in items if tag in each)
    names = sorted(name for name, count in counts.items() if count > 1)
    return chance.choice(names) if names else None


def _scenario(chance: random.Random, number: int, drawn: Drawn) -> Item:
    named = drawn.entity if isinstance(drawn.entity, str) else "-from-".join(drawn.entity)
    share = f"{drawn.share:.0%}".rstrip("%")
    name = f"{number:02d}-{drawn.kind}-{named}-{drawn.code}-{share}"
    phase = {
        "name": "drawn",
        "t_offset_min": 0,
        "duration_min": chance.choice((20, 30, 45)),
        "scope": drawn.scope,
        "symptom": {"layer": drawn.layer, "code": drawn.code},
        "fraction": drawn.share,
    }
    return {
        "id": name.replace("/", "_").replace(":", "."),
        "title": name,
        "synthetic": True,
        "phases": [phase],
        "expected_verdict": [{"at_min": 5, "kind": drawn.kind, "entity": drawn.entity}],
        "official_detection_min": None,
        "official_detection_kind": "none",
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--targets", type=int, default=60)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("directory", type=Path)
    told = parser.parse_args()
    told.directory.mkdir(parents=True, exist_ok=True)
    write(told.directory, told.seed, told.agents, told.targets, told.count)


if __name__ == "__main__":
    main()
