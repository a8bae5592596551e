"""What ICMP echoes showed."""

from vedette.wire.fields import Count, Message


class IcmpFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    sent: Count = 0
    received: Count = 0
    hop_limit: Count | None = None  # of the reply, as it arrived
