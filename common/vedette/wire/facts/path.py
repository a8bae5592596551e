"""What the way to a target looks like."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import Count, DurationUs, Message, Text


class PathHop(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What answered to packets of one hop limit."""

    ttl: Annotated[int, Meta(ge=1, le=limits.MAX_HOPS)]
    address: Text | None = None  # None: nobody
    others: Annotated[list[Text], Meta(max_length=2)] = []  # where not all packets took the same way
    sent: Count = 0
    answered: Count = 0
    rtt_us: DurationUs | None = None  # the shortest
    # Of the first answer; None where the target answered otherwise.
    icmp_type: Annotated[int, Meta(ge=0, le=255)] | None = None
    icmp_code: Annotated[int, Meta(ge=0, le=255)] | None = None


class PathFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    protocol: Literal["udp", "tcp"]
    reached: bool = False
    hops: Annotated[list[PathHop], Meta(max_length=limits.MAX_HOPS)] = []
    packets: Count = 0
    route: Text | None = None  # names the hops; a hop that is silent now and then does not change it
    changed: bool = False  # since the run before
    changes: Count = 0  # since the agent began to run this check
