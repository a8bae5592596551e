"""A collector that learns from results what is on the way to a target, and reads its database again."""

import asyncio
from pathlib import Path

import pytest

from collector.collector_helpers import batch, ok
from collector.exposition_helpers import value
from collector.running_helpers import CONFIG, Running, collecting, ready, speaking, until
from servers.mosquitto import MOSQUITTO, Mosquitto
from vedette.errors import ConfigError
from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.topics import Kind as Lane
from vedette_collector.verdicts.component import Entity, Kind
from verdicts.mmdb_helpers import written


def entities(running: Running, check: str) -> set[Entity]:
    return set(running.collector._judging.engine.topology.checks[check].entities)


@pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
def test_two_agents_teach_which_product_and_network_are_behind_a_check(config: Path, tmp_path: Path) -> None:
    """Another database is asked about all that was said before; a bad one leaves the old one in place."""
    config.write_text(
        CONFIG.replace("    agents: {name: [par-01]}\n", "").replace("api.example.com", "www.example.com")
    )
    path = written(tmp_path / "asn.mmdb", {"192.0.2.0/24": {"autonomous_system_number": 64496}})
    web = ok("web", facts=Facts(address="192.0.2.7"))
    dns = ok("api-dns", facts=Facts(dns=DnsFacts(rcode="NOERROR", cname_chain=["edge.cdn.example.net."])))

    async def story() -> None:
        with Mosquitto() as broker:
            async with collecting(broker.url, config, asn_database=path) as running:
                await ready(running)
                for agent in ("par-01", "fra-01"):
                    async with speaking(broker, agent) as voice:
                        await voice.say(batch(web, dns, agent=agent), Lane.LIVE)
                        await voice.ack()
                network, product = (
                    Entity(Kind.PROVIDER_NETWORK, "AS64496"),
                    Entity(Kind.PRODUCT, "example.net"),
                )
                await until(
                    lambda: {network, Entity(Kind.PREFIX_SET, "192.0.2.0/24")} <= entities(running, "web")
                )
                await until(lambda: product in entities(running, "web"))
                path.write_bytes(b"damaged")
                status, text = await running.post("/-/reload")
                assert status == 400
                assert "asn.mmdb" in text
                _, page, _ = await running.get("/metrics")
                assert value(page, "vedette_collector_config_last_reload_successful") == 0
                written(path, {"192.0.2.0/25": {"autonomous_system_number": 64497}})
                assert await running.post("/-/reload") == (200, "reloaded\n")
                # What changes counts only after a minute; that it is waiting says that it was asked.
                await until(
                    lambda: (Kind.PROVIDER_NETWORK, "web") in running.collector._judging._learned._waiting
                )
                before = running.collector._origins
                assert await running.post("/-/reload") == (200, "reloaded\n")
                assert running.collector._origins is before

    asyncio.run(story())


def test_without_its_database_a_collector_does_not_start(config: Path, tmp_path: Path) -> None:
    async def story() -> None:
        async with collecting("mqtt://127.0.0.1:9", config, asn_database=tmp_path / "none.mmdb"):
            pass

    with pytest.raises(ConfigError, match=r"none\.mmdb: cannot be read"):
        asyncio.run(story())
