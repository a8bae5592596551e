"""What the boards ask Prometheus. Nothing here needs the recording rules: the board works without them."""

PAIR = 'check=~"$check",agent=~"$agent"'
AGENT = 'agent=~"$agent"'


def increase(metric: str, by: str, labels: str = "") -> str:
    return f"sum by ({by}) (increase({metric}{{{labels}}}[$__rate_interval]))"


def quantile(share: float) -> str:
    rate = f"rate(vedette_probe_latency_seconds_bucket{{{PAIR}}}[$__rate_interval])"
    # The comparison: nothing at all, rather than NaN, where nothing succeeded.
    return f"histogram_quantile({share}, sum by (check, le) ({rate})) >= 0"


def _ratio(above: str, below: str) -> str:
    """Nothing at all, rather than 0/0, where nothing ran."""
    return f"{above} / ({below} > 0)"


_VERDICTS = f"probe_success{{{PAIR}}}"
_ASSIGNED = f"vedette_check_assigned{{{PAIR}}}"
# `_count` of the histogram counts successes; what was not run is in neither.
_SUCCESSES = f"vedette_probe_latency_seconds_count{{{PAIR}}}"
_ATTEMPTS = f"vedette_probe_attempts_total{{{PAIR}}}"
_DAYS_LEFT = f"(probe_ssl_earliest_cert_expiry{{{PAIR}}} - time()) / 86400"

# Whatever is assigned has a state: 0 fails, 1 ok, 2 no data. No data is a state and not a hole.
STATE = f"max by (check, agent) ({_VERDICTS} or on (job, check, agent) ({_ASSIGNED} + 1))"

CHECKS_FAILING = (
    f"count(count by (check) ({_VERDICTS} == 0) > 0.5 * count by (check) ({_VERDICTS})) or vector(0)"
)
NOT_OBSERVED = f"count({_ASSIGNED} unless on (job, check, agent) {_VERDICTS}) or vector(0)"
AGENTS_CONNECTED = f"avg(vedette_agent_connected{{{AGENT}}})"
REACHABILITY = _ratio(f"sum(increase({_SUCCESSES}[$__range]))", f"sum(increase({_ATTEMPTS}[$__range]))")
FIRST_EXPIRY = f"min({_DAYS_LEFT})"
BROKER_LINKS = "avg(vedette_collector_broker_connected)"

FIRING = 'ALERTS{alertstate="firing",alertname=~"Vedette.*",alertname!="VedetteDeadMansSwitch"}'
FIRING_TABLE = f"max by (alertname, severity, check, target, agent) ({FIRING})"
INCIDENTS = "max by (incident, component, kind, severity) (vedette_incident)"
REASONS_NOW = f"max by (check, agent, target, reason) (vedette_probe_failure_info{{{PAIR}}})"
SUCCESS = _ratio(
    f"sum by (check) (rate({_SUCCESSES}[$__rate_interval]))",
    f"sum by (check) (rate({_ATTEMPTS}[$__rate_interval]))",
)
CERTIFICATES = f"sort(min by (check, target) ({_DAYS_LEFT}))"
FAILURES = increase("vedette_probe_failures_total", "reason", PAIR)
NOT_RUN = increase("vedette_probe_not_run_total", "agent, reason", PAIR)
REJECTED = increase("vedette_collector_results_rejected_total", "reason")
LOST = increase("vedette_results_declared_lost_total", "agent, reason", AGENT)
PENDING = f"max by (agent) (vedette_results_pending{{{AGENT}}})"
UNACCOUNTED = (
    f"max by (agent) (abs(vedette_ledger_residual{{{AGENT}}})) "
    f"+ max by (agent) (vedette_ledger_disagreement{{{AGENT}}})"
)
LIVE_AGE = (
    "histogram_quantile(0.99, sum by (agent, le) "
    f"(rate(vedette_live_age_seconds_bucket{{{AGENT}}}[$__rate_interval]))) >= 0"
)
PHASES = {
    "http": f"avg by (phase) (probe_http_duration_seconds{{{PAIR}}})",
    "dns": f"avg by (phase) (probe_dns_duration_seconds{{{PAIR}}})",
    "tcp and tls": f"avg by (phase) (vedette_probe_phase_seconds{{{PAIR}}})",
    "icmp": f"avg by (phase) (probe_icmp_duration_seconds{{{PAIR}}})",
}
# One column each, joined by agent.
AGENT_COLUMNS = {
    "connected": f"max by (agent) (vedette_agent_connected{{{AGENT}}})",
    "last seen": f"max by (agent) (time() - vedette_agent_last_seen_timestamp_seconds{{{AGENT}}})",
    "clock offset": f"max by (agent) (vedette_agent_clock_offset_seconds{{{AGENT}}})",
    "loop lag": f"max by (agent) (vedette_agent_loop_lag_seconds{{{AGENT}}})",
    "pending results": f"max by (agent) (vedette_results_pending{{{AGENT}}})",
}
