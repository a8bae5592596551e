"""While all is well, the numbers in Prometheus are those of the servers."""

import pytest

from system.world.pipeline import AGENTS
from system.world.shop import SHOP
from system.world.world import CHECKS, World

pytestmark = pytest.mark.system


@pytest.fixture
def green(world: World) -> World:
    world.until_green(30.0)
    return world


def test_every_check_succeeds_from_both_agents(green: World) -> None:
    now = green.stored("probe_success", "vedette_check_assigned", "up")
    assert now.by("probe_success", "check", "agent") == {
        (check, agent): 1 for check in CHECKS for agent in AGENTS
    }
    assert now.total("vedette_check_assigned") == len(CHECKS) * len(AGENTS)


def test_target_becomes_the_instance(green: World) -> None:
    """Dashboards and rules made for blackbox_exporter find the target where they look for it."""
    for labels, _ in green.stored("probe_success").all("probe_success"):
        assert labels["instance"] == labels["target"]
    (sample, *_) = green.stored("probe_success").all("probe_success", check="stock")
    assert sample.labels["target"] == f"stock.shop.example A @127.0.0.1:{green.shop.authority.port}"


@pytest.mark.parametrize("agent", AGENTS)
def test_dns_numbers_are_those_of_the_zones(green: World, agent: str) -> None:
    names = ("probe_dns_answer_rrs", "probe_dns_serial", "probe_dns_query_succeeded")
    now = green.stored(*names)
    counts = now.by("probe_dns_answer_rrs", "check", agent=agent)
    assert counts["orders",] == 3
    assert counts["shop-mx",] == 2
    assert counts["shop-txt-tcp",] == 2
    assert counts["www-chain",] == 4  # three aliases and the address
    assert counts["empty-non-terminal",] == 0
    assert counts["absent",] == 0
    assert now.one("probe_dns_serial", check="shop-soa", agent=agent) == green.shop.authority.serial(SHOP)
    assert {value for _, value in now.all("probe_dns_query_succeeded")} == {1}


@pytest.mark.parametrize("agent", AGENTS)
def test_http_numbers_are_those_of_the_sites(green: World, agent: str) -> None:
    now = green.stored(
        "probe_http_status_code",
        "probe_http_version",
        "probe_http_ssl",
        "probe_http_redirects",
        "probe_http_content_length",
        "probe_http_uncompressed_body_length",
        "probe_tls_version_info",
    )
    for check in ("home", "api", "home-tls", "pay"):
        which = {"check": check, "agent": agent}
        assert now.one("probe_http_status_code", **which) == 200
        assert now.one("probe_http_version", **which) == 1.1
        assert now.one("probe_http_redirects", **which) == 0
        assert now.one("probe_http_ssl", **which) == (check in ("home-tls", "pay"))
    size = len((green.shop.directory / "www" / "index.html").read_bytes())
    assert now.one("probe_http_content_length", check="home", agent=agent) == size
    assert now.one("probe_http_uncompressed_body_length", check="home", agent=agent) == size
    for check in ("home-tls", "pay-certificate"):
        assert now.one("probe_tls_version_info", check=check, agent=agent, version="TLS 1.3") == 1


@pytest.mark.parametrize("agent", AGENTS)
def test_certificate_expiry_is_that_of_the_certificate(green: World, agent: str) -> None:
    now = green.stored("probe_ssl_earliest_cert_expiry")
    expiry = now.by("probe_ssl_earliest_cert_expiry", "check", agent=agent)
    assert expiry["home-tls",] == green.shop.www.not_after.timestamp()
    assert expiry["pay",] == expiry["pay-certificate",] == green.shop.pay.not_after.timestamp()


@pytest.mark.parametrize("agent", AGENTS)
def test_phases_are_there_and_sum_up_to_the_duration(green: World, agent: str) -> None:
    now = green.stored(
        "probe_duration_seconds",
        "probe_http_duration_seconds",
        "probe_dns_duration_seconds",
        "probe_icmp_duration_seconds",
        "vedette_probe_phase_seconds",
        "probe_dns_lookup_time_seconds",
        "probe_ip_protocol",
    )
    for check, family, phases in (
        ("home-tls", "probe_http_duration_seconds", {"resolve", "connect", "tls", "processing", "transfer"}),
        ("home", "probe_http_duration_seconds", {"resolve", "connect", "processing", "transfer"}),
        ("stock", "probe_dns_duration_seconds", {"request"}),
        ("shop-txt-tcp", "probe_dns_duration_seconds", {"connect", "request"}),
        ("pay-certificate", "vedette_probe_phase_seconds", {"resolve", "connect", "tls"}),
        ("host", "probe_icmp_duration_seconds", {"rtt"}),
    ):
        if check not in CHECKS:  # no ICMP for this user
            continue
        seconds = now.by(family, "phase", check=check, agent=agent)
        assert phases <= {phase for (phase,) in seconds}, (check, seconds)
        assert all(value >= 0 for value in seconds.values())
        # An ok result lasts as long as its phases; each is rounded to a microsecond.
        duration = now.one("probe_duration_seconds", check=check, agent=agent)
        assert 0 < duration < 1.8
        assert sum(seconds.values()) == pytest.approx(duration, abs=1e-5)
    assert now.one("probe_dns_lookup_time_seconds", check="home", agent=agent) > 0
    assert now.one("probe_ip_protocol", check="home", agent=agent) == 4


def test_agents_are_known_by_name_version_and_tags(green: World) -> None:
    now = green.stored("vedette_agent_info", "vedette_agent_connected", "vedette_agent_config_matches")
    assert now.by("vedette_agent_connected", "agent") == {(agent,): 1 for agent in AGENTS}
    assert now.by("vedette_agent_config_matches", "agent") == {(agent,): 1 for agent in AGENTS}
    assert now.by("vedette_agent_info", "agent", "network", "region") == {
        ("par-01", "isp-a", "eu-west"): 1,
        ("fra-01", "isp-b", "eu-central"): 1,
    }


def test_every_success_is_in_the_histogram(green: World) -> None:
    now = green.stored(
        "vedette_probe_(attempts|failures)_total", "vedette_probe_latency_seconds_(count|bucket)"
    )
    which = ("check", "agent")
    observed = now.by("vedette_probe_latency_seconds_count", *which)
    assert now.by("vedette_probe_latency_seconds_bucket", *which, le="+Inf") == observed
    for (check, agent), attempts in now.by("vedette_probe_attempts_total", *which).items():
        failed = now.total("vedette_probe_failures_total", check=check, agent=agent)
        assert observed[check, agent] == attempts - failed
