"""What came back for a datagram."""

from vedette.wire.fields import Count, Message


class UdpFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    answer_bytes: Count | None = None  # None: no answer came
    foreign: Count = 0  # datagrams from elsewhere, which were ignored
