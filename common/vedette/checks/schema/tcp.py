"""`tcp:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.tls import Opening, TlsSettings
from vedette.checks.schema.types import HostPort, Regex, Resolver, Section, text_of

MAX_SENT = 16384

HexBytes = Annotated[str, text_of(formats.hex_bytes, max_length=3 * MAX_SENT, examples=["0d 0a ff"])]


class Step(Section, frozen=True, kw_only=True):
    """One turn of a dialogue: what is awaited, then what is said, then whether TLS begins."""

    expect: (
        Annotated[Regex, Meta(description="searched in what came; ^ and $ are the ends of lines")] | None
    ) = None
    expect_hex: Annotated[HexBytes, Meta(description="instead: bytes that must come")] | None = None
    send: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_SENT,
                description="sent as UTF-8; `\\1`: first group of the last pattern; `{name}`: by its name",
            ),
        ]
        | None
    ) = None
    send_hex: Annotated[HexBytes, Meta(description="instead: bytes to send")] | None = None
    start_tls: Annotated[bool, Meta(description="the handshake follows")] = False


class TcpProbe(Section, frozen=True, kw_only=True):
    """One TCP connection, with a conversation where one is given."""

    address: Annotated[HostPort, Meta(description="host:port")]
    resolver: Resolver | None = None
    send: (
        Annotated[str, Meta(min_length=1, max_length=MAX_SENT, description="sent as UTF-8 after the connect")]
        | None
    ) = None
    expect: Annotated[Regex, Meta(description="searched in the first 64 KiB that come")] | None = None
    dialogue: (
        Annotated[
            list[Step], Meta(min_length=1, max_length=32, description="turns, instead of send and expect")
        ]
        | None
    ) = None
    start_tls: Annotated[Opening, Meta(description="ask for TLS in this protocol before all else")] | None = (
        None
    )
    tls: TlsSettings | None = None
