"""The demo's configuration: three agents, three networks, five kinds of check."""

import json
from pathlib import Path
from typing import Final, NamedTuple

from vedette.up.world import names


class DemoAgent(NamedTuple):
    name: str
    network: str
    region: str
    source: str  # the loopback address that it probes from


AGENTS: Final = (
    DemoAgent("isp-a", "isp-a", "eu-west", "127.0.1.1"),
    DemoAgent("isp-b", "isp-b", "eu-central", "127.0.2.1"),
    DemoAgent("cloud-c", "cloud-c", "us-east", "127.0.3.1"),
)
DARK_AGENT: Final = "cloud-c"


class Ports(NamedTuple):
    dns: int
    shop: int
    api: int
    pay: int
    cache: int


def demo_configuration(ports: Ports, ca_file: Path, *, with_icmp: bool) -> str:
    """A file that `vedette check config` accepts; the one that the demo's agents and collector run."""
    resolver = f"127.0.0.1:{ports.dns}"
    agents = "\n".join(
        f"  - {{name: {agent.name}, tags: {{network: {agent.network}, region: {agent.region}}}}}"
        for agent in AGENTS
    )
    authority = json.dumps(str(ca_file))  # a YAML string, whatever the path holds
    icmp = _ICMP if with_icmp else ""
    return f"""\
# The demo world of `vedette up`. Everything in it lives on 127.0.0.1 while the command runs.
defaults: {{interval: 5s, timeout: 2s}}

agents:
{agents}

checks:
  # The name of 20 October 2025: a table endpoint whose record may become empty.
  - name: dynamodb-dns
    tags: {{service: orders, provider: cloud}}
    dns:
      name: {names.TABLE}
      type: A
      resolver: "{resolver}"
      expect: {{answers: {{min: 1, within: [192.0.2.0/24]}}}}
  - name: login-dns
    tags: {{service: login}}
    dns: {{name: {names.LOGIN}, type: AAAA, resolver: "{resolver}"}}
  - name: video-dns
    tags: {{service: video, provider: cdn}}
    dns:
      name: {names.VIDEO}
      type: A
      resolver: "{resolver}"
      expect: {{answers: {{contains: [198.51.100.7]}}}}
  - name: shop-dns
    tags: {{service: shop, provider: cdn}}
    dns: {{name: {names.SHOP}, type: A, resolver: "{resolver}", transport: tcp}}
  - name: zone-serial
    tags: {{service: shop}}
    dns: {{name: {names.DOMAIN}, type: SOA, resolver: "{resolver}", expect: {{authoritative: true}}}}
  - name: shop-page
    tags: {{service: shop, provider: cdn}}
    http:
      url: https://{names.SHOP}:{ports.shop}/
      resolver: "{resolver}"
      tls: {{ca_file: {authority}}}
      expect: {{status: [200], body: {{match: "Welcome"}}}}
  - name: api-health
    tags: {{service: api}}
    http:
      url: http://{names.API}:{ports.api}/health
      resolver: "{resolver}"
      expect: {{headers: {{Content-Type: json}}, body: {{match: '"status": "ok"'}}}}
  - name: cache-ping
    tags: {{service: cache}}
    tcp: {{address: "{names.CACHE}:{ports.cache}", resolver: "{resolver}", send: "PING\\r\\n", expect: PONG}}
  - name: pay-certificate
    tags: {{service: pay}}
    tls:
      address: "{names.PAY}:{ports.pay}"
      resolver: "{resolver}"
      ca_file: {authority}
      min_days_left: 14
{icmp}"""


_ICMP: Final = """\
  - name: gateway-ping
    tags: {service: network}
    icmp: {host: 127.0.0.1}
"""
