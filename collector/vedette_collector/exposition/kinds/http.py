"""Series of HTTP checks."""

from typing import Final

from vedette.wire.failure import Failure
from vedette.wire.messages import Result
from vedette_collector.exposition.kinds import stream
from vedette_collector.exposition.text import PAIR, Family, Series, seconds

_UNEXPECTED: Final = frozenset({Failure.HTTP_BODY, Failure.HTTP_HEADER})
_VERSIONS: Final = {"1.0": 1.0, "1.1": 1.1, "2": 2.0, "2.0": 2.0, "3": 3.0}

FAMILIES: Final = (
    Family(
        "probe_http_duration_seconds",
        "gauge",
        "Duration of an HTTP probe by phase, summed over redirects.",
        (*PAIR, "phase"),
        "Phases `resolve`, `connect`, `tls`, `processing`, `transfer`.",
    ),
    Family("probe_http_status_code", "gauge", "Status code; 0 when no response came.", PAIR),
    Family("probe_http_version", "gauge", "HTTP version of the response.", PAIR),
    Family("probe_http_redirects", "gauge", "Redirects that were followed.", PAIR),
    Family("probe_http_ssl", "gauge", "Whether the last connection used TLS.", PAIR),
    Family(
        "probe_http_content_length",
        "gauge",
        "Length of the body as the response announced it.",
        PAIR,
        "Absent when it was not announced; blackbox_exporter writes -1.",
    ),
    Family("probe_http_uncompressed_body_length", "gauge", "Bytes of the body after decoding.", PAIR),
    Family(
        "probe_http_last_modified_timestamp_seconds", "gauge", "Last-Modified header as a Unix time.", PAIR
    ),
)


def write(out: Series, result: Result) -> None:
    out.phases("probe_http_duration_seconds", result, ("resolve", "connect", "tls", "processing", "transfer"))
    out.gauge(stream.UNMATCHED, int(result.reason in _UNEXPECTED))
    facts = result.facts
    http = None if facts is None else facts.http
    out.gauge("probe_http_status_code", 0 if http is None else http.status)
    if facts is not None and http is not None and http.status:
        out.gauge("probe_http_version", _VERSIONS.get(http.version or ""))
        out.gauge("probe_http_redirects", http.redirects)
        out.gauge("probe_http_ssl", int(facts.tls is not None))
        out.gauge("probe_http_content_length", http.content_length)
        out.gauge("probe_http_uncompressed_body_length", http.body_bytes)
        out.gauge("probe_http_last_modified_timestamp_seconds", seconds(http.last_modified_us))
