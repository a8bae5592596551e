"""`bypass:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks.schema.trace import Port
from vedette.checks.schema.types import Interval, Resolver, Section

Way = Literal["resolver", "authority", "no_validation", "last_good", "family"]


class BypassSettings(Section, frozen=True, kw_only=True):
    """Other ways to the same target: what fails on one and not on another is told apart by them."""

    ways: (
        Annotated[
            list[Way],
            Meta(min_length=1, max_length=5, description="these alone; all that fit the check without it"),
        ]
        | None
    ) = None
    resolver: (
        Annotated[
            Resolver | Annotated[list[Resolver], Meta(min_length=1, max_length=8)],
            Meta(description="a second resolver; of several the first that the check does not ask itself"),
        ]
        | None
    ) = None
    interval: (
        Annotated[
            Interval,
            Meta(description="one of the ways, in turn, so often while the check succeeds; 10m without it"),
        ]
        | None
    ) = None
    authority_port: (
        Annotated[
            Port,
            Meta(
                description="of the name servers of the zone; another than 53, which it is without it, for a "
                "tree of one's own"
            ),
        ]
        | None
    ) = None


Bypass = Literal["none"] | BypassSettings
