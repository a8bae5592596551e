"""Series of DNS checks."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series

REGISTERED: Final = 32  # highest code of the registry of extended errors

FAMILIES: Final = (
    Family(
        "probe_dns_duration_seconds",
        "gauge",
        "Duration of a DNS probe by phase.",
        (*PAIR, "phase"),
        "Phases `resolve`, `connect`, `tls`, `request`.",
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
    Family(
        "vedette_dns_ttl_seconds",
        "gauge",
        "Smallest TTL in the answer section.",
        PAIR,
        "Absent when the answer section is empty.",
    ),
    Family(
        "vedette_dns_flags",
        "gauge",
        "Flags of the response header.",
        (*PAIR, "flag"),
        "Flags `aa`, `ra`, `ad`; and `tc`: truncated over UDP, before TCP was asked.",
    ),
    Family(
        "vedette_dns_extended_error",
        "gauge",
        "1 for every extended error in the response, by its code (RFC 8914).",
        (*PAIR, "code"),
        "Codes that nobody has registered are `other`.",
    ),
    Family(
        "vedette_dns_false_answers",
        "gauge",
        "Datagrams that pretended to be the answer, and were ignored.",
        PAIR,
        "Over UDP: somebody forges, or a server does not repeat the question as it was asked.",
    ),
)


def write(out: Series, result: Result) -> None:
    out.phases("probe_dns_duration_seconds", result, ("resolve", "connect", "tls", "request"))
    dns = None if result.facts is None else result.facts.dns
    answered = dns is not None and dns.rcode is not None
    if dns is not None:
        out.gauge("vedette_dns_false_answers", dns.spoof_suspected)
    out.gauge("probe_dns_query_succeeded", int(answered))
    if dns is not None and answered:
        out.gauge("probe_dns_answer_rrs", dns.answer_rrs)
        out.gauge("probe_dns_authority_rrs", dns.authority_rrs)
        out.gauge("probe_dns_additional_rrs", dns.additional_rrs)
        out.gauge("probe_dns_serial", dns.serial)
        out.gauge("vedette_dns_ttl_seconds", dns.ttl_seconds)
        flags = (
            ("aa", dns.authoritative),
            ("tc", dns.truncated),
            ("ra", dns.recursion_available),
            ("ad", dns.authenticated),
        )
        out.spread("vedette_dns_flags", "flag", [(flag, int(is_set)) for flag, is_set in flags])
        # A server chooses the codes: only registered ones become labels.
        codes = {str(one.code) if one.code <= REGISTERED else "other" for one in dns.extended_errors}
        out.spread("vedette_dns_extended_error", "code", [(code, 1) for code in sorted(codes)])
