"""A collector that has seen everything, and its /metrics page read."""

import msgspec
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from collector.collector_helpers import (
    ALL,
    EPOCH,
    NOW,
    Core,
    assignment,
    batch,
    failed,
    heartbeat,
    ok,
    presence,
    spoiled,
)
from collector.dnssec_results import CHAIN, CHAIN_FACTS
from collector.path_results import PATH_RESULTS, PATHS
from collector.service_results import RESULTS, SERVICES
from vedette.checks.model import AuthorityCheck, TraceCheck
from vedette.wire.facts import (
    AuthorityFacts,
    AuthorityServerFacts,
    DnsFacts,
    Facts,
    HttpFacts,
    IcmpFacts,
    TlsFacts,
    TraceFacts,
    TraceStep,
)
from vedette.wire.facts.dns import ExtendedErrorFact
from vedette.wire.messages import Gap, Held, SpoolState
from vedette.wire.topics import Kind
from vedette_collector.cell import Moment
from vedette_collector.condition import Condition
from vedette_collector.exposition.page import pieces

DNS_FACTS = Facts(
    address="192.0.2.53",
    resolver="192.0.2.53:53",
    dns=DnsFacts(
        rcode="NOERROR",
        answer_rrs=2,
        authority_rrs=1,
        additional_rrs=3,
        serial=2026112201,
        ttl_seconds=300,
        extended_errors=[ExtendedErrorFact(code=3)],
    ),
)
TLS = TlsFacts(
    version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    earliest_not_after_us=1_900_000_000_000_000,
    chain_not_after_us=1_910_000_000_000_000,
    ocsp="good",
    ocsp_next_update_us=1_800_000_000_000_000,
)
WEB_FACTS = Facts(
    address="2001:db8::1",
    port=443,
    http=HttpFacts(
        status=200,
        version="1.1",
        redirects=1,
        content_length=512,
        body_bytes=2048,
        last_modified_us=1_700_000_000_000_000,
    ),
    tls=TLS,
)


def text(core: Core, now: Moment = NOW, condition: Condition | None = None) -> str:
    return "".join(pieces(core.board, condition or Condition(NOW.wall), now.mono))


def families(page: str) -> dict[str, Metric]:
    return {metric.name: metric for metric in text_string_to_metric_families(page)}


def value(page: str, name: str, **labels: str) -> float | None:
    """The one sample of *name* with at least these labels; None when there is none."""
    found = [
        sample.value
        for metric in text_string_to_metric_families(page)
        for sample in metric.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, f"{name}{labels}: {len(found)} samples"
    return found[0] if found else None


ZONE = AuthorityCheck(name="zone", target="example.com", interval=60.0, timeout=5.0, zone="example.com")
WAY = TraceCheck(name="way", target="example.com A", interval=60.0, timeout=5.0, query_name="example.com")
ZONE_FACTS = AuthorityFacts(
    servers=[
        AuthorityServerFacts(name="ns1.example.com", address="192.0.2.1", rcode="NOERROR", serial=7),
        AuthorityServerFacts(name="ns2.example.com", address="192.0.2.2", failure="dns.lame"),
    ],
    known=2,
    answering=1,
    lame=1,
    serials=1,
    newest_serial=7,
    slowest_us=2500,
    delegation_differs=False,
    servers_differ=True,
)
WAY_FACTS = TraceFacts(
    steps=[
        TraceStep(level=at, zone=zone, server="a.ns", address="192.0.2.1", duration_us=us, outcome="failed")
        for at, zone, us in ((0, ".", 1000), (1, "com", 2000), (1, "com", 500), (12, "x.com", 100))
    ],
    levels=13,
    failed_level=12,
    lookups=3,
)


def full() -> Core:
    """A collector that has seen one result of every kind with every fact, and one of every outcome."""
    checks = (*ALL, ZONE, WAY, CHAIN, *SERVICES, *PATHS)
    core = Core(assignment(checks, tags={"network": "isp-a", "region": "eu"}))
    phases = {"resolve": 1000, "connect": 2000, "tls": 3000, "processing": 4000, "transfer": 5000}
    iterating = (
        ok("zone", facts=Facts(authority=ZONE_FACTS), phases_us={"resolve": 1, "request": 2}),
        failed("way", facts=Facts(trace=WAY_FACTS), phases_us={"request": 2}),
    )
    core.send(presence(config_hash="c" * 64))
    core.send(
        heartbeat(
            next_seq=100,
            held=[Held(epoch=EPOCH, next_seq=100, floor=0)],
            gaps=[Gap(epoch=EPOCH, first=97, end=100, reason="spool_full")],
            evidence_lost={"rate": 1},
            shed={"detail": 7, "made_up": 1},
            repeats={"run": 5, "made_up": 1},
            asks={"expired": 2, "made_up": 1},
            spool=SpoolState(state="ok", results=3, size_bytes=4096, oldest_us=1_799_999_000_000_000),
            clock_offset_us=-1500,
            clock_rtt_us=900,
        )
    )
    core.send(
        batch(
            ok("api-dns", facts=DNS_FACTS, phases_us={"resolve": 100, "connect": 20, "request": 12_000}),
            ok("web", facts=WEB_FACTS, phases_us=phases),
            ok("ssh", facts=Facts(address="192.0.2.9"), phases_us={"connect": 700}),
            ok("mail", facts=Facts(address="192.0.2.9", tls=TLS), phases_us={"connect": 1, "tls": 2}),
            ok(
                "ping",
                facts=Facts(address="192.0.2.1", icmp=IcmpFacts(sent=1, received=1, hop_limit=57)),
                phases_us={"rtt": 300},
            ),
            ok("chain", facts=Facts(dnssec=CHAIN_FACTS), phases_us={"request": 2}),
            *RESULTS,
            *PATH_RESULTS,
            offset_us=-1500,
        )
    )
    core.send(batch(failed("web", "http.status"), spoiled("web"), *iterating, agent="fra-01"))
    core.send(batch(ok("web"), failed("web", "http.status"), agent="fra-01", first=10), kind=Kind.REPLAY)
    spoiled_way = msgspec.structs.replace(spoiled("ping"), bypass="family")
    core.send(
        batch(
            failed("ping", "icmp.loss"),
            failed("ping", "icmp.loss", attempt=2),
            ok("ping", bypass="last_good"),
            failed("ping", "icmp.loss", bypass="family"),
            spoiled_way,
            agent="fra-01",
            first=20,
        )
    )
    late = batch(ok("ping", bypass="last_good"), agent="fra-01", first=30)
    core.send(late, kind=Kind.REPLAY)
    return core
