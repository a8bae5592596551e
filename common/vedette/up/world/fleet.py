"""The demo's agents: ten places in eight networks. Each probes from a loopback address of its own."""

from typing import Final, NamedTuple


class DemoAgent(NamedTuple):
    name: str
    network: str
    region: str
    access: str
    source: str  # the loopback address that it probes from


AGENTS: Final = (
    DemoAgent("isp-a", "isp-a", "eu-west", "fixed", "127.0.1.1"),
    DemoAgent("isp-b", "isp-b", "eu-central", "fixed", "127.0.2.1"),
    DemoAgent("cloud-c", "cloud-c", "us-east", "vm", "127.0.3.1"),
    # As they were on 13 October 2025: two networks of one operator, and a neighbour in the same country.
    DemoAgent("vodafone-1", "AS5378", "uk", "fixed", "127.0.4.1"),
    DemoAgent("vodafone-2", "AS5378", "uk", "fixed", "127.0.4.2"),
    DemoAgent("vodafone-3", "AS25135", "uk", "mobile", "127.0.5.1"),
    DemoAgent("bt-1", "AS2856", "uk", "fixed", "127.0.6.1"),
    # And on 22 February 2024: the mobile network of an operator, and its fixed one.
    DemoAgent("att-mobile-1", "AS20057", "us-central", "mobile", "127.0.7.1"),
    DemoAgent("att-mobile-2", "AS20057", "us-central", "mobile", "127.0.7.2"),
    DemoAgent("att-fixed-1", "AS7018", "us-central", "fixed", "127.0.8.1"),
)
DARK_AGENT: Final = "cloud-c"
SOURCES: Final = {agent.name: agent.source for agent in AGENTS}


def agents_in(*networks: str) -> tuple[str, ...]:
    return tuple(agent.name for agent in AGENTS if agent.network in networks)
