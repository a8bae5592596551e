"""Series of whatever used TLS: TLS checks, and others on the way."""

from typing import Final

from vedette.wire.facts import TlsFacts
from vedette_collector.exposition.text import PAIR, Family, Series, seconds

# As blackbox_exporter writes them. What is not in here is not a version: labels come from a closed set.
_VERSIONS: Final = {
    "TLSv1": "TLS 1.0",
    "TLSv1.1": "TLS 1.1",
    "TLSv1.2": "TLS 1.2",
    "TLSv1.3": "TLS 1.3",
}

FAMILIES: Final = (
    Family(
        "probe_ssl_earliest_cert_expiry",
        "gauge",
        "Unix time at which the first of the presented certificates expires.",
        PAIR,
        "Present also when the verification failed, above all because a certificate expired.",
    ),
    Family("probe_tls_version_info", "gauge", "TLS version that was used.", (*PAIR, "version")),
)


def write(out: Series, tls: TlsFacts) -> None:
    out.gauge("probe_ssl_earliest_cert_expiry", seconds(tls.earliest_not_after_us))
    if tls.version is not None:
        out.info("probe_tls_version_info", "version", _VERSIONS.get(tls.version, "unknown"))
