"""What stands on /metrics, by the format's own checkers."""

import subprocess
from collections.abc import Iterable

import msgspec
import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from collector.collector_helpers import (
    ALL,
    DNS,
    NOW,
    Core,
    assignment,
    batch,
    failed,
    heartbeat,
    ok,
    presence,
    spoiled,
)
from collector.dnssec_results import CHAIN, CHAIN_FACTS
from collector.path_results import PATH_RESULTS, PATHS
from collector.service_results import RESULTS, SERVICES
from vedette.checks.formats import RESERVED_TAGS
from vedette.checks.model import AuthorityCheck, TraceCheck
from vedette.wire.facts import (
    AuthorityFacts,
    AuthorityServerFacts,
    DnsFacts,
    Facts,
    HttpFacts,
    IcmpFacts,
    TlsFacts,
    TraceFacts,
    TraceStep,
)
from vedette.wire.facts.dns import ExtendedErrorFact
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.exposition.families import CELL_FAMILIES, FLEET_FAMILIES
from vedette_collector.exposition.page import pieces
from vedette_collector.exposition.text import safe_version

DNS_FACTS = Facts(
    address="192.0.2.53",
    resolver="192.0.2.53:53",
    dns=DnsFacts(
        rcode="NOERROR",
        answer_rrs=2,
        authority_rrs=1,
        additional_rrs=3,
        serial=2026112201,
        ttl_seconds=300,
        extended_errors=[ExtendedErrorFact(code=3)],
    ),
)
TLS = TlsFacts(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    earliest_not_after_us=1_900_000_000_000_000,
    chain_not_after_us=1_910_000_000_000_000,
    ocsp="good",
    ocsp_next_update_us=1_800_000_000_000_000,
)
WEB_FACTS = Facts(
    address="2001:db8::1",
    port=443,
    http=HttpFacts(
        status=200,
        version="1.1",
        redirects=1,
        content_length=512,
        body_bytes=2048,
        last_modified_us=1_700_000_000_000_000,
    ),
    tls=TLS,
)


def text(core: Core, now: Moment = NOW, condition: Condition | None = None) -> str:
    return "".join(pieces(core.board, condition or Condition(NOW.wall), now.mono))


def families(page: str) -> dict[str, Metric]:
    return {metric.name: metric for metric in text_string_to_metric_families(page)}


