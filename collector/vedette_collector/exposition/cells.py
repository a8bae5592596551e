"""Writes the series of one cell. A pure function of the cell: its text is kept until the cell changes."""

from typing import Final, assert_never

from vedette.checks.model import (
    AuthorityCheck,
    DnsCheck,
    DnssecCheck,
    GrpcCheck,
    HttpCheck,
    IcmpCheck,
    NtpCheck,
    PathCheck,
    TcpCheck,
    TlsCheck,
    TraceCheck,
    UdpCheck,
    WebsocketCheck,
)
from vedette.wire.messages import Bypass, Result
from vedette_collector.cell import BUCKETS, Cell, Way, label
from vedette_collector.exposition.kinds import (
    authority,
    dns,
    dnssec,
    grpc,
    http,
    icmp,
    ntp,
    path,
    stream,
    tls,
    trace,
    udp,
    websocket,
)
from vedette_collector.exposition.text import Series, escape, labels, seconds

Blocks = dict[str, str]  # family name to all lines of one cell in it

_LES: Final = tuple(f"{bound:g}" for bound in BUCKETS)

# These stay when the last verdict has become too old; all others say something about it and go with it.
_LASTING: Final = (
    "vedette_probe_last_result_timestamp_seconds",
    "vedette_probe_attempts_total",
    "vedette_probe_failures_total",
    "vedette_probe_not_run_total",
    "vedette_probe_latency_seconds",
    "vedette_probe_late_attempts_total",
    "vedette_probe_late_failures_total",
    "vedette_probe_repeats_total",
    "vedette_probe_bypass_attempts_total",
    "vedette_probe_bypass_failures_total",
    "vedette_probe_bypass_not_run_total",
    "vedette_probe_bypass_late_total",
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
    out = Series(labels((("check", cell.check.name), ("agent", cell.agent), ("target", cell.check.target))))
    if cell.last is not None:
        _verdict(out, cell, cell.last.result)
        out.gauge("vedette_probe_last_result_timestamp_seconds", round(cell.last.at, 3))
    _counters(out, cell)
    out.gauge("vedette_check_assigned", 1)
    return out.blocks


def _verdict(out: Series, cell: Cell, result: Result) -> None:
    out.gauge("probe_success", int(result.outcome == "ok"))
    out.gauge("probe_duration_seconds", seconds(result.duration_us))
    facts = result.facts
    if facts is not None and facts.address:
        out.gauge("probe_ip_protocol", 6 if ":" in facts.address else 4)
    out.gauge("probe_dns_lookup_time_seconds", seconds(result.phases_us.get("resolve")))
    if result.outcome == "fail":
        out.info("vedette_probe_failure_info", "reason", label(result))
    match cell.check:
        case DnsCheck():
            dns.write(out, result)
        case AuthorityCheck():
            authority.write(out, result)
        case TraceCheck():
            trace.write(out, result)
        case DnssecCheck():
            dnssec.write(out, result)
        case HttpCheck():
            http.write(out, result)
        case TcpCheck():
            stream.write_tcp(out, result)
        case TlsCheck():
            out.phases(stream.PHASES, result, ("resolve", "connect", "processing", "tls"))
        case IcmpCheck():
            icmp.write(out, result)
        case GrpcCheck():
            grpc.write(out, result)
        case WebsocketCheck():
            websocket.write(out, result)
        case PathCheck():
            path.write(out, result)
        case NtpCheck():
            ntp.write(out, result)
        case UdpCheck():
            udp.write(out, result)
        case _:
            assert_never(cell.check)
    if facts is not None and facts.tls is not None:
        tls.write(out, facts.tls)


def _counters(out: Series, cell: Cell) -> None:
    out.gauge("vedette_probe_attempts_total", cell.attempts)
    out.spread("vedette_probe_failures_total", "reason", cell.failures.items())
    out.spread("vedette_probe_not_run_total", "reason", cell.not_run.items())
    if cell.late_attempts:
        out.gauge("vedette_probe_late_attempts_total", cell.late_attempts)
        out.spread("vedette_probe_late_failures_total", "reason", cell.late_failures.items())
    if cell.repeats:
        repeats = (("ok", cell.repeats - cell.repeats_failed), ("fail", cell.repeats_failed))
        out.spread("vedette_probe_repeats_total", "outcome", repeats)
    if cell.ways is not None:
        _ways(out, cell.ways)
    own = out.own
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
    out.blocks["vedette_probe_latency_seconds"] = "".join(lines)


def _ways(out: Series, ways: dict[Bypass, Way]) -> None:
    name, seen = "vedette_probe_bypass", sorted(ways.items())
    last = [(bypass, way.last) for bypass, way in seen]
    succeeded = [(bypass, int(each.result.outcome == "ok")) for bypass, each in last if each is not None]
    out.spread(f"{name}_success", "bypass", succeeded)
    out.spread(f"{name}_attempts_total", "bypass", [(bypass, way.attempts) for bypass, way in seen])
    lines = [
        f'{name}_failures_total{{{out.own},bypass="{bypass}",reason="{escape(reason)}"}} {count!r}\n'
        for bypass, way in seen
        for reason, count in way.failures.items()
    ]
    if lines:
        out.blocks[f"{name}_failures_total"] = "".join(lines)
    spoiled = [(bypass, way.not_run) for bypass, way in seen if way.not_run]
    out.spread(f"{name}_not_run_total", "bypass", spoiled)
    out.spread(f"{name}_late_total", "bypass", [(bypass, way.late) for bypass, way in seen if way.late])
