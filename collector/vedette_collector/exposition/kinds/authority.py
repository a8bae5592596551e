"""Series of the name servers of a zone. One server's own are those of its own check."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series, seconds

FAMILIES: Final = (
    Family("vedette_dns_authority_servers", "gauge", "Name servers of the zone that were asked.", PAIR),
    Family("vedette_dns_authority_addresses", "gauge", "Addresses of them that were asked.", PAIR),
    Family(
        "vedette_dns_authority_addresses_answering", "gauge", "Addresses at which the zone is served.", PAIR
    ),
    Family(
        "vedette_dns_authority_addresses_lame",
        "gauge",
        "Addresses that answered and do not serve the zone.",
        PAIR,
    ),
    Family("vedette_dns_authority_serials", "gauge", "Different serials among the answers.", PAIR),
    Family(
        "vedette_dns_authority_newest_serial",
        "gauge",
        "The newest serial of the zone, by the arithmetic of RFC 1982.",
        PAIR,
    ),
    Family("vedette_dns_authority_slowest_seconds", "gauge", "Time that the slowest answer took.", PAIR),
    Family(
        "vedette_dns_authority_delegation_differs",
        "gauge",
        "Whether servers or addresses at the parent, or in the configuration, are not those in the zone.",
        PAIR,
        "Absent when neither is known.",
    ),
    Family(
        "vedette_dns_authority_servers_differ",
        "gauge",
        "Whether servers of the zone gave different NS records, or the record that must be the same.",
        PAIR,
        "Absent when none answered.",
    ),
)


def write(out: Series, result: Result) -> None:
    facts = None if result.facts is None else result.facts.authority
    if facts is None:
        return
    out.gauge("vedette_dns_authority_servers", facts.known)
    out.gauge("vedette_dns_authority_addresses", len(facts.servers))
    out.gauge("vedette_dns_authority_addresses_answering", facts.answering)
    out.gauge("vedette_dns_authority_addresses_lame", facts.lame)
    out.gauge("vedette_dns_authority_serials", facts.serials)
    out.gauge("vedette_dns_authority_newest_serial", facts.newest_serial)
    out.gauge("vedette_dns_authority_slowest_seconds", seconds(facts.slowest_us))
    out.gauge("vedette_dns_authority_delegation_differs", _flag(facts.delegation_differs))
    out.gauge("vedette_dns_authority_servers_differ", _flag(facts.servers_differ))


def _flag(value: bool | None) -> int | None:
    return None if value is None else int(value)