def value(page: str, name: str, **labels: str) -> float | None:
    """The one sample of *name* with at least these labels; None when there is none."""
    found = [
        sample.value
        for metric in text_string_to_metric_families(page)
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, f"{name}{labels}: {len(found)} samples"
    return found[0] if found else None


ZONE = AuthorityCheck(name="zone", target="example.com", interval=60.0, timeout=5.0, zone="example.com")
WAY = TraceCheck(name="way", target="example.com A", interval=60.0, timeout=5.0, query_name="example.com")
ZONE_FACTS = AuthorityFacts(
    servers=[
        AuthorityServerFacts(name="ns1.example.com", address="192.0.2.1", rcode="NOERROR", serial=7),
        AuthorityServerFacts(name="ns2.example.com", address="192.0.2.2", failure="dns.lame"),
    ],
    known=2,
    answering=1,
    lame=1,
    serials=1,
    newest_serial=7,
    slowest_us=2500,
    delegation_differs=False,
    servers_differ=True,
)
WAY_FACTS = TraceFacts(
    steps=[
        TraceStep(level=at, zone=zone, server="a.ns", address="192.0.2.1", duration_us=us, outcome="failed")
        for at, zone, us in ((0, ".", 1000), (1, "com", 2000), (1, "com", 500), (12, "x.com", 100))
    ],
    levels=13,
    failed_level=12,
    lookups=3,
)


def full() -> Core:
    """A collector that has seen one result of every kind with every fact, and one of every outcome."""
    checks = (*ALL, ZONE, WAY, CHAIN, *SERVICES, *PATHS)
    core = Core(assignment(checks, tags={"network": "isp-a", "region": "eu"}))
    phases = {"resolve": 1000, "connect": 2000, "tls": 3000, "processing": 4000, "transfer": 5000}
    iterating = (
        ok("zone", facts=Facts(authority=ZONE_FACTS), phases_us={"resolve": 1, "request": 2}),
        failed("way", facts=Facts(trace=WAY_FACTS), phases_us={"request": 2}),
    )
    core.send(presence(config_hash="c" * 64))
    core.send(heartbeat(evidence_lost={"rate": 1}, clock_offset_us=-1500, clock_rtt_us=900))
    core.send(
        batch(
            ok("api-dns", facts=DNS_FACTS, phases_us={"resolve": 100, "connect": 20, "request": 12_000}),
            ok("web", facts=WEB_FACTS, phases_us=phases),
            ok("ssh", facts=Facts(address="192.0.2.9"), phases_us={"connect": 700}),
            ok("mail", facts=Facts(address="192.0.2.9", tls=TLS), phases_us={"connect": 1, "tls": 2}),
            ok(
                "ping",
                facts=Facts(address="192.0.2.1", icmp=IcmpFacts(sent=1, received=1, hop_limit=57)),
                phases_us={"rtt": 300},
            ),
            ok("chain", facts=Facts(dnssec=CHAIN_FACTS), phases_us={"request": 2}),
            *RESULTS,
            *PATH_RESULTS,
        )
    )
    core.send(batch(failed("web", "http.status"), spoiled("web"), *iterating, agent="fra-01"))
    return core


def test_a_zone_and_a_trace_are_aggregates_with_no_label_from_a_payload() -> None:
    page = text(full())
    zone = {
        name: value(page, f"vedette_dns_authority_{name}", check="zone", agent="fra-01")
        for name in ("servers", "addresses", "addresses_answering", "addresses_lame", "serials")
    }
    assert zone == {"servers": 2, "addresses": 2, "addresses_answering": 1, "addresses_lame": 1, "serials": 1}
    assert value(page, "vedette_dns_authority_newest_serial") == 7
    assert value(page, "vedette_dns_authority_slowest_seconds") == 0.0025
    assert value(page, "vedette_dns_authority_delegation_differs") == 0
    assert value(page, "vedette_dns_authority_servers_differ") == 1
    assert value(page, "vedette_dns_trace_failed_level") == 12
    assert value(page, "vedette_dns_trace_level_seconds", level="1") == 0.0025  # both servers of com.
    levels = [line for line in page.splitlines() if line.startswith("vedette_dns_trace_level_seconds{")]
    assert len(levels) == 2  # level 12 is not in the closed set
    assert "ns1.example.com" not in page


def test_every_family_of_the_tables_appears_and_no_other() -> None:
    condition = Condition(NOW.wall)
    condition.link_counters["live"].connect_failures["refused"] += 1
    page = text(full(), condition=condition)
    ours = {name.split(" ")[2] for name in page.splitlines() if name.startswith("# TYPE ")}
    ours = {name for name in ours if name.startswith(("probe_", "vedette_"))}
    assert ours == {family.name for family in (*CELL_FAMILIES, *FLEET_FAMILIES)}


def test_labels_are_those_of_the_tables() -> None:
    page = text(full())
    declared = {family.name: set(family.labels) for family in CELL_FAMILIES}
    for metric in text_string_to_metric_families(page):
        for sample in metric.samples:
            name = next((n for n in (sample.name, metric.name) if n in declared), None)
            if name is not None:
                assert set(sample.labels) - {"le"} == declared[name], sample


def test_promtool_accepts_the_page() -> None:
    """Also as a linter: no complaint about names, types or help that are ours to choose."""
    found = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text(full()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    complaints = [line for line in found.stderr.splitlines() + found.stdout.splitlines() if line]
    assert found.returncode in (0, 3), complaints
    assert [line for line in complaints if line.startswith("vedette_")] == []
    assert "error while linting" not in found.stderr


def test_the_samples_of_a_family_stand_together_and_none_is_repeated() -> None:
    order: list[str] = []
    seen: set[str] = set()
    for line in text(full()).splitlines():
        if line.startswith("# TYPE "):
            order.append(line.split(" ")[2])
        elif not line.startswith("#"):
            series = line.rpartition(" ")[0]
            assert series not in seen
            seen.add(series)
            assert series.partition("{")[0].startswith(order[-1])
    assert len(order) == len(set(order))


def test_values_of_a_dns_probe() -> None:
    page = text(full())
    own = {"check": "api-dns", "agent": "par-01", "target": "api.example.com A"}
    assert value(page, "probe_success", **own) == 1
    assert value(page, "probe_duration_seconds", **own) == 0.012
    assert value(page, "probe_dns_lookup_time_seconds", **own) == 0.0001
    assert value(page, "probe_dns_duration_seconds", phase="request", **own) == 0.012
    assert value(page, "probe_dns_query_succeeded", **own) == 1
    assert value(page, "probe_dns_answer_rrs", **own) == 2
    assert value(page, "probe_dns_serial", **own) == 2026112201
    assert value(page, "vedette_dns_ttl_seconds", **own) == 300
    assert value(page, "vedette_dns_flags", flag="ad", **own) == 0
    assert value(page, "vedette_dns_extended_error", code="3", **own) == 1
    assert value(page, "probe_ip_protocol", **own) == 4


def test_values_of_an_http_probe() -> None:
    page = text(full())
    own = {"check": "web", "agent": "par-01"}
    assert value(page, "probe_http_status_code", **own) == 200
    assert value(page, "probe_http_version", **own) == 1.1
    assert value(page, "probe_http_ssl", **own) == 1
    assert value(page, "probe_http_content_length", **own) == 512
    assert value(page, "probe_http_last_modified_timestamp_seconds", **own) == 1_700_000_000
    assert value(page, "probe_ssl_earliest_cert_expiry", **own) == 1_900_000_000
    assert value(page, "probe_tls_version_info", version="TLS 1.3", **own) == 1
    assert value(page, "probe_ip_protocol", **own) == 6


def test_a_failure_says_why_and_invents_nothing() -> None:
    """Connection refused: status 0, no version, no length, no certificate, no duration of phases unseen."""
    core = Core()
    core.send(batch(failed("web", "tcp.refused"), failed("api-dns", "dns.timeout")))
    page = text(core)
    own = {"check": "web", "agent": "par-01"}
    assert value(page, "probe_success", **own) == 0
    assert value(page, "probe_http_status_code", **own) == 0
    assert value(page, "vedette_probe_failure_info", reason="tcp.refused", **own) == 1
    assert value(page, "vedette_probe_failures_total", reason="tcp.refused", **own) == 1
    assert value(page, "vedette_probe_latency_seconds_count", **own) == 0
    for absent in (
        "probe_http_version",
        "probe_http_content_length",
        "probe_ssl_earliest_cert_expiry",
        "probe_ip_protocol",
        "probe_http_ssl",
    ):
        assert value(page, absent, **own) is None
    assert value(page, "probe_dns_query_succeeded", check="api-dns", agent="par-01") == 0
    assert value(page, "probe_dns_answer_rrs", check="api-dns") is None


def test_certificate_metrics_stay_when_the_certificate_has_expired() -> None:
    core = Core()
    tls = TlsFacts(version="TLSv1.3", earliest_not_after_us=1_600_000_000_000_000)
    core.send(batch(failed("mail", "tls.expired", facts=Facts(address="192.0.2.9", tls=tls))))
    assert value(text(core), "probe_ssl_earliest_cert_expiry", check="mail") == 1_600_000_000


def test_tls_series_are_those_of_blackbox_exporter() -> None:
    """The end of the verified chain is another than that of what was presented; ciphers have IANA names."""
    core = Core()
    old = TlsFacts(version="TLSv1.2", cipher="ECDHE-RSA-AES128-GCM-SHA256", earliest_not_after_us=1_000_000)
    core.send(batch(ok("mail", facts=Facts(tls=TLS))))
    page = text(core)
    assert value(page, "probe_ssl_last_chain_expiry_timestamp_seconds", check="mail") == 1_910_000_000
    assert value(page, "probe_tls_cipher_info", check="mail", cipher="TLS_AES_256_GCM_SHA384") == 1
    assert value(page, "vedette_tls_ocsp_info", check="mail", status="good") == 1
    assert value(page, "vedette_tls_ocsp_next_update_timestamp_seconds", check="mail") == 1_800_000_000
    core.send(batch(ok("mail", facts=Facts(tls=old)), first=2))
    page = text(core)
    iana = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    assert value(page, "probe_tls_cipher_info", check="mail", cipher=iana) == 1
    assert value(page, "probe_ssl_last_chain_expiry_timestamp_seconds", check="mail") is None


def test_the_histogram_is_cumulative_and_complete() -> None:
    core = Core()
    core.send(batch(ok(duration_us=400), ok(duration_us=12_000), ok(duration_us=60_000_000)))
    page = text(core)
    own = {"check": "api-dns", "agent": "par-01"}
    bucket = "vedette_probe_latency_seconds_bucket"
    assert [value(page, bucket, le=le, **own) for le in ("0.0005", "0.01", "0.025", "10", "+Inf")] == [
        1,
        1,
        2,
        2,
        3,
    ]
    assert value(page, "vedette_probe_latency_seconds_sum", **own) == 60.0124
    assert value(page, "vedette_probe_latency_seconds_count", **own) == 3


def test_counters_start_at_zero_with_the_assignment() -> None:
    page = text(Core())
    own = {"check": "api-dns", "agent": "fra-01"}
    assert value(page, "vedette_probe_attempts_total", **own) == 0
    assert value(page, "vedette_check_assigned", **own) == 1
    assert value(page, "probe_success", **own) is None
    assert value(page, "vedette_collector_results_rejected_total", reason="identity") == 0


def test_a_verdict_vanishes_after_three_intervals_and_at_least_a_minute() -> None:
    """Interval 10 s: gone after 60 s; interval 30 s: gone after 90 s. Counters and the assignment stay."""
    core = Core()
    core.send(batch(ok(), ok("web")))

    def later(seconds: float) -> str:
        return text(core, Moment(NOW.wall + seconds, NOW.mono + seconds))

    assert value(later(60), "probe_success", check="api-dns") == 1
    assert value(later(61), "probe_success", check="api-dns") is None
    assert value(later(90), "probe_success", check="web") == 1
    page = later(91)
    assert value(page, "probe_success", check="web") is None
    assert value(page, "probe_http_status_code", check="web") is None
    own = {"check": "web", "agent": "par-01"}
    assert value(page, "vedette_probe_attempts_total", **own) == 1
    assert value(page, "vedette_check_assigned", **own) == 1
    assert value(page, "vedette_probe_last_result_timestamp_seconds", **own) == NOW.wall


def test_a_spoiled_run_changes_no_verdict() -> None:
    core = Core()
    core.send(batch(ok(), spoiled()))
    page = text(core)
    own = {"check": "api-dns", "agent": "par-01"}
    assert value(page, "probe_success", **own) == 1
    assert value(page, "vedette_probe_attempts_total", **own) == 1
    assert value(page, "vedette_probe_not_run_total", reason="loop_lag", **own) == 1


def test_what_an_agent_says_of_itself() -> None:
    page = text(full())
    assert value(page, "vedette_agent_connected", agent="par-01") == 1
    assert value(page, "vedette_agent_last_seen_timestamp_seconds", agent="par-01") == NOW.wall
    assert value(page, "vedette_results_produced_total", agent="par-01") == 42
    assert value(page, "vedette_results_pending", agent="par-01") == 2
    assert value(page, "vedette_results_declared_lost_total", agent="par-01", reason="queue_full") == 0
    assert value(page, "vedette_agent_loop_lag_seconds", agent="par-01") == 0.0015
    assert value(page, "vedette_agent_clock_offset_seconds", agent="par-01") == -0.0015
    assert value(page, "vedette_agent_config_matches", agent="par-01") == 1
    assert value(page, "vedette_agent_clock_offset_seconds", agent="fra-01") is None
    info = {"agent": "par-01", "version": "1.2.3", "network": "isp-a", "region": "eu"}
    assert value(page, "vedette_agent_info", **info) == 1


def test_what_the_links_to_the_broker_counted() -> None:
    condition = Condition(NOW.wall)
    counters = condition.link_counters["live"]
    counters.connects = 3
    counters.connect_failures["tls_expired"] += 2
    counters.subscriptions_refused = 1
    counters.dropped_unacknowledged = 7
    page = text(full(), condition=condition)
    ours = "vedette_collector_broker_"
    assert value(page, f"{ours}connects_total", link="live") == 3
    assert value(page, f"{ours}connect_failures_total", link="live", reason="tls_expired") == 2
    assert value(page, f"{ours}subscriptions_refused_total", link="live") == 1
    assert value(page, f"{ours}messages_dropped_total", link="live") == 7
    assert value(page, f"{ours}connects_total", link="control") == 0


def test_no_tag_of_an_agent_can_hide_a_label_of_ours() -> None:
    """Tags stand beside them under their own names, so the configuration refuses these."""
    labels = next(family.labels for family in FLEET_FAMILIES if family.name == "vedette_agent_info")
    assert {"agent", "version"} == set(labels) - {"tag…"} <= RESERVED_TAGS


def test_label_values_are_escaped() -> None:
    nasty = 'say "hi"\\ and\nleave'
    check = msgspec.structs.replace(DNS, target=nasty)
    core = Core(assignment(checks=(check,)))
    core.send(batch(ok()))
    assert value(text(core), "probe_success", target=nasty) == 1


def strings(metrics: Iterable[Metric]) -> set[str]:
    return {v for metric in metrics for sample in metric.samples for v in sample.labels.values()}


def test_no_payload_creates_a_label_value() -> None:
    """Every text field of a payload says "evil"; the labels of the page stay those of an honest one."""
    honest = strings(families(text(full())).values())
    core = full()
    tls = TlsFacts(version="evil", cipher="evil", alpn="evil", subject="evil", issuer="evil")
    core.send(
        batch(failed("mail", "evil.evil", detail="evil", facts=Facts(tls=tls, address="evil")), first=50)
    )
    core.send(batch(failed("evil"), first=51))
    core.send(
        batch(ok("web", facts=Facts(address="evil", http=HttpFacts(status=200, version="evil"))), first=52)
    )
    core.send(presence(version='evil"}\n{', tags={"evil": "evil"}))
    assert strings(families(text(core)).values()) - honest == {"unknown", "other", "evil"}
    assert value(text(core), "vedette_agent_info", agent="par-01", version="evil") == 1


@pytest.mark.parametrize(
    ("said", "shown"), [("1.2.3+git.5-x_y", "1.2.3+git.5-x_y"), ('"} 1\n', "1"), ("9" * 99, "9" * 32)]
)
def test_a_version_is_cut_to_what_versions_look_like(said: str, shown: str) -> None:
    assert safe_version(said) == shown


def test_an_empty_configuration_renders() -> None:
    board = Board(assignment(checks=(), agents=()))
    page = "".join(pieces(board, Condition(0.0), 0.0))
    assert "probe_success" not in page
    assert "process_resident_memory_bytes" in page


def test_all_kinds_of_checks_are_rendered() -> None:
    core = Core()
    core.send(batch(*[ok(check.name) for check in ALL]))
    page = text(core)
    assert all(value(page, "probe_success", check=check.name, agent="par-01") == 1 for check in ALL)
