"""URLs that lead to networks nobody should reach, in every spelling that some program understands."""

import random
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

PLATFORM_4: Final = ("169.254.169.254", "169.254.170.2", "168.63.129.16", "192.0.0.192", "100.100.100.200")
PLATFORM_6: Final = ("fd00:ec2::254", "fd20:ce::254", "fe80::a9fe:a9fe")
NETWORKS_4: Final = tuple(
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("0.0.0.0/32", "127.0.0.1/32", "255.255.255.255/32", *PLATFORM_4),
    )
)
NETWORKS_6: Final = tuple(
    IPv6Network(text)
    for text in (
        *("::/128", "::1/128", "100::/64", "2001:2::/48", "2001:db8::/32", "3fff::/20", "fc00::/7"),
        *("fe80::/10", "fec0::/10", "ff00::/8", *PLATFORM_6),
    )
)

_WIDE: Final = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
_CIRCLED: Final = {ord("0"): 0x24EA} | {ord("1") + digit: 0x2460 + digit for digit in range(9)}
_ARABIC: Final = {ord("0") + digit: 0x0660 + digit for digit in range(10)}


def _bytes(address: IPv4Address) -> tuple[int, int, int, int]:
    a, b, c, d = address.packed
    return a, b, c, d


def _six(number: int) -> str:
    return f"[{IPv6Address(number)}]"


def _teredo(server: int, client: int) -> str:
    return _six(0x20010000 << 96 | server << 64 | (client ^ 0xFFFFFFFF))


# A spelling makes the host of a URL from an IPv4 address.
SPELLINGS_4: Final[tuple[Callable[[IPv4Address], str], ...]] = (
    str,
    lambda a: f"{a}.",
    lambda a: str(int(a)),
    lambda a: str(int(a) + 2**32),
    lambda a: f"{int(a)}.",
    lambda a: hex(int(a)),
    lambda a: hex(int(a)).upper(),
    lambda a: f"0{int(a):o}",
    lambda a: f"0{int(a):o}.",
    lambda a: ".".join(f"0x{byte:02x}" for byte in _bytes(a)),
    lambda a: ".".join(f"0{byte:o}" for byte in _bytes(a)),
    lambda a: ".".join(f"{byte:03}" for byte in _bytes(a)),
    lambda a: ".".join(f"{byte:04o}" for byte in _bytes(a)),
    lambda a: f"{_bytes(a)[0]}.{int(a) & 0xFFFFFF}",
    lambda a: f"{_bytes(a)[0]}.{_bytes(a)[1]}.{int(a) & 0xFFFF}",
    lambda a: f"0x{_bytes(a)[0]:x}.{int(a) & 0xFFFFFF}",
    lambda a: "{:#x}.0{:o}.{}.{:#x}".format(*_bytes(a)),
    lambda a: str(a).replace(".", "%2e"),
    lambda a: "".join(f"%{ord(char):02x}" for char in str(a)),
    lambda a: str(a).replace(".", "\u3002"),
    lambda a: str(a).replace(".", "\uff0e"),
    lambda a: str(a).translate(_WIDE),
    lambda a: str(a).translate(_CIRCLED),
    lambda a: str(a).translate(_ARABIC),
    lambda a: str(a).replace(".", ".\t"),
    lambda a: f"{a}\n",
    lambda a: f"{a}%00",
    lambda a: f"{a}%00.example.com",
    lambda a: f"shop.example@{a}",
    lambda a: f"shop.example:80@{a}",
    lambda a: f"shop.example%20@{a}",
    lambda a: f"[{a}]",
    lambda a: f"[::ffff:{a}]",
    lambda a: f"[::FFFF:{int(a) >> 16:X}:{int(a) & 0xFFFF:X}]",
    lambda a: f"[0:0:0:0:0:ffff:{int(a) >> 16:04x}:{int(a) & 0xFFFF:04x}]",
    lambda a: f"[::{a}]",
    lambda a: f"[::ffff:0:{a}]",
    lambda a: f"[64:ff9b::{a}]",
    lambda a: f"[64:ff9b:1::{a}]",
    lambda a: _six(0x2002 << 112 | int(a) << 80 | 1),
    lambda a: _teredo(0x08080808, int(a)),
    lambda a: _teredo(int(a), 0x08080808),
    lambda a: _six(0x20014860 << 96 | 0x5EFE << 32 | int(a)),
    lambda a: _six(0x20014860 << 96 | 0x02005EFE << 32 | int(a)),
    lambda a: f"[::ffff:{a}%25lo]",
)
SPELLINGS_6: Final[tuple[Callable[[IPv6Address], str], ...]] = (
    lambda a: f"[{a}]",
    lambda a: f"[{a.exploded}]",
    lambda a: f"[{a.exploded.upper()}]",
    lambda a: f"[{a}%25lo]",
    lambda a: f"[{a}%lo]",
    lambda a: f"[{a}]:8080",
    lambda a: f"shop.example@[{a}]",
    str,
)
NAMES: Final = ("localhost", "LOCALHOST.", "a.localhost", "ｌｏｃａｌｈｏｓｔ", "localhost%2e")  # noqa: RUF001


def urls(count: int, seed: int) -> Iterator[str]:
    """*count* of them: first each spelling of each network's first address, then at random."""
    choose = random.Random(seed)
    hosts = [spell(network[0]) for network in NETWORKS_4 for spell in SPELLINGS_4]
    hosts += [spell(network[0]) for network in NETWORKS_6 for spell in SPELLINGS_6]
    hosts += NAMES
    for number in range(count):
        if number < len(hosts):
            host = hosts[number]
        elif number % 4:
            four = choose.choice(NETWORKS_4)
            host = choose.choice(SPELLINGS_4)(four[choose.randrange(four.num_addresses)])
        else:
            six = choose.choice(NETWORKS_6)
            host = choose.choice(SPELLINGS_6)(six[choose.randrange(six.num_addresses)])
        port = choose.choice(("", ":80", ":8080", ":53")) if not host.endswith("8080") else ""
        yield f"http://{host}{port}/{choose.choice(('', 'latest/meta-data/', '?x=1'))}"
