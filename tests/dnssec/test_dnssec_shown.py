"""What of a validated chain is exposed, and what people are shown."""

import pytest

from collector.dnssec_results import CHAIN, CHAIN_FACTS
from vedette.wire.facts import DnssecFacts, Facts
from vedette.wire.messages import Result
from vedette_agent.shown import shown
from vedette_collector.exposition.kinds import dnssec
from vedette_collector.exposition.text import Series


def written(facts: DnssecFacts | None) -> dict[str, str]:
    out = Series('check="chain"')
    outcome = "ok" if facts is not None and facts.status == "secure" else "fail"
    dnssec.write(out, Result(check="chain", outcome=outcome, started_us=1, facts=Facts(dnssec=facts)))
    return {name: text.split()[-1] for name, text in out.blocks.items()}


def test_a_secure_chain_has_an_expiry_and_a_length() -> None:
    assert written(CHAIN_FACTS) == {
        "vedette_dnssec_secure": "1",
        "vedette_dnssec_earliest_rrsig_expiry_timestamp_seconds": "1800000000.0",
        "vedette_dnssec_chain_zones": "1",
    }


@pytest.mark.parametrize("status", ["insecure", "bogus"])
def test_any_other_verdict_is_not_secure(status: str) -> None:
    found = written(DnssecFacts(status=status))  # type: ignore[arg-type]
    assert found == {"vedette_dnssec_secure": "0", "vedette_dnssec_chain_zones": "0"}


def test_without_a_verdict_nothing_is_said() -> None:
    assert written(None) == {}


def test_people_see_every_zone_and_what_expires_first() -> None:
    result = Result(check="chain", outcome="ok", started_us=1, duration_us=9, facts=Facts(dnssec=CHAIN_FACTS))
    lines = [" ".join(line.split()) for line in shown(CHAIN, result, has_color=False).splitlines()]
    assert "status secure data" in lines
    assert "zone . RSASHA256, key tag 20326" in lines
    assert lines[-1] == "expires 2027-01-15 08:00 UTC, the signature of www.example.com A"
