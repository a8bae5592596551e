"""What ICMP echoes showed."""

from vedette.wire.fields import Count, DurationUs, Message


class IcmpFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    sent: Count = 0
    received: Count = 0  # echoes that were answered; a duplicate is not counted here
    hop_limit: Count | None = None  # of the last reply, as it arrived
    # From here on of several echoes alone: of one echo the phase "rtt" says it all.
    duplicates: Count = 0
    out_of_order: Count = 0
    corrupt: Count = 0  # replies with another payload than was sent, never counted as received
    rtt_min_us: DurationUs | None = None
    rtt_median_us: DurationUs | None = None
    rtt_max_us: DurationUs | None = None
    rtt_stddev_us: DurationUs | None = None  # of the population
