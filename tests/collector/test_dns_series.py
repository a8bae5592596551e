"""The series of a DNS check: what a server chooses is never a label."""

from vedette.wire.facts import DnsFacts, Facts
from vedette.wire.facts.dns import ExtendedErrorFact
from vedette.wire.messages import Result
from vedette_collector.exposition.kinds import dns
from vedette_collector.exposition.text import Series


def series(facts: DnsFacts) -> str:
    out = Series('check="c"')
    phases = {"connect": 100, "tls": 200, "request": 300}
    facts_of = Facts(dns=facts)
    dns.write(out, Result(check="c", outcome="ok", started_us=1, phases_us=phases, facts=facts_of))  # type: ignore[arg-type]
    return "".join(out.blocks.values())


def test_ttl_flags_and_phases_are_series() -> None:
    page = series(
        DnsFacts(
            rcode="NOERROR", ttl_seconds=300, authoritative=True, recursion_available=True, transport="tls"
        )
    )
    assert 'vedette_dns_ttl_seconds{check="c"} 300\n' in page
    for flag, value in (("aa", 1), ("tc", 0), ("ra", 1), ("ad", 0)):
        assert f'vedette_dns_flags{{check="c",flag="{flag}"}} {value}\n' in page
    assert 'probe_dns_duration_seconds{check="c",phase="tls"} 0.0002\n' in page
    assert "extended_error" not in page


def test_codes_of_extended_errors_are_labels_as_far_as_they_are_registered() -> None:
    errors = [ExtendedErrorFact(code=code, text="secret") for code in (6, 22, 6, 33, 49152)]
    page = series(DnsFacts(rcode="SERVFAIL", nsid="lon-1", extended_errors=errors))
    codes = [line for line in page.splitlines() if line.startswith("vedette_dns_extended_error{")]
    assert codes == [
        f'vedette_dns_extended_error{{check="c",code="{code}"}} 1' for code in ("22", "6", "other")
    ]
    assert "secret" not in page
    assert "lon-1" not in page


def test_false_answers_are_told_also_when_no_true_one_came() -> None:
    page = series(DnsFacts(spoof_suspected=7))
    assert 'vedette_dns_false_answers{check="c"} 7\n' in page
    assert 'probe_dns_query_succeeded{check="c"} 0\n' in page
    assert "vedette_dns_flags" not in page
