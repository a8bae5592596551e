"""Which networks an agent process opens: those on its own command line."""

import asyncio
from pathlib import Path

import pytest

from agent.agent_process import agent
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tiny_collector import TinyCollector
from vedette.errors import ConfigError
from vedette_agent.app import allowed_networks

TARGETS = ("127.0.0.1", "10.255.255.1", "169.254.169.254")


def configuration(directory: Path, port: int) -> Path:
    checks = "".join(
        f"  - {{name: at-{address}, interval: 1s, timeout: 1s, tcp: {{address: '{address}:{port}'}}}}\n"
        for address in TARGETS
    )
    file = directory / "vedette.yaml"
    file.write_text(f"agents:\n  - name: par-01\nchecks:\n{checks}")
    return file


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
def test_an_agent_reports_what_it_may_not_probe(tmp_path: Path) -> None:
    """It was started with loopback and all of link-local: the latter does not open the platform address."""

    async def test() -> None:
        async with asyncio.timeout(60):
            with Mosquitto() as broker:
                target = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
                config = configuration(tmp_path, target.sockets[0].getsockname()[1])
                async with (
                    target,
                    TinyCollector(broker.url).running() as collector,
                    agent(config, broker.url, "--allow", "169.254.0.0/16") as child,
                ):
                    await collector.until(lambda: {one.check for one in collector.results} >= names)
                    assert "allow=" in child.log
                said = {one.check: (one.outcome, one.reason) for one in collector.results}
                assert said == {
                    "at-127.0.0.1": ("ok", None),
                    "at-10.255.255.1": ("not_run", "policy"),
                    "at-169.254.169.254": ("not_run", "policy"),
                }
                (detail,) = {one.detail for one in collector.results if one.check == "at-10.255.255.1"}
                assert detail == (
                    "10.255.255.1 is denied: private network (RFC 1918); "
                    "allow it with --allow 10.255.255.1/32 on the agent"
                )

    names = {f"at-{address}" for address in TARGETS}
    asyncio.run(test())


def test_an_address_is_a_network_of_one() -> None:
    found = allowed_networks(["10.0.0.0/8", "169.254.169.254", "fd00:ec2::254"])
    assert [str(network) for network in found] == ["10.0.0.0/8", "169.254.169.254/32", "fd00:ec2::254/128"]


@pytest.mark.parametrize(
    ("text", "what_to_do"),
    [
        ("10.1.2.3/8", "clear the host bits"),
        ("private", "write one such as 192.0.2.0/24"),
        ("127.1/8", "write one such as 192.0.2.0/24"),
    ],
)
def test_what_is_no_network_ends_the_start(text: str, what_to_do: str) -> None:
    with pytest.raises(ConfigError) as caught:
        allowed_networks([text])
    assert str(caught.value) == f'--allow "{text}" is not a network in CIDR form; {what_to_do}'
