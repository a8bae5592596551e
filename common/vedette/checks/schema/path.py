"""`path:` as people write it."""

from typing import Annotated, Literal

from msgspec import Meta

from vedette.checks.schema.types import Host, Network, Resolver, Section, ShortTime

Ttl = Annotated[int, Meta(ge=1, le=30)]
Networks = Annotated[list[Network], Meta(min_length=1, max_length=32)]


class PathExpect(Section, frozen=True, kw_only=True):
    """What the path must be like. Without a word here: the target answers."""

    reached: Annotated[bool, Meta(description="false: the target need not answer")] = True
    max_hops: Annotated[Ttl, Meta(description="the target is at most so many hops away")] | None = None
    through: Annotated[Networks, Meta(description="in each of these at least one hop must be")] | None = None
    avoids: Annotated[Networks, Meta(description="no hop may be in one of these")] | None = None
    stable: Annotated[bool, Meta(description="another route than in the run before is a failure")] = False


class PathProbe(Section, frozen=True, kw_only=True):
    """The hops on the way to a target."""

    host: Host
    resolver: Resolver | None = None
    protocol: Literal["udp", "tcp"] = "udp"
    port: (
        Annotated[
            Annotated[int, Meta(ge=1, le=65535)],
            Meta(description="33434 over udp and 443 over tcp without it"),
        ]
        | None
    ) = None
    first_ttl: Annotated[Ttl, Meta(description="the first hop to ask")] = 1
    max_ttl: Annotated[Ttl, Meta(description="the last hop to ask")] = 30
    probes: Annotated[int, Meta(ge=1, le=3, description="packets to each hop")] = 2
    wait: Annotated[
        ShortTime, Meta(description="for the answer to one packet; 1ms to 10s, over tcp to 1s")
    ] = "1s"
    max_silent: Annotated[
        int, Meta(ge=1, le=30, description="so many hops in a row without an answer end the probe")
    ] = 4
    expect: PathExpect | None = None
