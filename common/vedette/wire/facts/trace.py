"""What a walk from the roots down met."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import AnswerText, Code, Count, DurationUs, Message, Text


class TraceStep(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One question to one server."""

    level: Count = 0  # delegations and aliases above it; the roots are 0
    zone: Text  # of which the server is one; without the final dot, "." for the root
    servers: Count = 0  # that the zone has, at most 16 are counted
    server: Text  # its name; its address where the configuration gives no name
    address: Text
    duration_us: DurationUs = 0
    outcome: Literal["referral", "answer", "alias", "nodata", "nxdomain", "lame", "failed"]
    failure: Code | None = None


class TraceFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    steps: Annotated[list[TraceStep], Meta(max_length=limits.MAX_STEPS)] = []
    levels: Count = 0  # that were entered
    failed_level: Count | None = None
    lookups: Count = 0  # questions about the addresses of servers
    answers: Annotated[list[AnswerText], Meta(max_length=limits.MAX_ANSWERS)] = []
    spoof_suspected: Count = 0
