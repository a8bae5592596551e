"""The resolvers that the configuration gives a name."""

from collections.abc import Sequence

from vedette.checks import dnstext
from vedette.checks.model import Resolver, ResolverAddress
from vedette.checks.problems import quoted
from vedette.checks.report import Bad, Report
from vedette.checks.schema import NamedResolver


def named(written: Sequence[NamedResolver | Bad], report: Report) -> tuple[Resolver, ...]:
    """Each name once, and each address under one name: what breaks this is reported."""
    found: dict[str, Resolver] = {}
    owners: dict[ResolverAddress, str] = {}
    for at, one in enumerate(written):
        if isinstance(one, Bad):
            continue
        if one.name in found:
            report.about(
                ("resolvers", at, "name"), f"a second resolver named {quoted(one.name)}; join their addresses"
            )
            continue
        addresses = []
        for place, text in enumerate(one.addresses):
            host, port = dnstext.addressed_server(text)
            assert host is not None
            address = ResolverAddress(host, port)
            if address in owners:
                report.about(
                    ("resolvers", at, "addresses", place),
                    f"{text} is an address of {quoted(owners[address])} already; remove one of the two",
                )
            owners[address] = one.name
            addresses.append(address)
        found[one.name] = Resolver(
            name=one.name,
            addresses=tuple(sorted(addresses, key=lambda address: (address.host, address.port or 0))),
            validating=one.validating,
            public=one.public,
        )
    return tuple(found.values())
