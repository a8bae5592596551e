"""A small tree of real authorities on loopback: a root, two top-level zones, a shop with two servers.

All listen on one port, each at an address of its own. `shop.example.` is served at SHOP_1 and SHOP_2; the
second also has an IPv6 address and is named in another zone, so that its address has to be looked for.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from servers.daemon import free_port
from servers.nsd import Nsd, plain

ROOT, TOP, SHOP_1, SHOP_2, NOBODY = "127.0.0.11", "127.0.0.12", "127.0.0.14", "127.0.0.15", "127.0.0.16"
_SOA = "@ 3600 IN SOA ns.example. root.example. {serial} 7200 3600 1209600 60\n"

ROOT_ZONE = f"""$ORIGIN .
{_SOA}@ NS a.root.
a.root. A {ROOT}
example. NS ns.example.
test. NS ns.example.
ns.example. A {TOP}
"""
EXAMPLE = f"""$ORIGIN example.
{_SOA}@ NS ns
ns A {TOP}
shop NS ns1.shop
shop NS ns2.test.
ns1.shop A {SHOP_1}
dead NS ns1.dead
ns1.dead A {NOBODY}
away NS ns.gone.test.
lame NS ns1.lame
ns1.lame A {SHOP_1}
alias CNAME www.cdn.test.
bare NS ns1.bare
moved NS ns1.moved
ns1.moved A {SHOP_1}
"""
TEST = f"""$ORIGIN test.
{_SOA}@ NS ns.example.
ns2 A {SHOP_2}
ns2 AAAA ::1
below NS ns1.below
ns1.below A {TOP}
www.cdn CNAME www.shop.example.
loop CNAME loop.shop.example.
"""
SHOP = f"""$ORIGIN shop.example.
{_SOA}@ NS ns1
@ NS ns2.test.
ns1 A {SHOP_1}
www A 192.0.2.80
mail MX 10 www
loop CNAME loop.test.
big TXT "{"x" * 250}" "{"y" * 250}" "{"z" * 250}" "{"u" * 250}" "{"v" * 250}" "{"w" * 250}"
"""
# Served by the servers of test., which therefore never refer to it.
BELOW = f"""$ORIGIN below.test.
{_SOA}@ NS ns1
ns1 A {TOP}
"""
# What the parent says of it is old: another server, another address.
MOVED = f"""$ORIGIN moved.example.
{_SOA}@ NS ns1
@ NS ns9.test.
ns1 A {SHOP_2}
"""


class Tree(NamedTuple):
    port: int
    first: Nsd  # of the shop
    second: Nsd


@contextmanager
def tree(directory: Path) -> Iterator[Tree]:
    port = free_port()
    starting: list[Nsd] = []
    with ExitStack() as stack:

        def served(name: str, zones: dict[str, str], *addresses: str) -> Nsd:
            sources = {zone: plain(text) for zone, text in zones.items()}
            nsd = Nsd(directory / name, sources, addresses, port)
            stack.callback(nsd.stop)
            starting.append(nsd)
            return nsd

        served("root", {".": ROOT_ZONE}, ROOT)
        served("top", {"example.": EXAMPLE, "test.": TEST, "below.test.": BELOW}, TOP)
        first = served("first", {"shop.example.": SHOP, "moved.example.": MOVED}, SHOP_1)
        second = served("second", {"shop.example.": SHOP}, SHOP_2, "::1")
        with ThreadPoolExecutor(len(starting)) as together:
            list(together.map(Nsd.start, starting))
        yield Tree(port, first, second)
