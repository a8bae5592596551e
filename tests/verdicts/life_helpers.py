"""A small world with the shapes of real outages, and findings in it, for tests of the life of incidents."""

from collections.abc import Sequence
from typing import Any

from vedette_collector.verdicts.component import Component, Entity, Kind, component
from vedette_collector.verdicts.evidence import Finding, Share, Track
from vedette_collector.verdicts.incident import Change
from vedette_collector.verdicts.incidents import Incidents
from vedette_collector.verdicts.topology import CheckTraits, Stage, Topology

T0 = 1_760_943_000.0  # 2025-10-20 06:50 UTC

AGENTS = {
    "aws-1": ("AS16509", "us-east"),
    "aws-2": ("AS16509", "eu"),
    "vf-1": ("AS5378", "uk"),
    "vf-2": ("AS5378", "uk"),
    "vfm-1": ("AS25135", "uk"),
    "bt-1": ("AS2856", "uk"),
    "bt-2": ("AS2856", "uk"),
    "ovh-1": ("AS16276", "eu"),
    "ovh-2": ("AS16276", "eu"),
    "nyc-1": ("AS14061", "us-east"),
    "tim-1": ("AS3269", "it"),
}

TARGETS = {
    "dynamodb.us-east-1": "provider:aws provider_region:aws/us-east-1 authority_dns:route53-aws",
    "dynamodb.us-west-2": "provider:aws provider_region:aws/us-west-2 authority_dns:route53-aws",
    "use1-api-1": "provider:aws provider_region:aws/us-east-1 authority_dns:route53-aws dependency:dynamodb",
    "use1-api-2": "provider:aws provider_region:aws/us-east-1 authority_dns:route53-aws dependency:dynamodb",
    "use1-nlb-1": "provider:aws provider_region:aws/us-east-1 product:aws-nlb",
    "use1-nlb-2": "provider:aws provider_region:aws/us-east-1 product:aws-nlb",
    "use1-web-1": "provider:aws provider_region:aws/us-east-1",
    "usw2-web-1": "provider:aws provider_region:aws/us-west-2",
    "usw2-web-2": "provider:aws provider_region:aws/us-west-2",
    "cf-1": "provider:cloudflare product:cloudflare-cdn",
    "cf-2": "provider:cloudflare product:cloudflare-cdn",
    "byoip-1": "provider:cloudflare prefix_set:cf-byoip",
    "byoip-2": "provider:cloudflare prefix_set:cf-byoip",
    "one-website": "provider:cloudflare",
    "dyn-1": "authority_dns:dyn",
    "dyn-2": "authority_dns:dyn",
    "de-1": "tld:de",
    "de-2": "tld:de",
    "in-vf-1": "provider:isp-AS5378 provider_network:AS5378",
    "in-vf-2": "provider:isp-AS5378 provider_network:AS5378",
    "shop-1": "",
    "shop-2": "",
    "shop-3": "",
}


def parts(text: str) -> Component:
    """`authority_dns:dyn & vantage_region:us-east` as a component; `+` joins names."""
    return component(
        Entity(Kind(kind), name)
        for part in text.split(" & ")
        for kind, names in [part.split(":", 1)]
        for name in names.split("+")
    )


def world(interval: float = 30.0, transit: Sequence[tuple[str, str]] = ()) -> Topology:
    """Every agent probes each target by name through 1.1.1.1 and its own resolver, and by address."""
    checks: dict[str, CheckTraits] = {}
    for target, tags in TARGETS.items():
        entities = (
            Entity(Kind.TARGET, target),
            *(Entity(Kind(kind), name) for kind, name in (tag.split(":") for tag in tags.split())),
            *(() if "tld" in tags else (Entity(Kind.TLD, "com"),)),
        )
        named, reached = frozenset({Stage.DNS}), frozenset({Stage.CONNECTION})
        one = Entity(Kind.RESOLVER, "1.1.1.1")
        checks[f"{target}-dns"] = CheckTraits(entities=(*entities, one), stages=named, interval=interval)
        checks[f"{target}-own"] = CheckTraits(
            entities=entities, stages=named, interval=interval, own_resolver=True
        )
        checks[f"{target}-tcp"] = CheckTraits(entities=entities, stages=reached, interval=interval)
    return Topology(
        agents={
            name: (Entity(Kind.AGENT, name), Entity(Kind.NETWORK, network), Entity(Kind.REGION, region))
            for name, (network, region) in AGENTS.items()
        },
        own_resolvers={name: (Entity(Kind.RESOLVER, f"res-{name}"),) for name in AGENTS},
        checks=checks,
        assigned=dict.fromkeys(checks, tuple(AGENTS)),
        pairs=dict.fromkeys(transit, (Entity(Kind.TRANSIT, "AS3356"),)),
    )


def finding(
    text: str, *, at: float = T0, track: Track = "connection", score: float = 100.0, **more: Any
) -> Finding:
    agents = tuple(more.pop("agents", AGENTS))
    networks = tuple(sorted({AGENTS[agent][0] for agent in agents if agent in AGENTS}))
    values: dict[str, Any] = {
        "certainty": "certain",
        "inside": Share(30, 33),
        "outside": Share(3, 900),
        "agents": agents,
        "networks": networks,
        "targets": (),
        "codes": (("tcp.timeout", 30),),
        "began": at,
        "last": at,
    }
    return Finding(component=parts(text), track=track, score=score, **(values | more))


class Life:
    """Incidents driven by a clock: each second one update with what is found at that time."""

    def __init__(self, incidents: Incidents | None = None, now: float = T0) -> None:
        self.incidents = incidents or Incidents()
        self.world = world()
        self.now = now
        self.changes: list[Change] = []

    def run(self, seconds: float, *findings: Finding, step: float = 1.0) -> list[Change]:
        """So many seconds with these findings. What changed in this time."""
        before = len(self.changes)
        end = self.now + seconds
        while self.now < end:
            self.changes += self.incidents.update(findings, self.now, self.world)
            self.now = min(self.now + step, end)
        return self.changes[before:]

    @property
    def paged(self) -> list[str]:
        return [each.incident for each in self.changes if each.paged]

    def told(self, changes: list[Change]) -> list[tuple[str, str]]:
        return [(each.what, str(each.component)) for each in changes]
