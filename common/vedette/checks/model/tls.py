"""One TLS handshake."""

from typing import Literal

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint

TlsVersion = Literal["TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"]

Opening = Literal["smtp", "imap", "pop3", "ftp", "ldap", "postgres", "xmpp"]
Refusal = Literal["any", "expired", "not_yet_valid", "untrusted", "hostname", "revoked", "handshake"]


class TlsOptions(Struct, frozen=True, kw_only=True):
    verify: bool = True
    ca_file: str | None = None  # PEM; None: the host's trust store
    server_name: str | None = None  # SNI and the name to verify; None: the target's host
    min_days_left: float | None = None  # of the certificate that expires first
    cert_file: str | None = None  # client certificate, PEM
    key_file: str | None = None  # None: the key is in cert_file
    min_version: TlsVersion | None = None  # None: TLSv1.2, or max_version where that is older
    max_version: TlsVersion | None = None
    ciphers: tuple[str, ...] = ()  # for TLS 1.2 and older; empty: OpenSSL's default


class TlsCheck(BaseCheck, frozen=True, kw_only=True, tag="tls"):
    host: str
    port: int
    resolver: Endpoint | None = None
    tls: TlsOptions = TlsOptions()
    alpn: tuple[str, ...] = ()  # offered, the preferred first
    start_tls: Opening | None = None  # the protocol in which TLS is asked for; None: it begins at once
    must_refuse: Refusal | None = None  # the handshake has to fail, and so
    versions: tuple[TlsVersion, ...] = ()  # one of them is agreed on; empty: any
    cipher_matches: str | None = None  # regular expression, found in OpenSSL's name
    protocols: tuple[str, ...] = ()  # one of them is chosen by ALPN; empty: any, or none
    ocsp: Literal["good", "present"] | None = None  # the stapled response
