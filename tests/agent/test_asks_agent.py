"""A whole agent that is asked, and that confirms, over a real broker and against real targets."""

import time
from pathlib import Path

import pytest

from agent.agent_process import agent
from agent.test_agent import Target, configuration, run
from agent.test_agent_evidence import next_evidence, reader
from servers.dns import GOOD, dns_server, nxdomain, records
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.tiny_collector import TinyCollector
from vedette.wire.messages import Result

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

CHECKS = 6


def dns_checks(endpoint: object, interval: str) -> str:
    """Six of them, behind the checks of `configuration`."""
    return "".join(
        f"  - {{name: name-{number}, interval: {interval}, timeout: 1s,"
        f' dns: {{name: shop.example, type: A, resolver: "{endpoint}"}}}}\n'
        for number in range(CHECKS)
    )


def ended_us(result: Result) -> int:
    return result.started_us + (result.duration_us or 0)


def asked(collector: TinyCollector) -> list[Result]:
    return [result for result in collector.results if result.asked]


def test_an_idle_agent_answers_within_a_second_and_each_ask_once(tmp_path: Path) -> None:
    """Checks of an hour. From the ask until the result is here: the best of five is below a second."""

    async def test() -> None:
        async with dns_server(records(GOOD)) as server, Target().running() as target:
            more = dns_checks(server.endpoint, "1h")
            config = configuration(tmp_path, target.port, interval="1h", more=more)
            with Mosquitto() as broker:
                async with TinyCollector(broker.url).running() as collector, agent(config, broker.url):
                    await collector.until(lambda: len(collector.heartbeats) >= 1)
                    await collector.ask("par-01", "greeting-0", "name-0", "not-ours", times=2)
                    await collector.until(lambda: len(asked(collector)) >= 2)
                    took = []
                    for number in range(1, CHECKS):
                        at = time.monotonic()
                        await collector.ask("par-01", f"name-{number}")
                        await collector.until(lambda number=number: len(asked(collector)) >= number + 2)
                        took.append(time.monotonic() - at)
                    assert min(took) < 1.0
                    answers = {result.check: result for result in asked(collector)}
                    assert len(answers) == len(asked(collector)) == CHECKS + 1
                    assert {result.outcome for result in answers.values()} == {"ok"}
                    facts = answers["name-0"].facts
                    assert facts is not None
                    assert facts.dns is not None
                    assert facts.dns.answers == ["192.0.2.1"]
                    await collector.until(lambda: collector.heartbeats[-1].asks.get("taken") == CHECKS)
                    assert collector.heartbeats[-1].asks == {
                        "taken": CHECKS, "duplicate": 1, "unknown": 1, "run": CHECKS + 1,
                    }  # fmt: skip

    run(test)


def repeats(collector: TinyCollector) -> list[Result]:
    return [result for result in collector.results if result.attempt == 2]


def test_a_failure_of_a_shot_is_confirmed_within_a_second(tmp_path: Path) -> None:
    """Six lookups that were fine say NXDOMAIN. Each is repeated; the best of them within a second."""

    async def test() -> None:
        async with dns_server(records(GOOD)) as server, Target().running() as target:
            config = configuration(tmp_path, target.port, more=dns_checks(server.endpoint, "3s"))
            with Mosquitto() as broker:
                async with (
                    reader(broker.url) as link,
                    TinyCollector(broker.url).running() as collector,
                    agent(config, broker.url),
                ):
                    names = {f"name-{number}" for number in range(CHECKS)}
                    await collector.until(lambda: names <= {r.check for r in collector.results})
                    server.behaviour = nxdomain
                    await collector.until(lambda: names <= {r.check for r in repeats(collector)})
                    gaps = []
                    for repeat in repeats(collector):
                        place = collector.results.index(repeat)
                        earlier = [r for r in collector.results[:place] if r.check == repeat.check]
                        first = earlier[-1]
                        assert (first.attempt, first.reason) == (1, "dns.nxdomain")
                        assert (repeat.reason, repeat.asked) == ("dns.nxdomain", False)
                        assert earlier[-2].outcome == "ok"
                        gaps.append(repeat.started_us - ended_us(first))
                    assert min(gaps) > 0
                    assert min(gaps) < 1_000_000
                    assert len(repeats(collector)) == CHECKS
                    seen = [await next_evidence(link) for _ in range(2 * CHECKS)]
                    for name in names:
                        assert len({record.seq for record in seen if record.check == name}) == 2

    run(test)
