"""Writes the series of one cell. A pure function of the cell: its text is kept until the cell changes."""

from typing import Final

from vedette.checks.model import DnsCheck, HttpCheck, IcmpCheck, TcpCheck, TlsCheck
from vedette.wire.messages import Result
from vedette_collector.cell import BUCKETS, Cell, label
from vedette_collector.exposition.text import labels

Blocks = dict[str, str]  # family name to all lines of one cell in it

# As blackbox_exporter writes them. What is not in here is not a version: labels come from a closed set.
_TLS_VERSIONS: Final = {
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}
_HTTP_VERSIONS: Final = {"1.0": 1.0, "1.1": 1.1, "2": 2.0, "2.0": 2.0, "3": 3.0}
_PHASES: Final = {
    DnsCheck: ("probe_dns_duration_seconds", ("resolve", "connect", "request")),
    HttpCheck: ("probe_http_duration_seconds", ("resolve", "connect", "tls", "processing", "transfer")),
    TcpCheck: ("vedette_probe_phase_seconds", ("resolve", "connect", "processing", "transfer")),
    TlsCheck: ("vedette_probe_phase_seconds", ("resolve", "connect", "tls")),
    IcmpCheck: ("probe_icmp_duration_seconds", ("resolve", "rtt")),
}
_LES: Final = tuple(f"{bound:g}" for bound in BUCKETS)

# These stay when the last verdict has become too old; all others say something about it and go with it.
_LASTING: Final = (
    "vedette_probe_last_result_timestamp_seconds",
    "vedette_probe_attempts_total",
    "vedette_probe_failures_total",
    "vedette_probe_not_run_total",
    "vedette_probe_latency_seconds",
    "vedette_check_assigned",
)


def blocks(cell: Cell) -> Blocks:
    """All lines of *cell* by family, from its cache where it did not change."""
    if cell.blocks is None:
        cell.blocks = _rendered(cell)
    return cell.blocks


def lasting(cell: Cell) -> Blocks:
    """What stays of a cell whose verdict is too old: the counters, and that it is assigned."""
    whole = blocks(cell)
    return {family: whole[family] for family in _LASTING if family in whole}


def _rendered(cell: Cell) -> Blocks:
    own = labels((("check", cell.check.name), ("agent", cell.agent), ("target", cell.check.target)))
    out: Blocks = {}
    if cell.last is not None:
        _verdict(out, own, cell, cell.last.result)
        out["vedette_probe_last_result_timestamp_seconds"] = _line(
            "vedette_probe_last_result_timestamp_seconds", own, round(cell.last.at, 3)
        )
    _counters(out, own, cell)
    out["vedette_check_assigned"] = _line("vedette_check_assigned", own, 1)
    return out


def _line(name: str, own: str, value: float) -> str:
    return f"{name}{{{own}}} {value!r}\n"


def _verdict(out: Blocks, own: str, cell: Cell, result: Result) -> None:
    def gauge(name: str, value: float | None) -> None:
        if value is not None:
            out[name] = _line(name, own, value)

    gauge("probe_success", int(result.outcome == "ok"))
    gauge("probe_duration_seconds", _seconds(result.duration_us))
    facts = result.facts
    if facts is not None and facts.address:
        gauge("probe_ip_protocol", 6 if ":" in facts.address else 4)
    gauge("probe_dns_lookup_time_seconds", _seconds(result.phases_us.get("resolve")))
    _phases(out, own, cell, result)
    if result.outcome == "fail":
        out["vedette_probe_failure_info"] = (
            f'vedette_probe_failure_info{{{own},reason="{label(result)}"}} 1\n'
        )
    if isinstance(cell.check, DnsCheck):
        dns = None if facts is None else facts.dns
        answered = dns is not None and dns.rcode is not None
        gauge("probe_dns_query_succeeded", int(answered))
        if dns is not None and answered:
            gauge("probe_dns_answer_rrs", dns.answer_rrs)
            gauge("probe_dns_authority_rrs", dns.authority_rrs)
            gauge("probe_dns_additional_rrs", dns.additional_rrs)
            gauge("probe_dns_serial", dns.serial)
    if isinstance(cell.check, HttpCheck):
        http = None if facts is None else facts.http
        gauge("probe_http_status_code", 0 if http is None else http.status)
        if http is not None and http.status:
            gauge("probe_http_version", _HTTP_VERSIONS.get(http.version or ""))
            gauge("probe_http_redirects", http.redirects)
            gauge("probe_http_ssl", int(facts is not None and facts.tls is not None))
            gauge("probe_http_content_length", http.content_length)
            gauge("probe_http_uncompressed_body_length", http.body_bytes)
            gauge("probe_http_last_modified_timestamp_seconds", _seconds(http.last_modified_us))
    if facts is not None and facts.tls is not None:
        gauge("probe_ssl_earliest_cert_expiry", _seconds(facts.tls.earliest_not_after_us))
        if facts.tls.version is not None:
            version = _TLS_VERSIONS.get(facts.tls.version, "unknown")
            out["probe_tls_version_info"] = f'probe_tls_version_info{{{own},version="{version}"}} 1\n'
    if facts is not None and facts.icmp is not None:
        gauge("probe_icmp_reply_hop_limit", facts.icmp.hop_limit)


def _phases(out: Blocks, own: str, cell: Cell, result: Result) -> None:
    name, phases = _PHASES[type(cell.check)]
    lines = [
        f'{name}{{{own},phase="{phase}"}} {us / 1e6!r}\n'
        for phase in phases
        if (us := result.phases_us.get(phase)) is not None  # type: ignore[call-overload]
    ]
    if lines:
        out[name] = "".join(lines)


def _counters(out: Blocks, own: str, cell: Cell) -> None:
    out["vedette_probe_attempts_total"] = _line("vedette_probe_attempts_total", own, cell.attempts)
    for name, counts in (
        ("vedette_probe_failures_total", cell.failures),
        ("vedette_probe_not_run_total", cell.not_run),
    ):
        if counts:
            out[name] = "".join(
                f'{name}{{{own},reason="{reason}"}} {count}\n' for reason, count in counts.items()
            )
    total = 0
    lines: list[str] = []
    for le, count in zip(_LES, cell.buckets, strict=False):
        total += count
        lines.append(f'vedette_probe_latency_seconds_bucket{{{own},le="{le}"}} {total}\n')
    total += cell.buckets[-1]
    lines.append(
        f'vedette_probe_latency_seconds_bucket{{{own},le="+Inf"}} {total}\n'
        f"vedette_probe_latency_seconds_sum{{{own}}} {round(cell.latency_sum, 6)!r}\n"
        f"vedette_probe_latency_seconds_count{{{own}}} {total}\n"
    )
    out["vedette_probe_latency_seconds"] = "".join(lines)


def _seconds(us: int | None) -> float | None:
    return None if us is None else us / 1e6
