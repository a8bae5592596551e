"""What a DNS answer said."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import AnswerText, Count, Message, Text


class DnsFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What a DNS answer said. RFC 1035; counts are of records in each section."""

    rcode: Text | None = None  # None: no answer came
    transport: Literal["udp", "tcp"] = "udp"
    answers: Annotated[
        list[AnswerText], Meta(max_length=limits.MAX_ANSWERS)
    ] = []  # of the asked type, sorted
    answer_hash: Text | None = None  # over the whole sorted set, also of what `answers` leaves out
    cname_chain: Annotated[list[AnswerText], Meta(max_length=limits.MAX_ANSWERS)] = []
    answer_rrs: Count = 0
    authority_rrs: Count = 0
    additional_rrs: Count = 0
    ttl_seconds: Count | None = None  # the smallest in the answer section
    serial: Count | None = None  # of a SOA answer
    authoritative: bool = False
    authenticated: bool = False  # AD, as the resolver claims
    spoof_suspected: Count = 0  # datagrams that matched the port and nothing else
