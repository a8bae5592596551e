"""One TLS handshake."""

from msgspec import Struct

from vedette.checks.model.base import BaseCheck, Endpoint


class TlsOptions(Struct, frozen=True, kw_only=True):
    verify: bool = True
    ca_file: str | None = None  # PEM; None: the host's trust store
    server_name: str | None = None  # SNI and the name to verify; None: the target's host
    min_days_left: float | None = None  # of the certificate that expires first


class TlsCheck(BaseCheck, frozen=True, kw_only=True, tag="tls"):
    host: str
    port: int
    resolver: Endpoint | None = None
    tls: TlsOptions = TlsOptions()
