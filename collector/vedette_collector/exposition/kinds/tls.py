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

# OpenSSL's name to that of IANA, which blackbox_exporter writes. TLS 1.3 has the same in both.
_CIPHERS: Final = {
    "TLS_AES_128_GCM_SHA256": "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384": "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256": "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-ECDSA-AES256-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    "ECDHE-RSA-AES128-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "ECDHE-RSA-AES256-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    "ECDHE-ECDSA-AES128-SHA": "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "ECDHE-ECDSA-AES256-SHA": "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "ECDHE-RSA-AES128-SHA": "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "ECDHE-RSA-AES256-SHA": "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "AES128-GCM-SHA256": "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "AES256-GCM-SHA384": "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "AES128-SHA256": "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "AES256-SHA256": "TLS_RSA_WITH_AES_256_CBC_SHA256",
    "AES128-SHA": "TLS_RSA_WITH_AES_128_CBC_SHA",
    "AES256-SHA": "TLS_RSA_WITH_AES_256_CBC_SHA",
}

FAMILIES: Final = (
    Family(
        "probe_ssl_earliest_cert_expiry",
        "gauge",
        "Unix time at which the first of the presented certificates expires.",
        PAIR,
        "Present also when the verification failed, above all because a certificate expired.",
    ),
    Family(
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "gauge",
        "Unix time at which the first certificate of the verified chain expires.",
        PAIR,
        "Absent without verification, and when it failed. What is presented beside it does not count.",
    ),
    Family("probe_tls_version_info", "gauge", "TLS version that was used.", (*PAIR, "version")),
    Family(
        "probe_tls_cipher_info",
        "gauge",
        "Cipher suite that was used, by its IANA name.",
        (*PAIR, "cipher"),
        "`other` for a suite that clients no longer offer unasked.",
    ),
    Family(
        "vedette_tls_ocsp_info",
        "gauge",
        "What the stapled OCSP response says, or `missing` or `invalid`.",
        (*PAIR, "status"),
        "Present for checks that ask for it.",
    ),
    Family(
        "vedette_tls_ocsp_next_update_timestamp_seconds",
        "gauge",
        "Unix time until which the stapled OCSP response is valid.",
        PAIR,
        "Absent where it does not say.",
    ),
)


def write(out: Series, tls: TlsFacts) -> None:
    out.gauge("probe_ssl_earliest_cert_expiry", seconds(tls.earliest_not_after_us))
    if tls.version is not None:
        out.info("probe_tls_version_info", "version", _VERSIONS.get(tls.version, "unknown"))
    out.gauge("probe_ssl_last_chain_expiry_timestamp_seconds", seconds(tls.chain_not_after_us))
    if tls.cipher is not None:
        out.info("probe_tls_cipher_info", "cipher", _CIPHERS.get(tls.cipher, "other"))
    if tls.ocsp is not None:
        out.info("vedette_tls_ocsp_info", "status", tls.ocsp)
        out.gauge("vedette_tls_ocsp_next_update_timestamp_seconds", seconds(tls.ocsp_next_update_us))
