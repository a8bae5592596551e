"""One call of a health service."""

from typing import Literal

from vedette.checks.model.base import BaseCheck, Endpoint
from vedette.checks.model.tls import TlsOptions

ServingStatus = Literal["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]


class GrpcCheck(BaseCheck, frozen=True, kw_only=True, tag="grpc"):
    host: str
    port: int
    resolver: Endpoint | None = None
    service: str = ""  # "": the whole server
    tls: TlsOptions | None = None  # None: without TLS
    status: ServingStatus = "SERVING"

    @property
    def alpn(self) -> tuple[str, ...]:
        """What is offered in the handshake: gRPC is HTTP/2 and nothing else."""
        return ("h2",)
