"""Checks of lines and paths, and a result of each with every fact."""

from collector.collector_helpers import ok
from vedette.checks.model import Check, IcmpCheck, PathCheck
from vedette.wire.facts import Facts, IcmpFacts, PathFacts, PathHop
from vedette.wire.messages import Result

LINE = IcmpCheck(name="line", target="192.0.2.8", interval=30.0, timeout=5.0, host="192.0.2.8", count=4)
ROUTE = PathCheck(name="route", target="192.0.2.9", interval=60.0, timeout=20.0, host="192.0.2.9")
PATHS: tuple[Check, ...] = (LINE, ROUTE)
LINE_FACTS = IcmpFacts(
    sent=4,
    received=3,
    hop_limit=57,
    duplicates=1,
    out_of_order=2,
    corrupt=1,
    rtt_min_us=1000,
    rtt_median_us=2000,
    rtt_max_us=6000,
    rtt_stddev_us=500,
)
ROUTE_FACTS = PathFacts(
    protocol="udp",
    reached=True,
    hops=[
        PathHop(ttl=1, address="198.51.100.1", sent=2, answered=2, rtt_us=400),
        PathHop(ttl=2, sent=2),
        PathHop(ttl=3, address="192.0.2.9", sent=2, answered=1, rtt_us=9000),
    ],
    packets=6,
    route="5feceb66ffc86f38",
    changes=7,
)
PATH_RESULTS: tuple[Result, ...] = (
    ok("line", facts=Facts(icmp=LINE_FACTS), phases_us={"rtt": 3000}),
    ok("route", facts=Facts(path=ROUTE_FACTS), phases_us={"request": 12_000}),
)
