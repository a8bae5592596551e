"""Which resolver an address is: by the name that the configuration gives it, else by the address."""

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import Final

from vedette.checks.model import Endpoint, Resolver, ResolverAddress
from vedette_collector.verdicts import naming
from vedette_collector.verdicts.component import Entity, Kind

VALIDATING: Final = Entity(Kind.RESOLVER_CLASS, "validating")
NOT_VALIDATING: Final = Entity(Kind.RESOLVER_CLASS, "not_validating")

_USUAL: Final = frozenset((53, 853, 443))  # ports that say nothing about who answers
_PRIVATE: Final = tuple(
    map(
        ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),  # RFC 1918, RFC 4193
            *("127.0.0.0/8", "::1/128", "169.254.0.0/16", "fe80::/10"),  # loopback, RFC 3927, RFC 4291 2.5.6
            "100.64.0.0/10",  # RFC 6598
        ),
    )
)


class Resolvers:
    """All that have a name, by address."""

    def __init__(self, known: Iterable[Resolver]) -> None:
        self._by_address = {address: one for one in known for address in one.addresses}
        self._by_name = {one.name: one for one in self._by_address.values()}

    def at(self, server: Endpoint) -> Resolver | None:
        """Who is known at *server*: by its address and port, else by its address at any port."""
        host = naming.host(server.address)
        return self._by_address.get(ResolverAddress(host, server.port)) or self._by_address.get(
            ResolverAddress(host)
        )

    def called(self, name: str) -> tuple[Entity, ...]:
        """The entities of the resolver with this name, whether it is known or not."""
        return _entities(name, self._by_name.get(name))

    def entities(self, server: Endpoint, place: str) -> tuple[Entity, ...]:
        """The resolver and, where it is known, its class.

        *place* is the network of the agent that asks: a private address is another host in each.
        """
        known = self.at(server)
        if known is not None:
            return _entities(known.name, known)
        name = naming.host(server.address) if server.port in _USUAL else str(server)
        return _entities(f"{name}@{place}" if is_private(server.address) else name, None)


def is_private(address: str) -> bool:
    """Whether the same address is another host in another network. Names are not."""
    try:
        literal = ip_address(address)
    except ValueError:
        return False
    return any(literal in network for network in _PRIVATE if network.version == literal.version)


def _entities(name: str, known: Resolver | None) -> tuple[Entity, ...]:
    itself = Entity(Kind.RESOLVER, name)
    if known is None or known.validating is None:
        return (itself,)
    return (itself, VALIDATING if known.validating else NOT_VALIDATING)
