"""What came of validating a chain of trust."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import Count, Message, Text, TimeUs


class DnssecZone(Message, frozen=True, kw_only=True, omit_defaults=True):
    """A secure zone of the chain, and the key of it that its parent or the anchor confirms."""

    zone: Text
    algorithm: Text  # mnemonic, as "ECDSAP256SHA256"
    key_tag: Annotated[int, Meta(ge=0, le=65535)]


class DnssecFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 4033 5: secure, insecure or bogus."""

    status: Literal["secure", "insecure", "bogus"]
    answer: Literal["data", "nodata", "nxdomain"] | None = None  # None: it did not come to that
    anchor: Text | None = None  # the zone of the first trust anchor used
    zones: Annotated[list[DnssecZone], Meta(max_length=limits.MAX_ZONES)] = []  # as they were validated
    chain_zones: Count = 0  # all of them
    earliest_expiration_us: TimeUs | None = None  # of the RRSIGs that the verdict rests on
    expiring: Text | None = None  # the record set of that one
