"""The texts and sections that several kinds share.

`read` in a type's extras checks one text and explains itself; a pattern beside it is there for editors.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from vedette.checks import formats
from vedette.wire import limits


def text_of(read: Callable[[str], Any], **schema: Any) -> Meta:
    return Meta(extra={"read": read}, **schema)


def for_editors(pattern: str) -> str:
    """The pattern in ECMA 262, the language of JSON Schema, which writes the end of the text as $."""
    return pattern.replace(r"\Z", "$")


Interval = Annotated[
    str, text_of(formats.interval, pattern=formats.DURATION, description="1s to 1d", examples=["30s"])
]


Timeout = Annotated[
    str, text_of(formats.timeout, pattern=formats.DURATION, description="10ms to 5m", examples=["5s"])
]
ShortTime = Annotated[
    str, text_of(formats.short_time, pattern=formats.DURATION, description="1ms to 1m", examples=["200ms"])
]


Size = Annotated[str, text_of(formats.size, pattern=formats.SIZE, examples=["64kB", "1MiB"])]


AgentName = Annotated[
    str, text_of(formats.agent_name, pattern=for_editors(limits.AGENT_NAME), examples=["par-01"])
]


CheckName = Annotated[str, text_of(formats.check_name, pattern=formats.CHECK_NAME, examples=["api-dns"])]


TagName = Annotated[str, text_of(formats.tag_name, pattern=for_editors(limits.TAG_NAME))]


TagValue = Annotated[str, text_of(formats.tag_value, min_length=1, max_length=limits.MAX_TAG_TEXT)]


Tags = Annotated[dict[TagName, TagValue], Meta(max_length=limits.MAX_TAGS)]


DnsName = Annotated[str, text_of(formats.dns_name, min_length=1, examples=["api.example.com"])]


Host = Annotated[str, text_of(formats.host, min_length=1, examples=["www.example.com", "192.0.2.1"])]


HostPort = Annotated[str, text_of(formats.host_port, examples=["db.example.com:5432", "[2001:db8::1]:443"])]


Resolver = Annotated[
    str,
    text_of(
        formats.endpoint,
        description="literal address of a DNS server, port 53 unless given",
        examples=["192.0.2.53", "192.0.2.53:53", "[2001:db8::53]:53"],
    ),
]


Address = Annotated[str, text_of(formats.address, examples=["192.0.2.1"])]


Network = Annotated[str, text_of(formats.network, examples=["192.0.2.0/24"])]


Url = Annotated[str, text_of(formats.url, pattern="^https?://", examples=["https://www.example.com/"])]


Regex = Annotated[str, text_of(formats.regex, max_length=formats.MAX_REGEX)]


HeaderName = Annotated[str, text_of(formats.header_name)]


SentHeaderName = Annotated[str, text_of(formats.sent_header_name)]


HeaderValue = Annotated[str, text_of(formats.header_value)]


AbsolutePath = Annotated[str, text_of(formats.absolute_path, pattern="^/")]


FamilyName = Literal["ipv4", "ipv6"]


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass
