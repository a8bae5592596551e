"""Series of NTP checks."""

from typing import Final

from vedette.wire.messages import Result
from vedette_collector.exposition.kinds import stream
from vedette_collector.exposition.text import PAIR, Family, Series, seconds

FAMILIES: Final = (
    Family(
        "vedette_ntp_offset_seconds",
        "gauge",
        "Clock of the time server minus clock of the agent.",
        PAIR,
        "Uncertain by half of `vedette_ntp_delay_seconds`. Absent when the server gives no time.",
    ),
    Family(
        "vedette_ntp_delay_seconds",
        "gauge",
        "Round trip to the time server without the time that it took itself.",
        PAIR,
    ),
    Family("vedette_ntp_stratum", "gauge", "Stratum of the time server.", PAIR),
    Family("vedette_ntp_root_delay_seconds", "gauge", "Round trip from the server to its reference.", PAIR),
    Family(
        "vedette_ntp_root_dispersion_seconds",
        "gauge",
        "Error that the server may have against its reference, by its own word.",
        PAIR,
    ),
    Family(
        "vedette_ntp_leap",
        "gauge",
        "Leap indicator: 1 and 2 announce a leap second, 3 says not synchronized.",
        PAIR,
    ),
    Family(
        "vedette_ntp_false_answers",
        "gauge",
        "Datagrams that pretended to be the answer, and were ignored.",
        PAIR,
    ),
)


def write(out: Series, result: Result) -> None:
    out.phases(stream.PHASES, result, ("resolve", "request"))
    facts = None if result.facts is None else result.facts.ntp
    if facts is None:
        return
    out.gauge("vedette_ntp_false_answers", facts.bogus)
    if facts.stratum is None:
        return
    out.gauge("vedette_ntp_offset_seconds", seconds(facts.offset_us))
    out.gauge("vedette_ntp_delay_seconds", seconds(facts.delay_us))
    out.gauge("vedette_ntp_stratum", facts.stratum)
    out.gauge("vedette_ntp_root_delay_seconds", seconds(facts.root_delay_us))
    out.gauge("vedette_ntp_root_dispersion_seconds", seconds(facts.root_dispersion_us))
    out.gauge("vedette_ntp_leap", facts.leap)
