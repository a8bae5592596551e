"""`resolvers:` as people write it."""

from typing import Annotated

from msgspec import Meta

from vedette.checks import dnstext, formats
from vedette.checks.schema.types import Section, text_of

Name = Annotated[str, text_of(dnstext.resolver_name, pattern=formats.SUFFIX, examples=["isp-north"])]

ServerAddress = Annotated[
    str,
    text_of(
        dnstext.addressed_server,
        description="a literal address, or the name that checks over TLS ask; with a port or without: any",
        examples=["192.0.2.53", "[2001:db8::53]:5353", "dns.example"],
    ),
]


class NamedResolver(Section, frozen=True, kw_only=True):
    """A resolver that verdicts call by its name, whichever of its addresses a probe went through."""

    name: Annotated[Name, Meta(description="what verdicts call it; unique in the file")]
    addresses: Annotated[list[ServerAddress], Meta(min_length=1, max_length=64)]
    validating: (
        Annotated[bool, Meta(description="whether it validates DNSSEC; unknown without it")] | None
    ) = None
    public: Annotated[bool, Meta(description="open to everybody, in whichever network they are")] = False
