"""Something that learns, agents and checks to learn of, and facts as probes report them."""

import textwrap
from ipaddress import ip_address, ip_network
from typing import Any

from vedette.checks import read
from vedette.checks.model import Assignment
from vedette.wire import facts as f
from vedette.wire.facts import Facts
from vedette_collector.verdicts.component import Kind
from vedette_collector.verdicts.learned import Learned, Origin
from vedette_collector.verdicts.topology import Topology
from vedette_collector.verdicts.traits import topology

AGENTS = ("par-01", "lon-01", "nyc-01")
CHECKS = """
- {name: dns, dns: {name: www.shop.example}}
- {name: web, http: {url: https://www.shop.example/}}
- {name: zone, authority: {zone: shop.example}}
- {name: told, tags: {product: ours, ca_chain: ours, authority: ours, asn: AS1, prefix: p, zone: z},
   http: {url: https://www.shop.example/told}}
- {name: sole, agents: {name: par-01}, tls: {address: "sole.example:443"}}
- {name: walk, trace: {name: a.b.other.example}}
- {name: deep, dns: {name: a.b.other.example}}
- {name: way, path: {host: 192.0.2.1}}
- {name: ping, icmp: {host: 192.0.2.1}}
- {name: proxied, http: {url: http://x.example/, proxy: {address: "192.0.2.9:3128"}}}
"""


def assignment(checks: str = CHECKS, agents: tuple[str, ...] = AGENTS) -> Assignment:
    listed = "".join(f"  - {{name: {name}, tags: {{network: isp-{name[:3]}}}}}\n" for name in agents)
    text = f"agents:\n{listed}checks:\n{textwrap.indent(checks.strip(), '  ')}"
    return read.loads(text.encode(), "test.yaml")


NETWORKS = {
    "192.0.2.0/24": "AS1",
    "198.51.100.0/24": "AS2",
    "203.0.113.0/24": "AS3",
    "100.64.0.0/10": "AS4",
}


def origins(address: str) -> Origin | None:
    try:
        literal = ip_address(address)
    except ValueError:
        return None
    for prefix, network in NETWORKS.items():
        if literal in ip_network(prefix):
            return Origin(network, prefix)
    return None


class Pupil:
    """Learns, with a clock that is turned by hand."""

    def __init__(self, checks: str = CHECKS, agents: tuple[str, ...] = AGENTS) -> None:
        self.assignment = assignment(checks, agents)
        self.base = topology(self.assignment)
        self.learned = Learned(self.assignment, origins)
        self.now = 1_000_000.0

    def tell(self, check: str, facts: Facts, *agents: str, **more: Any) -> bool:
        told = [self.learned.observe(a, check, facts, self.now, **more) for a in agents or AGENTS]
        return any(told)

    def after(self, seconds: float = 0.0) -> Topology:
        self.now += seconds
        return self.learned.renewed(self.base, self.now) or self.learned.topology(self.base)


def of(found: Topology, check: str, kind: Kind) -> str | None:
    names = [entity.name for entity in found.checks[check].entities if entity.kind == kind]
    assert len(names) < 2
    return names[0] if names else None


def alias(*chain: str) -> Facts:
    return Facts(dns=f.DnsFacts(rcode="NOERROR", cname_chain=list(chain)))


def served(*names: str) -> Facts:
    return Facts(
        authority=f.AuthorityFacts(
            servers=[f.AuthorityServerFacts(name=n, address="192.0.2.1") for n in names]
        )
    )


def certificate(issuer: str, *, verified: bool = True, subject: str = "www.shop.example") -> Facts:
    return Facts(tls=f.TlsFacts(verified=verified, issuer=issuer, subject=subject))


def hops(*addresses: str | None) -> f.PathFacts:
    return f.PathFacts(
        protocol="udp",
        reached=True,
        hops=[f.PathHop(ttl=ttl, address=address) for ttl, address in enumerate(addresses, 1)],
    )
