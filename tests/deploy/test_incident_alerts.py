"""From results on a real broker to a webhook: collector, Prometheus and Alertmanager on the shipped files.

One incident is one page, whatever fails with it and however its headline changes.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace

from collector.running_helpers import Running, collecting, ready
from servers.daemon import until
from servers.mosquitto import MOSQUITTO, Mosquitto
from servers.prometheus import (
    RULES,
    Prometheus,
    alertmanager,
    prometheus,
    quick,
    shipped_alertmanager,
    shipped_prometheus,
)
from servers.webhook import Notification, Webhook, webhook
from verdicts.living_helpers import CHECKS, CONFIG, Speaker, fail, fleet, greet, one_incident, result

pytestmark = [
    pytest.mark.skipif(
        not (MOSQUITTO and shutil.which("prometheus") and shutil.which("prometheus-alertmanager")),
        reason="needs mosquitto, prometheus and prometheus-alertmanager",
    ),
    pytest.mark.timeout(240),
]
T = TypeVar("T")
SOON = 60.0  # a busy machine is slow; what is measured is printed


class Night(NamedTuple):
    running: Running
    agents: dict[str, Speaker]
    prometheus: Prometheus
    webhook: Webhook

    async def wait(self, what: str, fact: Callable[[], T]) -> T:
        """In a thread: the collector runs in this loop."""
        return await asyncio.to_thread(until, fact, what, SOON)

    async def came(self, path: str, status: str) -> Notification:
        return await asyncio.to_thread(self.webhook.wait, path, status, "VedetteIncident", SOON)

    def pages(self, status: str = "firing") -> list[Notification]:
        return [one for one in self.webhook.came if (one.path, one.status) == ("/page", status)]

    def firing(self) -> set[str]:
        return {alert["alertname"] for alert in self.prometheus.alerts()}

    def pending_or_firing(self, name: str) -> int:
        return len(self.prometheus.query(f'ALERTS{{alertname="{name}"}}'))


@asynccontextmanager
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    """All is well, and everybody watches. Lulls are over in seconds instead of a quarter of an hour."""
    config = tmp_path / "vedette.yaml"
    config.write_text(CONFIG)
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto())
        async with collecting(broker.url, config) as running, fleet(broker) as agents:
            incidents = running.collector._judging.engine.incidents
            incidents._settings = replace(
                incidents._settings,
                shortest_grace=1.0,
                longest_grace=1.0,
                shortest_lull=2.0,
                longest_lull=2.0,
            )
            await ready(running)
            await greet(agents)
            port = urlsplit(running.base).port
            assert port is not None

            def start() -> tuple[Prometheus, Webhook]:
                hook = stack.enter_context(webhook())
                am = stack.enter_context(alertmanager(tmp_path / "am", shipped_alertmanager(hook.port)))
                # A minute of `for` is ten seconds: an incident is told in three, here as there.
                rules = quick(RULES.read_text(), 6.0)
                text = shipped_prometheus([port], am)
                server = stack.enter_context(prometheus(tmp_path / "prom", text, rules))
                until(lambda: server.query("vedette_incidents_open"), "a first scrape", within=SOON)
                return server, hook

            server, hook = await asyncio.to_thread(start)
            yield Night(running, agents, server, hook)
            # Servers that scrape hold connections: they go first.
            await asyncio.to_thread(stack.close)


def test_one_incident_is_one_page_and_one_resolution(tmp_path: Path) -> None:
    async def story() -> None:
        async with night(tmp_path) as it:
            began = time.monotonic()
            await fail(it.agents.values(), "api")
            incident = await one_incident(it.running, SOON)
            opened = time.monotonic()
            page = await it.came("/page", "firing")
            print(f"opened after {opened - began:.1f} s, paged {time.monotonic() - opened:.1f} s later")
            assert page.labels["incident"] == incident["id"]
            assert set(page.labels) == {"alertname", "incident", "severity", "job"}
            assert page.annotations["summary"] == "Broken: target www.api.test"
            assert "Checks that fail because of it: api." in page.annotations["description"]
            assert page.annotations["incident_url"] == f"http://localhost:9960/incidents/{incident['id']}"
            assert page.annotations["runbook_url"].endswith("/runbooks/VedetteIncident.md")
            assert it.pending_or_firing("VedetteCheckFailing") == 0, "it is explained"

            # Everything behind it fails too: another headline, no other page.
            await fail(it.agents.values(), *CHECKS)
            await it.wait(
                "another headline", lambda: it.prometheus.query('vedette_incident{kind!="target"} == 1')
            )
            await it.wait(
                "all is explained",
                lambda: it.prometheus.value("count(vedette_check_explained)") == len(CHECKS),
            )
            assert it.pending_or_firing("VedetteCheckFailing") == 0
            assert it.firing() == {"VedetteIncident", "VedetteDeadMansSwitch"}

            await greet(it.agents)
            resolved = await it.came("/page", "resolved")
            assert resolved.labels == page.labels
            assert len(it.pages()) == 1

            # It comes back: the same incident, and somebody is told.
            it.webhook.forget()
            await fail(it.agents.values(), *CHECKS)
            again = await it.came("/page", "firing")
            assert again.labels == page.labels
            assert len(it.pages()) == 1
            assert [one for one in it.webhook.came if one.path == "/ticket"] == []

    asyncio.run(story())


def test_one_agent_alone_is_a_ticket(tmp_path: Path) -> None:
    """All fails from one vantage of six: nobody is woken, and its checks are no tickets of their own."""

    async def story() -> None:
        async with night(tmp_path) as it:
            await fail([it.agents["par-01"]], *CHECKS)
            ticket = await it.came("/ticket", "firing")
            assert ticket.annotations["summary"] == "Broken: agent par-01"
            await it.wait(
                "all is explained",
                lambda: it.prometheus.value("count(vedette_check_explained)") == len(CHECKS),
            )
            assert it.pending_or_firing("VedetteCheckFailingSomewhere") == 0
            assert it.pages() == []

    asyncio.run(story())


def test_a_check_that_no_incident_explains_has_its_own_alert(tmp_path: Path) -> None:
    """One check from one vantage, once in a while: too little to blame anything."""

    async def story() -> None:
        async with night(tmp_path) as it:
            await it.agents["par-01"].say(result("api", ok=False))
            await it.wait("pending", lambda: it.pending_or_firing("VedetteCheckFailingSomewhere"))
            assert it.prometheus.query("vedette_check_explained") == []
            assert it.prometheus.query("vedette_incident") == []

    asyncio.run(story())
