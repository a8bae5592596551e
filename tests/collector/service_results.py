"""Checks of single services, and a result of each with every fact."""

from collector.collector_helpers import ok
from vedette.checks.model import Check, GrpcCheck, NtpCheck, UdpCheck, WebsocketCheck
from vedette.wire.facts import Facts, GrpcFacts, NtpFacts, UdpFacts, WebsocketFacts
from vedette.wire.messages import Result

GAME = UdpCheck(
    name="game",
    target="game.example:1",
    interval=30.0,
    timeout=5.0,
    host="game.example",
    port=1,
    payload=b"?",
)
TIME = NtpCheck(name="time", target="ntp.example", interval=30.0, timeout=5.0, host="ntp.example")
LIVE = WebsocketCheck(
    name="live",
    target="ws://live.example/",
    interval=30.0,
    timeout=5.0,
    host="live.example",
    port=80,
    authority="live.example",
    path="/",
)
ORDERS = GrpcCheck(
    name="orders", target="orders.example:443", interval=30.0, timeout=5.0, host="orders.example", port=443
)
SERVICES: tuple[Check, ...] = (GAME, TIME, LIVE, ORDERS)
NTP_FACTS = NtpFacts(
    version=4,
    leap=1,
    stratum=2,
    reference_id="192.0.2.1",
    root_delay_us=2000,
    root_dispersion_us=3000,
    offset_us=-4500,
    delay_us=600,
)
RESULTS: tuple[Result, ...] = (
    ok("game", facts=Facts(udp=UdpFacts(answer_bytes=40, foreign=2)), phases_us={"request": 900}),
    ok("time", facts=Facts(ntp=NTP_FACTS), phases_us={"resolve": 100, "request": 700}),
    ok(
        "live",
        facts=Facts(websocket=WebsocketFacts(status=101, upgraded=True, messages=2, matched=True)),
        phases_us={"processing": 300, "transfer": 400},
    ),
    ok(
        "orders",
        facts=Facts(grpc=GrpcFacts(status_code=0, serving="SERVING")),
        phases_us={"connect": 100, "processing": 300, "transfer": 400},
    ),
)
