"""The page of a check shows what its kind learned, each fact under its name."""

import asyncio
import re

import pytest

from collector import dnssec_results, path_results, service_results
from collector.collector_helpers import DNS, MAIL, NOW, Core, assignment, batch, ok, presence
from collector.web_helpers import site
from vedette.checks.model import AuthorityCheck, Check, TraceCheck
from vedette.wire.facts import (
    AuthorityFacts,
    AuthorityServerFacts,
    DnsFacts,
    Facts,
    TlsFacts,
    TraceFacts,
    TraceStep,
)
from vedette.wire.facts.dns import ExtendedErrorFact
from vedette.wire.messages import Result
from vedette_collector.cell import Moment

ZONE = AuthorityCheck(name="zone", target="shop.example", interval=60.0, timeout=5.0, zone="shop.example")
WAY = TraceCheck(name="way", target="shop.example A", interval=60.0, timeout=5.0, query_name="shop.example")
SERVERS = [
    AuthorityServerFacts(name="ns1.shop.example", address="192.0.2.1", serial=7, duration_us=2_000),
    AuthorityServerFacts(name="ns2.shop.example", address="192.0.2.2", failure="dns.timeout"),
]
STEP = TraceStep(
    level=0, zone=".", server="k.root", address="192.0.2.3", outcome="referral", duration_us=9_810
)
REFUSED = ExtendedErrorFact(code=20, text="not <b>mine</b>")
OFFERED: tuple[tuple[Check, Result, dict[str, str]], ...] = (
    (
        DNS,
        ok(DNS.name, facts=Facts(dns=DnsFacts(rcode="REFUSED", nsid="lon1", extended_errors=[REFUSED]))),
        {"Instance": "lon1", "Extended error": "20 not &lt;b&gt;mine&lt;/b&gt;"},
    ),
    (
        ZONE,
        ok("zone", facts=Facts(authority=AuthorityFacts(servers=SERVERS, delegation_differs=True))),
        {
            "ns1.shop.example [192.0.2.1]": "serial 7, 2 ms",
            "ns2.shop.example [192.0.2.2]": "dns.timeout",
            "Parent and zone": "differ",
        },
    ),
    (
        WAY,
        ok("way", facts=Facts(trace=TraceFacts(steps=[STEP]))),
        {"Level 0, .": "k.root [192.0.2.3], referral, 9.81 ms"},
    ),
    (
        dnssec_results.CHAIN,
        ok("chain", facts=Facts(dnssec=dnssec_results.CHAIN_FACTS)),
        {
            "DNSSEC": "secure",
            "Anchor": ".",
            "Zone .": "RSASHA256, key tag 20326",
            "First signature to expire": "www.example.com A, 2027-01-15T08:00:00Z",
        },
    ),
    (MAIL, ok(MAIL.name, facts=Facts(tls=TlsFacts(ocsp="missing"))), {"OCSP staple": "missing"}),
    (
        path_results.LINE,
        path_results.PATH_RESULTS[0],
        {"Replies": "3 of 4", "Round trips": "1 ms, 2 ms, 6 ms (least, median, most)"},
    ),
    (path_results.ROUTE, path_results.PATH_RESULTS[1], {"Route": "198.51.100.1 → * → 192.0.2.9"}),
    (service_results.GAME, service_results.RESULTS[0], {"Answer": "40 bytes"}),
    (
        service_results.TIME,
        service_results.RESULTS[1],
        {"Stratum": "2", "Reference": "192.0.2.1", "Offset to the agent": "-4.500 ms"},
    ),
    (service_results.LIVE, service_results.RESULTS[2], {"Status": "101"}),
    (service_results.ORDERS, service_results.RESULTS[3], {"Status of the call": "0", "Health": "SERVING"}),
)


@pytest.mark.parametrize(("check", "result", "shown"), OFFERED, ids=lambda one: getattr(one, "name", ""))
def test_a_page_shows_what_its_kind_learned(check: Check, result: Result, shown: dict[str, str]) -> None:
    async def page() -> str:
        core = Core(assignment((check,)))
        now = Moment(NOW.wall, asyncio.get_running_loop().time())
        core.send(presence(), now=now)
        core.send(batch(result), now=now)
        async with site(core) as it, it.http.get(f"{it.base}/checks/{check.name}") as answer:
            return await answer.text()

    found = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", asyncio.run(page())))
    assert {name: found.get(name) for name in shown} == shown
