"""Series of WebSocket checks."""

from typing import Final

from vedette.wire.facts import WebsocketFacts
from vedette.wire.messages import Result
from vedette_collector.exposition.kinds import stream
from vedette_collector.exposition.text import PAIR, Family, Series

FAMILIES: Final = (
    Family(
        "probe_websocket_status_code",
        "gauge",
        "Status code of the handshake; 0 when no response came.",
        PAIR,
        "101 when it succeeded.",
    ),
    Family("probe_websocket_connection_upgraded", "gauge", "Whether the handshake succeeded.", PAIR),
    Family(
        "probe_websocket_failed_due_to_regex",
        "gauge",
        "Whether a dialogue did not come to its end.",
        PAIR,
        "Absent without a dialogue, and when the handshake failed.",
    ),
)


def write(out: Series, result: Result) -> None:
    out.phases(stream.PHASES, result, ("resolve", "connect", "tls", "processing", "transfer"))
    facts = None if result.facts is None else result.facts.websocket
    facts = facts or WebsocketFacts()
    out.gauge("probe_websocket_status_code", facts.status)
    out.gauge("probe_websocket_connection_upgraded", int(facts.upgraded))
    if facts.matched is not None:
        out.gauge("probe_websocket_failed_due_to_regex", int(not facts.matched))
