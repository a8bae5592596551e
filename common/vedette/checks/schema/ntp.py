"""`ntp:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks import formats
from vedette.checks.schema.types import Host, Resolver, Section, text_of

Span = Annotated[str, text_of(formats.duration, pattern=formats.DURATION, examples=["100ms"])]


class NtpExpect(Section, frozen=True, kw_only=True):
    """How good the time of a server must be. Without a word here: it says that it is synchronized."""

    max_offset: (
        Annotated[Span, Meta(description="between its clock and the agent's own, either way")] | None
    ) = None
    max_stratum: (
        Annotated[int, Meta(ge=1, le=15, description="servers between it and a reference clock, and itself")]
        | None
    ) = None
    max_root_dispersion: (
        Annotated[Span, Meta(description="error that it may have against its reference clock")] | None
    ) = None


class NtpProbe(Section, frozen=True, kw_only=True):
    """One question for the time."""

    host: Host
    port: Annotated[int, Meta(ge=1, le=65535)] = 123
    resolver: Resolver | None = None
    expect: NtpExpect | None = None
