"""`websocket:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.tls import TlsSettings
from vedette.checks.schema.types import HeaderValue, Regex, Resolver, Section, SentHeaderName, text_of

MAX_SENT = 16384

WebsocketUrl = Annotated[
    str, text_of(formats.websocket_url, pattern="^wss?://", examples=["wss://live.example.com/feed"])
]


Subprotocol = Annotated[str, text_of(formats.subprotocol, max_length=128, examples=["graphql-ws"])]


class Turn(Section, frozen=True, kw_only=True):
    """One turn of a dialogue: what is awaited, then what is said."""

    expect: (
        Annotated[Regex, Meta(description="searched in each message that comes, until one has it")] | None
    ) = None
    send: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_SENT,
                description="sent as a text message; `\\1`: first group of the last pattern; "
                "`{name}`: by its name",
            ),
        ]
        | None
    ) = None


class WebsocketExpect(Section, frozen=True, kw_only=True):
    """What a handshake must come to."""

    subprotocol: Annotated[Subprotocol, Meta(description="the server chooses it")] | None = None


class WebsocketProbe(Section, frozen=True, kw_only=True):
    """One WebSocket, with a dialogue where one is given."""

    url: Annotated[WebsocketUrl, Meta(description="absolute ws or wss URL; redirects are not followed")]
    headers: Annotated[
        dict[SentHeaderName, HeaderValue], Meta(max_length=50, description="sent with the handshake")
    ] = {}
    subprotocols: (
        Annotated[
            list[Subprotocol],
            Meta(min_length=1, max_length=16, description="to offer, the preferred first"),
        ]
        | None
    ) = None
    resolver: Resolver | None = None
    dialogue: (
        Annotated[list[Turn], Meta(min_length=1, max_length=32, description="turns, after the handshake")]
        | None
    ) = None
    tls: TlsSettings | None = None
    expect: WebsocketExpect | None = None
