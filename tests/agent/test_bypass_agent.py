"""A whole agent goes around what fails, as its configuration says, and a collector hears of it."""

import asyncio
from pathlib import Path

from agent.agent_process import agent
from agent.bypass_helpers import Names
from servers.dns import dns_server
from servers.mosquitto import Mosquitto
from servers.tcp import TcpServer, silent
from servers.tiny_collector import TinyCollector
from vedette.wire.messages import Result

HERE = {"www.shop.test A": ["@ 1 A 127.0.0.1"]}
FILE = """\
defaults: {{interval: 1s, timeout: 1s, bypass: {{resolver: "{second}", interval: 1s}}}}
agents: [{{name: par-01}}]
checks:
  - name: around
    tcp: {{address: "www.shop.test:{port}", resolver: "{first}"}}
  - name: straight
    bypass: none
    tcp: {{address: "www.shop.test:{port}", resolver: "{first}"}}
"""


def test_an_agent_goes_around_a_dead_resolver(tmp_path: Path) -> None:
    names = Names(dict(HERE))

    async def main() -> None:
        with Mosquitto() as broker, TcpServer(silent) as target:
            async with (
                asyncio.timeout(60),
                dns_server(names) as first,
                dns_server(Names(dict(HERE))) as second,
                TinyCollector(broker.url).running() as collector,
            ):
                file = tmp_path / "vedette.yaml"
                file.write_text(FILE.format(first=first.endpoint, second=second.endpoint, port=target.port))

                def having(outcome: str, *ways: str | None) -> bool:
                    return set(ways) <= {one.bypass for one in collector.results if one.outcome == outcome}

                async with agent(file, broker.url):
                    await collector.until(lambda: having("ok", None, "resolver"))
                    names.is_silent = True
                    await collector.until(lambda: having("fail", None) and having("ok", "last_good"))
                around: list[Result] = [one for one in collector.results if one.bypass is not None]
                assert {(one.check, one.outcome, one.attempt) for one in around} == {("around", "ok", 1)}
                assert all(one.facts is not None for one in around)

    asyncio.run(main())
