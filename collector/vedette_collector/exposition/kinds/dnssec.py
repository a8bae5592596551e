"""Series of DNSSEC checks."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.text import PAIR, Family, Series, seconds

FAMILIES: Final = (
    Family(
        "vedette_dnssec_secure",
        "gauge",
        "Whether the chain of trust validated.",
        PAIR,
        "0 for insecure and bogus; absent when no verdict was reached.",
    ),
    Family(
        "vedette_dnssec_earliest_rrsig_expiry_timestamp_seconds",
        "gauge",
        "Unix time at which the first signature of the chain expires.",
        PAIR,
        "Of each record set the one that lasts longest counts. In the past when an expired one broke the "
        "chain.",
    ),
    Family("vedette_dnssec_chain_zones", "gauge", "Zones whose keys validated, from the anchor on.", PAIR),
)


def write(out: Series, result: Result) -> None:
    dnssec = None if result.facts is None else result.facts.dnssec
    if dnssec is not None:
        out.gauge("vedette_dnssec_secure", int(dnssec.status == "secure"))
        out.gauge(
            "vedette_dnssec_earliest_rrsig_expiry_timestamp_seconds", seconds(dnssec.earliest_expiration_us)
        )
        out.gauge("vedette_dnssec_chain_zones", dnssec.chain_zones)
