"""The shipped rules, scrape configuration and routes, live: page written by the collector's own code,
Prometheus, Alertmanager, webhook. Rules that pass their unit tests have failed here."""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from servers.collector_page import Fleet, served
from servers.daemon import until
from servers.prometheus import (
    Prometheus,
    alertmanager,
    prometheus,
    shipped_alertmanager,
    shipped_prometheus,
)
from servers.webhook import Webhook, webhook
from vedette.checks.model import Assignment, DnsCheck, HttpCheck, Vantage
from vedette.wire.facts import Facts, HttpFacts, TlsFacts
from vedette.wire.messages import Result

pytestmark = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("prometheus-alertmanager")),
    reason="prometheus or prometheus-alertmanager is not installed",
)

AGENTS = ("lon-02", "nyc-03", "par-01")
WEB = HttpCheck(
    name="web", target="https://www.example.com/", interval=5, timeout=2, url="https://www.example.com/"
)
API = DnsCheck(
    name="api-dns", target="api.example.com A", interval=5, timeout=2, query_name="api.example.com"
)


def web(outcome: str = "ok", reason: str | None = None, days_left: float = 80) -> Result:
    not_after = int((time.time() + days_left * 86400) * 1e6)
    tls = TlsFacts(version="TLSv1.3", verified=True, earliest_not_after_us=not_after)
    return Result(
        check="web",
        outcome=outcome,  # type: ignore[arg-type]
        reason=reason,
        started_us=0,
        duration_us=30_000,
        facts=Facts(address="192.0.2.1", http=HttpFacts(status=200), tls=tls),
    )


def api(outcome: str = "ok", reason: str | None = None) -> Result:
    return Result(check="api-dns", outcome=outcome, reason=reason, started_us=0, duration_us=9_000)  # type: ignore[arg-type]


class Site(NamedTuple):
    fleet: Fleet
    prometheus: Prometheus
    webhook: Webhook


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    tmp_path = tmp_path_factory.mktemp("alerts")
    names = (WEB.name, API.name)
    assignment = Assignment(
        agents=tuple(Vantage(name=name) for name in AGENTS),
        checks=(WEB, API),
        by_agent=dict.fromkeys(AGENTS, names),
        config_hash="0" * 64,
    )
    fleet = Fleet(assignment)
    fleet.report(web())
    fleet.report(api())
    with ExitStack() as stack:
        hook = stack.enter_context(webhook())
        page = stack.enter_context(served(fleet))
        am = stack.enter_context(alertmanager(tmp_path / "am", shipped_alertmanager(hook.port)))
        server = stack.enter_context(prometheus(tmp_path / "prom", shipped_prometheus([page], am)))
        until(lambda: server.query("check:vedette_votes:count"), "the first votes", within=20)
        yield Site(fleet, server, hook)


@pytest.fixture
def site(running: Site) -> Site:
    """Healthy, whatever the test before left: nothing fires but the heartbeat."""
    running.fleet.find()
    running.fleet.report(web())
    running.fleet.report(api())
    until(
        lambda: [a["alertname"] for a in running.prometheus.alerts()] == ["VedetteDeadMansSwitch"],
        "only the heartbeat fires",
        within=20,
    )
    running.webhook.forget()
    return running


def test_one_vantage_is_a_ticket_two_are_a_page_and_recovery_resolves_it(site: Site) -> None:
    """The page names who sees what; every other check stays quiet."""
    site.webhook.wait("/heartbeat", "firing", "VedetteDeadMansSwitch")

    site.fleet.report(api("fail", "dns.nodata"), "par-01")
    ticket = site.webhook.wait("/ticket", "firing", "VedetteCheckFailingSomewhere", check="api-dns")
    assert "par-01 (dns.nodata) and works" in ticket.annotations["description"]
    assert ticket.annotations["runbook_url"].endswith("/runbooks/VedetteCheckFailingSomewhere.md")
    assert "vedette_runbooks" not in ticket.labels

    site.fleet.report(api("fail", "dns.servfail"), "lon-02")
    page = site.webhook.wait("/page", "firing", "VedetteCheckFailing", check="api-dns")
    assert page.labels["target"] == "api.example.com A"
    assert "lon-02 (dns.servfail), par-01 (dns.nodata)." in page.annotations["description"]
    assert "2 of 3 connected vantages" in page.annotations["description"]

    site.fleet.report(api())
    site.webhook.wait("/page", "resolved", "VedetteCheckFailing", check="api-dns")
    assert "web" not in {n.labels.get("check") for n in site.webhook.came}


def test_a_vanished_agent_is_a_ticket_and_all_of_them_are_nobody_observes(site: Site) -> None:
    """An agent's silence never counts against a target."""
    site.fleet.lose("par-01")
    site.webhook.wait("/ticket", "firing", "VedetteAgentSilent", agent="par-01")
    assert site.prometheus.value('check:vedette_votes:count{check="web"}') == 2
    site.fleet.condition.reloaded_at -= 600  # read long ago: no result is merely not due yet
    site.fleet.lose("lon-02", "nyc-03")
    for check in ("web", "api-dns"):
        site.webhook.wait("/page", "firing", "VedetteCheckNotObserved", check=check)
    assert "VedetteCheckFailing" not in {n.labels["alertname"] for n in site.webhook.came}


def test_an_expiring_certificate_is_a_ticket(site: Site) -> None:
    """Thirteen days, by one vantage of three."""
    site.fleet.report(web(days_left=13), "nyc-03")
    ticket = site.webhook.wait("/ticket", "firing", "VedetteCertificateExpiring", check="web", within=40)
    assert "expires in 12d 23h" in ticket.annotations["summary"]


def test_what_was_probed_is_the_instance_and_the_collector_keeps_its_own(site: Site) -> None:
    """Dashboards of blackbox_exporter find their targets under `instance`."""
    (up,) = site.prometheus.query('up{job="vedette"}')
    assert up.labels["instance"] == up.labels["collector"]
    verdicts = site.prometheus.query('probe_success{check="web"}')
    assert {v.labels["instance"] for v in verdicts} == {"https://www.example.com/"}
    assert {v.labels["collector"] for v in verdicts} == {up.labels["instance"]}
    agents = site.prometheus.query("vedette_agent_connected")
    assert {a.labels["instance"] for a in agents} == {up.labels["instance"]}
