"""Checks of single services, and a result of each with every fact."""

from collector.collector_helpers import ok
from vedette.checks.model import Check, NtpCheck, UdpCheck, WebsocketCheck
from vedette.wire.facts import Facts, NtpFacts, UdpFacts, WebsocketFacts
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
SERVICES: tuple[Check, ...] = (GAME, TIME, LIVE)
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
)
