"""What an HTTP response said."""

from typing import Annotated

from msgspec import Meta

from vedette.wire.fields import Count, Message, Text, TimeUs


class HttpFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The last response of a redirect chain. RFC 9110."""

    status: Annotated[int, Meta(ge=0, le=999)] = 0  # 0: no response came
    version: Text | None = None  # "1.0", "1.1", "2"
    redirects: Count = 0
    content_length: Count | None = None  # as the header says
    body_bytes: Count = 0  # as received, decoded
    last_modified_us: TimeUs | None = None
