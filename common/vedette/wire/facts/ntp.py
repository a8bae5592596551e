"""What a time server said. RFC 5905 7.3."""

from typing import Annotated

from msgspec import Meta

from vedette.wire.fields import Count, DurationUs, Message, OffsetUs, Text


class NtpFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """`stratum` None: no answer came, and nothing else but `bogus` is known."""

    version: Count = 0
    leap: Annotated[int, Meta(ge=0, le=3)] = 0  # 1: the day has one second more, 2: less, 3: not synchronized
    stratum: Annotated[int, Meta(ge=0, le=255)] | None = None
    reference_id: Text | None = None  # a clock's letters, or an address or its hash as four numbers
    root_delay_us: DurationUs = 0
    root_dispersion_us: DurationUs = 0
    offset_us: OffsetUs | None = None  # the server's clock minus the agent's; None: it gave no time
    delay_us: DurationUs | None = None  # round trip without the server's own time
    bogus: Count = 0  # datagrams that answer nothing that was asked, which were ignored
