"""How a gRPC call ended."""

from typing import Literal

from vedette.wire.fields import Count, Message


class GrpcFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    status_code: Count | None = None  # of the call; 0 is OK; None: it did not come to one
    serving: Literal["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] | None = None
