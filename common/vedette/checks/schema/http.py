"""`http:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks import formats, httptext, jsonpath
from vedette.checks.schema.tls import TlsSettings
from vedette.checks.schema.types import (
    AbsolutePath,
    Address,
    HeaderName,
    HeaderValue,
    Host,
    HostPort,
    Regex,
    Resolver,
    Section,
    SentHeaderName,
    ShortTime,
    Size,
    Url,
    text_of,
)

Method = Annotated[str, text_of(httptext.method, examples=["GET", "POST", "PURGE"])]


Status = Annotated[int, Meta(ge=100, le=599)]


StatusRange = Annotated[str, text_of(formats.statuses, pattern=formats.STATUS, examples=["200-299"])]


Version = Literal["HTTP/1.1", "HTTP/2", "HTTP/3"]


SeenVersion = Literal["HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3"]


Coding = Literal["gzip", "deflate", "br", "zstd", "identity"]


UserName = Annotated[str, text_of(httptext.user_name, max_length=255)]


EnvName = Annotated[str, text_of(httptext.env_name, examples=["API_TOKEN"])]


JsonText = Annotated[str, text_of(httptext.json_text, max_length=65536, examples=['{"depth": 1}'])]


JsonPath = Annotated[str, text_of(jsonpath.parsed, examples=["$.status", "$.items.length()"])]


Patterns = (
    Regex
    | Annotated[list[Regex], Meta(min_length=1, max_length=20, description="a list of them: every one of it")]
)


class Secret(Section, frozen=True, kw_only=True):
    """Where the agent finds a secret. The secret itself never stands in the configuration."""

    file: Annotated[AbsolutePath, Meta(description="on the agent; read again when it changes")] | None = None
    env: Annotated[EnvName, Meta(description="environment variable of the agent")] | None = None


class BasicAuth(Section, frozen=True, kw_only=True):
    """A user name and a password (RFC 7617)."""

    username: UserName
    password: Secret


class Auth(Section, frozen=True, kw_only=True):
    """The Authorization header; a client certificate stands under tls."""

    basic: BasicAuth | None = None
    bearer: Annotated[Secret, Meta(description="a token (RFC 6750)")] | None = None


class Proxy(Section, frozen=True, kw_only=True):
    """An HTTP proxy on the way: asked for http URLs, told to CONNECT for https."""

    address: Annotated[HostPort, Meta(description="host:port")]
    auth: Annotated[BasicAuth, Meta(description="the Proxy-Authorization header")] | None = None
    headers: Annotated[
        dict[SentHeaderName, HeaderValue], Meta(max_length=50, description="for the proxy, with CONNECT")
    ] = {}


class BodyExpect(Section, frozen=True, kw_only=True):
    """Regular expressions that are searched in the body, and its size after decoding."""

    match: Annotated[Patterns, Meta(description="must be found")] | None = None
    lack: Annotated[Patterns, Meta(description="must not be found")] | None = None
    min: Annotated[Size, Meta(description="fewest bytes")] | None = None
    max: Annotated[Size, Meta(description="most bytes")] | None = None


class HeaderExpect(Section, frozen=True, kw_only=True):
    """What one header must be like."""

    match: Annotated[Patterns, Meta(description="must be found in the value")] | None = None
    lack: Annotated[Patterns, Meta(description="must not be found in the value")] | None = None
    required: (
        Annotated[bool, Meta(description="whether it must be there; without this key, when it has a match")]
        | None
    ) = None


JsonScalar = str | bool | int | float


class JsonExpect(Section, frozen=True, kw_only=True):
    """What a path must select; where it selects several values, each of them."""

    equals: (
        Annotated[
            JsonScalar | Annotated[list[JsonScalar], Meta(min_length=1, max_length=100)],
            Meta(description="this value, or one of a list"),
        ]
        | None
    ) = None
    match: Annotated[Patterns, Meta(description="must be found in the text, or in the JSON form")] | None = (
        None
    )
    lack: Annotated[Patterns, Meta(description="must not be found there")] | None = None
    min: Annotated[float, Meta(description="smallest number")] | None = None
    max: Annotated[float, Meta(description="greatest number")] | None = None
    exists: Annotated[bool, Meta(description="false: the path selects nothing")] = True


class PhaseExpect(Section, frozen=True, kw_only=True):
    """The longest that each phase may take, summed over redirects."""

    resolve: ShortTime | None = None
    connect: ShortTime | None = None
    tls: ShortTime | None = None
    processing: Annotated[ShortTime, Meta(description="from the request to the first byte")] | None = None
    transfer: ShortTime | None = None


class HttpExpect(Section, frozen=True, kw_only=True):
    """What an HTTP response must be like. Without a word here: a 2xx status."""

    status: (
        Annotated[
            list[Status | StatusRange],
            Meta(min_length=1, max_length=100, description="codes and ranges of codes; [200-299] without it"),
        ]
        | None
    ) = None
    version: (
        Annotated[
            list[SeenVersion], Meta(min_length=1, max_length=4, description="of the response: one of these")
        ]
        | None
    ) = None
    headers: Annotated[
        dict[HeaderName, Regex | HeaderExpect],
        Meta(max_length=50, description="header name to a regular expression found in its value, or to more"),
    ] = {}
    body: BodyExpect | None = None
    json: Annotated[
        dict[JsonPath, JsonScalar | JsonExpect],
        Meta(max_length=50, description="path to the value that stands there, or to more"),
    ] = {}
    phases: PhaseExpect | None = None
    modified_within: (
        Annotated[
            Annotated[str, text_of(formats.duration, pattern=formats.DURATION)],
            Meta(description="Last-Modified is there and no older"),
        ]
        | None
    ) = None
    tls: (
        Annotated[
            bool, Meta(description="whether the last response came over TLS; without it either will do")
        ]
        | None
    ) = None


class HttpProbe(Section, frozen=True, kw_only=True):
    """One HTTP exchange, redirects included."""

    url: Annotated[Url, Meta(description="absolute http or https URL; credentials go under auth")]
    method: Annotated[Method, Meta(description="any method, as written")] = "GET"
    versions: (
        Annotated[
            list[Version],
            Meta(
                min_length=1,
                max_length=2,
                description="what is offered, the best first; [HTTP/1.1] without it; "
                "[HTTP/2] alone is spoken to an http URL without asking, and [HTTP/3] alone over QUIC",
            ),
        ]
        | None
    ) = None
    headers: Annotated[
        dict[SentHeaderName, HeaderValue], Meta(max_length=50, description="sent as written")
    ] = {}
    secret_headers: Annotated[
        dict[SentHeaderName, Secret], Meta(max_length=20, description="whose values only the agent knows")
    ] = {}
    auth: Auth | None = None
    body: Annotated[str, Meta(max_length=65536, description="sent as UTF-8")] | None = None
    json: Annotated[JsonText, Meta(description="sent as the body, with its Content-Type")] | None = None
    body_file: (
        Annotated[AbsolutePath, Meta(description="on the agent, 1 MiB at most; sent as it is")] | None
    ) = None
    compression: (
        Annotated[
            list[Coding],
            Meta(min_length=1, max_length=5, description="codings to ask for; identity without it"),
        ]
        | None
    ) = None
    address: (
        Annotated[Address, Meta(description="connect here; Host and SNI stay those of the URL")] | None
    ) = None
    resolve: Annotated[
        dict[Host, Address], Meta(max_length=50, description="host to address, for redirects as well")
    ] = {}
    resolver: Resolver | None = None
    proxy: Proxy | None = None
    max_redirects: Annotated[int, Meta(ge=0, le=20, description="0: the redirect is the response")] = 5
    redirects_to: Annotated[
        Literal["anywhere", "same-host"], Meta(description="where redirects may lead")
    ] = "anywhere"
    downgrade: Annotated[bool, Meta(description="whether https may redirect to http")] = True
    max_body_bytes: Annotated[Size, Meta(description="of the decoded body, 4MiB at most")] = "1MiB"
    tls: TlsSettings | None = None
    expect: HttpExpect | None = None
