"""What a result, a failure and time make of the series on /metrics."""

from collector.collector_helpers import (
    NOW,
    Core,
    batch,
    failed,
    ok,
    spoiled,
)
from collector.exposition_helpers import TLS, full, text, value
from vedette.wire.facts import (
    Facts,
    TlsFacts,
)
from vedette_collector.cell import Moment


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
