"""Series of DNS checks."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series

FAMILIES: Final = (
    Family(
        "probe_dns_duration_seconds",
        "gauge",
        "Duration of a DNS probe by phase.",
        (*PAIR, "phase"),
        "Phases `resolve`, `connect`, `request`.",
    ),
    Family(
        "probe_dns_query_succeeded",
        "gauge",
        "Whether a DNS response came, whatever it said.",
        PAIR,
        "1 also for SERVFAIL: compare `probe_success`.",
    ),
    Family("probe_dns_answer_rrs", "gauge", "Records in the answer section.", PAIR),
    Family("probe_dns_authority_rrs", "gauge", "Records in the authority section.", PAIR),
    Family("probe_dns_additional_rrs", "gauge", "Records in the additional section.", PAIR),
    Family("probe_dns_serial", "gauge", "Serial of the SOA record in the answer.", PAIR),
)


def write(out: Series, result: Result) -> None:
    out.phases("probe_dns_duration_seconds", result, ("resolve", "connect", "request"))
    dns = None if result.facts is None else result.facts.dns
    answered = dns is not None and dns.rcode is not None
    out.gauge("probe_dns_query_succeeded", int(answered))
    if dns is not None and answered:
        out.gauge("probe_dns_answer_rrs", dns.answer_rrs)
        out.gauge("probe_dns_authority_rrs", dns.authority_rrs)
        out.gauge("probe_dns_additional_rrs", dns.additional_rrs)
        out.gauge("probe_dns_serial", dns.serial)
