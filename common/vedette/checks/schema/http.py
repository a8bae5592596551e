"""`http:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.tls import TlsSettings
from vedette.checks.schema.types import (
    Address,
    HeaderName,
    HeaderValue,
    Regex,
    Resolver,
    Section,
    SentHeaderName,
    Size,
    Url,
    text_of,
)

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


Status = Annotated[int, Meta(ge=100, le=599)]


StatusRange = Annotated[str, text_of(formats.statuses, pattern=formats.STATUS, examples=["200-299"])]


class BodyExpect(Section, frozen=True, kw_only=True):
    """Regular expressions that are searched in the body."""

    match: Annotated[Regex, Meta(description="must be found")] | None = None
    lack: Annotated[Regex, Meta(description="must not be found")] | None = None


class HttpExpect(Section, frozen=True, kw_only=True):
    """What an HTTP response must be like. Without a word here: a 2xx status."""

    status: (
        Annotated[
            list[Status | StatusRange],
            Meta(min_length=1, max_length=100, description="codes and ranges of codes; [200-299] without it"),
        ]
        | None
    ) = None
    headers: Annotated[
        dict[HeaderName, Regex],
        Meta(max_length=50, description="header name to a regular expression found in its value"),
    ] = {}
    body: BodyExpect | None = None


class HttpProbe(Section, frozen=True, kw_only=True):
    """One HTTP exchange, redirects included."""

    url: Annotated[Url, Meta(description="absolute http or https URL; credentials go into a header")]
    method: Method = "GET"
    headers: Annotated[
        dict[SentHeaderName, HeaderValue], Meta(max_length=50, description="sent as written")
    ] = {}
    body: Annotated[str, Meta(max_length=65536, description="sent as UTF-8")] | None = None
    address: (
        Annotated[Address, Meta(description="connect here; Host and SNI stay those of the URL")] | None
    ) = None
    resolver: Resolver | None = None
    max_redirects: Annotated[int, Meta(ge=0, le=20, description="0: the redirect is the response")] = 5
    max_body_bytes: Annotated[Size, Meta(description="of the decoded body, 16MiB at most")] = "1MiB"
    tls: TlsSettings | None = None
    expect: HttpExpect | None = None
