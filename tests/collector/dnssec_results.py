"""A DNSSEC check and what it learned."""

from vedette.checks.model import DnssecCheck
from vedette.wire.facts import DnssecFacts, DnssecZone

CHAIN = DnssecCheck(
    name="chain", target="www.example.com A", interval=60.0, timeout=5.0, query_name="www.example.com"
)
CHAIN_FACTS = DnssecFacts(
    status="secure",
    answer="data",
    anchor=".",
    zones=[DnssecZone(zone=".", algorithm="RSASHA256", key_tag=20326)],
    chain_zones=1,
    earliest_expiration_us=1_800_000_000_000_000,
    expiring="www.example.com A",
)
