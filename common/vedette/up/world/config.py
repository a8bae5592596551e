"""The demo's configuration: ten agents in eight networks, two resolvers, and what they probe."""

import json
from pathlib import Path
from typing import Final, NamedTuple

from vedette.up.world import names
from vedette.up.world.fleet import AGENTS
from vedette.up.world.sites import SITES, Site

_TIMEOUT: Final = 2.0
_SLOW: Final = 1.5  # seconds: with the slow answers of drills above it, and those of a busy machine below


class Ports(NamedTuple):
    resolvers: dict[str, int]  # by name
    servers: dict[str, int]  # by the check that probes it


def demo_configuration(ports: Ports, ca_file: Path, *, interval: float, with_icmp: bool) -> str:
    """A file that `vedette check config` accepts; the one that the demo's agents and collector run."""
    public, isp = (f"127.0.0.1:{ports.resolvers[name]}" for name in ("public", "isp"))
    agents = "\n".join(
        f"  - {{name: {agent.name}, tags: {{network: {agent.network}, region: {agent.region},"
        f" access: {agent.access}}}}}"
        for agent in AGENTS
    )
    servers = ports.servers
    authority = json.dumps(str(ca_file))  # a YAML string, whatever the path holds
    table_tags = "{service: dynamodb.us-east-1, provider: aws, region: us-east-1, authority: route53}"
    # Neighbours ask different resolvers, so that none of them is all that a group has in common.
    sites = "".join(
        _check(site, (public, isp)[number % 2], servers.get(site.check)) for number, site in enumerate(SITES)
    )
    return f"""\
# The demo world of `vedette up`. Everything in it lives on 127.0.0.1 while the command runs.
defaults: {{interval: {interval:g}s, timeout: {min(_TIMEOUT, interval):g}s}}

agents:
{agents}

resolvers:
  - {{name: public, addresses: ["{public}"], public: true}}
  - {{name: isp, addresses: ["{isp}"]}}

checks:
  # The name of 20 October 2025: a table endpoint whose record may become empty.
  - name: dynamodb-dns
    tags: {table_tags}
    dns:
      name: {names.TABLE}
      type: A
      resolver: "{public}"
      expect: {{answers: {{min: 1, within: [192.0.2.0/24]}}}}
  - name: dynamodb-isp-dns
    tags: {table_tags}
    dns: {{name: {names.TABLE}, type: A, resolver: "{isp}"}}

  # A shop.
  - name: login-dns
    tags: {{service: login}}
    dns: {{name: {names.LOGIN}, type: AAAA, resolver: "{isp}"}}
  - name: video-dns
    tags: {{service: video, provider: cdn}}
    dns:
      name: {names.VIDEO}
      type: A
      resolver: "{public}"
      expect: {{answers: {{contains: [198.51.100.7]}}}}
  - name: shop-dns
    tags: {{service: shop, provider: cdn}}
    dns: {{name: {names.SHOP}, type: A, resolver: "{public}", transport: tcp}}
  - name: zone-serial
    tags: {{service: shop}}
    dns: {{name: {names.DOMAIN}, type: SOA, resolver: "{isp}", expect: {{authoritative: true}}}}
  - name: shop-page
    tags: {{service: shop, provider: cdn}}
    http:
      url: https://{names.SHOP}:{servers["shop-page"]}/
      resolver: "{isp}"
      tls: {{ca_file: {authority}}}
      expect: {{status: [200], body: {{match: "Welcome"}}}}
  - name: api-health
    tags: {{service: api}}
    http:
      url: http://{names.API}:{servers["api-health"]}/health
      resolver: "{public}"
      expect: {{headers: {{Content-Type: json}}, body: {{match: '"status": "ok"'}}}}
  - name: cache-ping
    tags: {{service: cache}}
    tcp:
      address: "{names.CACHE}:{servers["cache-ping"]}"
      resolver: "{isp}"
      send: "PING\\r\\n"
      expect: PONG
  - name: pay-certificate
    tags: {{service: pay}}
    tls:
      address: "{names.PAY}:{servers["pay-certificate"]}"
      resolver: "{public}"
      ca_file: {authority}
      min_days_left: 14
{_ICMP if with_icmp else ""}
  # A cloud's regions, an edge, hosts, and operators: what the drills of past days break.
{sites}"""


_ICMP: Final = """\
  - name: gateway-ping
    tags: {service: network}
    icmp: {host: 127.0.0.1}
"""


def _check(site: Site, resolver: str, port: int | None) -> str:
    tags = ", ".join(f"{key}: {value}" for key, value in site.tags.items())
    match site.kind:
        case "dns":
            probe = f'{{name: {site.host}, type: A, resolver: "{resolver}"}}'
        case "http":
            probe = (
                f'{{url: "http://{site.host}:{port}/", resolver: "{resolver}", '
                f"expect: {{phases: {{processing: {_SLOW:g}s}}}}}}"
            )
        case "tcp":
            probe = f'{{address: "{site.host}:{port}", resolver: "{resolver}", expect: ready}}'
    return f"  - name: {site.check}\n    tags: {{{tags}}}\n    {site.kind}: {probe}\n"
