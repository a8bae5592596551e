"""Which addresses a probe may reach. Decides on literal addresses and knows no socket, name or URL.

Who may write a check, answer a DNS question or send a redirect could otherwise use the agent's place in the
network: its loopback, the networks behind its firewall, the address at which a cloud hands out the host's
credentials. So the question is asked of the very address that a socket is about to be given, each time, and
how that address came about (spelling, resolver, redirect) does not matter.

*Denied* is what the IANA special-purpose registries (RFC 6890) do not call globally reachable, all of IPv6
that is not global unicast (RFC 4291 2.4), and the platform addresses of clouds, some of which lie in public
space. An IPv6 address that stands for an IPv4 address is reached only where both are allowed.

*Allowed* again is what the agent's own command line names. The shared configuration has no say: whoever
takes it over must not turn the fleet on its own networks.

A platform address is allowed by name alone (/32 or /128). Who opens 169.254.0.0/16 or 10.0.0.0/8 thinks of
hosts to probe and not of credentials, and who does mean them has one more option to write.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from vedette.wire.failure import NotRun
from vedette_agent.engine.record import ProbeSpoiled

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

REMEMBERED: Final = 8192  # decisions; a target that answers with ever new addresses pushes out old ones

# The first network that holds an address gives the reason: narrow ones come first.
_SPECIAL: Final = {
    "0.0.0.0/8": "this network (RFC 791 3.2)",
    "10.0.0.0/8": "private network (RFC 1918)",
    "100.64.0.0/10": "shared address space (RFC 6598)",
    "127.0.0.0/8": "loopback (RFC 1122 3.2.1.3)",
    "169.254.0.0/16": "link-local (RFC 3927)",
    "172.16.0.0/12": "private network (RFC 1918)",
    "192.0.0.0/24": "protocol assignments (RFC 6890)",
    "192.0.2.0/24": "documentation (RFC 5737)",
    "192.88.99.0/24": "6to4 relays (RFC 7526)",
    "192.168.0.0/16": "private network (RFC 1918)",
    "198.18.0.0/15": "benchmarking (RFC 2544)",
    "198.51.100.0/24": "documentation (RFC 5737)",
    "203.0.113.0/24": "documentation (RFC 5737)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "240.0.0.0/4": "reserved (RFC 1112 4)",
    "::/128": "unspecified (RFC 4291 2.5.2)",
    "::1/128": "loopback (RFC 4291 2.5.3)",
    "::/96": "IPv4-compatible (RFC 4291 2.5.5.1)",
    "::ffff:0:0/96": "IPv4-mapped (RFC 4291 2.5.5.2)",
    "64:ff9b:1::/48": "local NAT64 (RFC 8215)",
    "100::/64": "discard-only (RFC 6666)",
    "2001::/32": "Teredo (RFC 4380)",
    "2001::/23": "protocol assignments (RFC 2928)",
    "2001:db8::/32": "documentation (RFC 3849)",
    "2002::/16": "6to4 (RFC 3056)",
    "3fff::/20": "documentation (RFC 9637)",
    "5f00::/16": "segment routing (RFC 9602)",
    "fc00::/7": "unique local (RFC 4193)",
    "fe80::/10": "link-local (RFC 4291 2.5.6)",
    "fec0::/10": "site-local (RFC 3879)",
    "ff00::/8": "multicast (RFC 4291 2.7)",
}
# Of all other IPv6 only these are anybody's: global unicast, and the well-known NAT64 prefix (RFC 6052 2.1).
_GLOBAL: Final = ("2000::/3", "64:ff9b::/96")

# Where clouds tell a host its credentials, keys and start-up scripts.
_PLATFORM: Final = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # nearly all of them
        "169.254.170.2",  # AWS, tasks of ECS
        "169.254.170.23",  # AWS, pods of EKS
        "169.254.0.23",  # Tencent
        "169.254.42.42",  # Scaleway
        "168.63.129.16",  # Azure's wire server, in public space
        "192.0.0.192",  # Oracle
        "100.100.100.200",  # Alibaba
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS, pods of EKS
        "fd20:ce::254",  # Google
        "fd00:42::42",  # Scaleway
        "fe80::a9fe:a9fe",  # OpenStack
    )
)
_PLATFORM_SAID: Final = "a platform address, where clouds hand out credentials"

_Span = tuple[int, int, int, str]  # version, mask, base, what


def _span(network: Network, what: str) -> _Span:
    return network.version, int(network.netmask), int(network.network_address), what


_DENIED: Final = tuple(_span(ip_network(text), what) for text, what in _SPECIAL.items())
_OPEN: Final = tuple(_span(ip_network(text), "") for text in _GLOBAL)


class Policy:
    """`check` before anything is sent to an address: 0.2 µs for an address that was asked for before."""

    __slots__ = ("_fault",)

    def __init__(self, allow: Sequence[Network] = ()) -> None:
        """*allow*: networks that are opened although they are denied by default."""
        allowed = tuple(_span(network, "") for network in allow)
        named = frozenset(
            network.network_address for network in allow if network.prefixlen == network.max_prefixlen
        )
        self._fault: Callable[[str], str | None] = lru_cache(REMEMBERED)(partial(_fault, allowed, named))

    def check(self, address: str) -> None:
        """Raises ProbeSpoiled(policy) when *address* is denied, or is no literal address at all."""
        fault = self._fault(address)
        if fault is not None:
            raise ProbeSpoiled(NotRun.POLICY, fault)


class Anywhere(Policy):
    """Denies nothing: for a person who probes by hand from a host of their own."""

    __slots__ = ()

    def check(self, address: str) -> None:
        """Nothing is denied."""


def _fault(allowed: tuple[_Span, ...], named: frozenset[Address], text: str) -> str | None:
    """Why *text* may not be reached, and the options that would allow it; None if it may."""
    try:
        address = ip_address(text)
    except ValueError:
        return f"{text[:80]!r} is denied: it is no literal address"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        address = IPv6Address(int(address))  # the same network by whichever interface
    denied = []
    for meant in (address, *_embedded(address)):
        why = _why(meant)
        is_allowed = meant in named or (meant not in _PLATFORM and _what(meant, allowed) is not None)
        if why is not None and not is_allowed:
            denied.append((meant, why))
    if not denied:
        return None
    reasons = ", ".join(why if meant == address else f"stands for {meant}: {why}" for meant, why in denied)
    options = " ".join(f"--allow {meant}/{meant.max_prefixlen}" for meant, _ in denied)
    return f"{text} is denied: {reasons}; allow it with {options} on the agent"


def _why(address: Address) -> str | None:
    if address in _PLATFORM:
        return _PLATFORM_SAID
    what = _what(address, _DENIED)
    if what is None and address.version == 6 and _what(address, _OPEN) is None:
        return "not global unicast (RFC 4291 2.4)"
    return what


def _what(address: Address, spans: tuple[_Span, ...]) -> str | None:
    version, number = address.version, int(address)
    for of, mask, base, what in spans:
        if of == version and number & mask == base:
            return what
    return None


def _embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses to which a translator, a tunnel or the host itself may take *address*."""
    if address.version == 4:
        return
    wire = address.packed
    low = wire[12:]
    if wire[:12] in _LAST_FOUR or (wire[:12] == bytes(12) and low[0]):  # ::1 stands for nothing
        yield IPv4Address(low)
    elif wire[:6] == _LOCAL_NAT64:
        # Where in it the IPv4 address stands is the operator's to know (RFC 6052 2.2), and most guesses are
        # wrong ones. A wrong guess that is a platform address does not happen.
        yield from (found for found in map(IPv4Address, _by_prefix_length(wire)) if found in _PLATFORM)
    elif wire[:2] == b"\x20\x02":
        yield IPv4Address(wire[2:6])
    elif wire[:4] == b"\x20\x01\0\0":  # the server, and the client, whose bits are turned
        yield IPv4Address(wire[4:8])
        yield IPv4Address(bytes(byte ^ 0xFF for byte in low))
    if wire[8:12] in _ISATAP:
        yield IPv4Address(low)


def _by_prefix_length(wire: bytes) -> Iterator[bytes]:
    yield wire[12:]
    if wire[8] == 0:
        yield wire[6:8] + wire[9:11]
        yield wire[7:8] + wire[9:12]
        yield wire[9:13]


_LAST_FOUR: Final = frozenset(
    {
        bytes(10) + b"\xff\xff",  # mapped
        bytes(8) + b"\xff\xff\0\0",  # translated (RFC 2765 2.1)
        b"\0\x64\xff\x9b" + bytes(8),  # NAT64
    }
)
_LOCAL_NAT64: Final = b"\0\x64\xff\x9b\0\x01"
_ISATAP: Final = frozenset({b"\0\0\x5e\xfe", b"\x02\0\x5e\xfe"})  # RFC 5214 6.1
