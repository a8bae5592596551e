"""What a WebSocket came to. RFC 6455."""

from typing import Annotated

from msgspec import Meta

from vedette.wire.fields import Count, Message, Text


class WebsocketFacts(Message, frozen=True, kw_only=True, omit_defaults=True):
    status: Annotated[int, Meta(ge=0, le=999)] = 0  # of the handshake's response; 0: none came
    upgraded: bool = False
    subprotocol: Text | None = None  # that the server chose
    messages: Count = 0  # that came whole
    matched: bool | None = None  # whether the dialogue came to its end; None: there was none
    close_code: Annotated[int, Meta(ge=0, le=65535)] | None = None  # that the server gave
