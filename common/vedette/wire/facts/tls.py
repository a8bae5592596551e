"""What a TLS peer presented."""

from typing import Annotated

from msgspec import Meta

from vedette.wire import limits
from vedette.wire.fields import Message, Text, TimeUs


class TlsFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What the peer presented, also when its verification failed."""

    version: Text | None = None  # "TLSv1.3"
    cipher: Text | None = None
    verified: bool = False
    subject: Text | None = None
    issuer: Text | None = None
    alternative_names: Annotated[list[Text], Meta(max_length=limits.MAX_ANSWERS)] = []
    serial_number: Text | None = None
    fingerprint_sha256: Text | None = None
    not_before_us: TimeUs | None = None
    not_after_us: TimeUs | None = None  # of the leaf
    earliest_not_after_us: TimeUs | None = None  # over the presented certificates, the first dozen at least
