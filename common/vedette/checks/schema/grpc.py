"""`grpc:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.tls import TlsSettings
from vedette.checks.schema.types import HostPort, Resolver, Section, text_of

ServiceName = Annotated[str, text_of(formats.grpc_service, max_length=256, examples=["shop.Orders"])]


class GrpcExpect(Section, frozen=True, kw_only=True):
    """What the health service has to say."""

    status: Annotated[
        Literal["SERVING", "NOT_SERVING", "UNKNOWN", "SERVICE_UNKNOWN"],
        Meta(description="another than SERVING for a server that must stand by"),
    ] = "SERVING"


class GrpcProbe(Section, frozen=True, kw_only=True):
    """One call of grpc.health.v1.Health/Check."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None
    service: Annotated[ServiceName, Meta(description="whose health; without it that of the whole server")] = (
        ""
    )
    tls: (
        Annotated[TlsSettings, Meta(description="{} for TLS as it comes; without it there is none")] | None
    ) = None
    expect: GrpcExpect | None = None
