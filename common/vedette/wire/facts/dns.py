"""What a DNS answer said."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import AnswerText, Count, Message, Text


class ExtendedErrorFact(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One extended error of a response. RFC 8914."""

    code: Annotated[int, Meta(ge=0, le=65535)]
    text: Text = ""  # the server's own words


class DnsFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What a DNS answer said. RFC 1035; counts are of records in each section."""

    rcode: Text | None = None  # None: no answer came
    transport: Literal["udp", "tcp", "tls", "https", "quic"] = "udp"  # by which the answer came
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
    recursion_available: bool = False  # RA
    truncated: bool = False  # over UDP; then TCP was asked
    nsid: Text | None = None  # the instance that answered, in its own words or hexadecimal digits (RFC 5001)
    extended_errors: Annotated[list[ExtendedErrorFact], Meta(max_length=8)] = []
    spoof_suspected: Count = 0  # datagrams that matched the port and nothing else
