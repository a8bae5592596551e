"""What the demo's agents probe beside the shop: a cloud's regions, an edge, hosts, a country's operators.

The tags say what each one shares with others. They are what a verdict can name, so every group has members
elsewhere that stay well when it breaks: another region, another system, another network.
"""

from typing import Final, Literal, NamedTuple

SiteKind = Literal["dns", "http", "tcp"]


class Site(NamedTuple):
    """One check, and the server that it probes. A dns site has none: its name is all there is."""

    check: str
    kind: SiteKind
    host: str
    tags: dict[str, str]


def _cloud(check: str, kind: SiteKind, region: str, plane: str, **tags: str) -> Site:
    label = check.partition("-")[2]
    own = {"service": check, "provider": "aws", "region": region, "asn": "AS16509", "plane": plane}
    return Site(check, kind, f"{label}.{region}.cloud.example", own | tags)


def _table(check: str, region: str) -> Site:
    own = {"service": f"dynamodb.{region}", "provider": "aws", "region": region, "authority": "route53"}
    return Site(check, "dns", f"dynamodb.{region}.cloud.example", own)


def _edge(label: str) -> Site:
    own = {"service": f"edge-{label}", "provider": "azure", "product": "azure-front-door", "asn": "AS8075"}
    return Site(f"edge-{label}", "http", f"{label}.frontdoor.example", own)


def _host(place: str, system: str, **tags: str) -> Site:
    check = f"{place}-{system}"
    return Site(
        check, "tcp", f"{system}.{place}.hosts.example", {"service": check, "host_class": system} | tags
    )


def _inside(operator: str, label: str, asn: str, kind: SiteKind = "tcp") -> Site:
    check = f"{operator}-{label}"
    return Site(check, kind, f"{label}.{operator}.example", {"service": check, "asn": asn})


_USE1: Final = "us-east-1"
_USW2: Final = "us-west-2"

SITES: Final = (
    # The table of `dynamodb-dns` in other regions, and services that keep their data in that of us-east-1.
    _table("dynamodb-usw2-dns", _USW2),
    _table("dynamodb-euw1-dns", "eu-west-1"),
    _cloud("use1-orders", "http", _USE1, "data", depends_on="dynamodb"),
    _cloud("use1-tickets", "http", _USE1, "data", depends_on="dynamodb"),
    _cloud("use1-devices", "http", _USE1, "data", depends_on="dynamodb"),
    # What manages a region, and the same elsewhere.
    _cloud("use1-instances", "http", _USE1, "control"),
    _cloud("use1-functions", "http", _USE1, "control"),
    _cloud("use1-console", "http", _USE1, "control"),
    _cloud("usw2-instances", "http", _USW2, "control"),
    _cloud("usw2-console", "http", _USW2, "control"),
    # Load balancers.
    _cloud("use1-nlb-1", "tcp", _USE1, "data", product="aws-nlb"),
    _cloud("use1-nlb-2", "tcp", _USE1, "data", product="aws-nlb"),
    _cloud("use1-nlb-3", "tcp", _USE1, "data", product="aws-nlb"),
    _cloud("usw2-nlb-1", "tcp", _USW2, "data", product="aws-nlb"),
    # Web servers that run on, whatever happens to what manages them.
    _cloud("use1-web-1", "http", _USE1, "data", host_class="linux"),
    _cloud("use1-web-2", "tcp", _USE1, "data", host_class="linux"),
    _cloud("usw2-web-1", "http", _USW2, "data", host_class="linux"),
    # Four services behind one edge.
    _edge("store"),
    _edge("games"),
    _edge("mail"),
    _edge("portal"),
    # Hosts of two systems, side by side in four places.
    _host("eastus", "linux", provider="azure", region="eastus", asn="AS8075"),
    _host("eastus", "windows", provider="azure", region="eastus", asn="AS8075"),
    _host("westeurope", "windows", provider="azure", region="westeurope", asn="AS8075"),
    _host("westeurope", "linux", provider="azure", region="westeurope", asn="AS8075"),
    _host("hosting", "linux", provider="hosting", asn="AS16276"),
    _host("hosting", "windows", provider="hosting", asn="AS16276"),
    _host("airline", "windows", asn="AS64500"),
    _host("airline", "linux", asn="AS64500"),
    # In the networks of the operators themselves, and what one of them runs elsewhere.
    _inside("vodafone", "portal", "AS5378"),
    _inside("vodafone", "mail", "AS5378"),
    _inside("vodafone", "shop", "AS5378"),
    _inside("vodafone", "group", "AS1273", "http"),
    _inside("bt", "portal", "AS2856"),
)


def checks_with(**tags: str) -> tuple[str, ...]:
    """The checks of the sites that have all of *tags*."""
    return tuple(site.check for site in SITES if tags.items() <= site.tags.items())
