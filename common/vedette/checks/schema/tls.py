"""`tls:` as people write it, and the TLS part of other kinds."""

from typing import Annotated

from msgspec import Meta

from vedette.checks.schema.types import AbsolutePath, Host, HostPort, Resolver, Section


class TlsSettings(Section, frozen=True, kw_only=True):
    """How a TLS peer is verified."""

    verify: Annotated[
        bool, Meta(description="false accepts any certificate; it is reported all the same")
    ] = True
    ca_file: (
        Annotated[AbsolutePath, Meta(description="PEM file on the agent, instead of its trust store")] | None
    ) = None
    server_name: Annotated[Host, Meta(description="for SNI and verification, instead of the host")] | None = (
        None
    )
    min_days_left: (
        Annotated[float, Meta(ge=0, le=3650, description="fail when a certificate expires sooner")] | None
    ) = None


class TlsProbe(TlsSettings, frozen=True, kw_only=True):
    """One TLS handshake."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None
