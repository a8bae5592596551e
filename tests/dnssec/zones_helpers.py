"""A small tree of signed zones: "." over example. over many ways to be right and wrong."""

from dnssec.resolving_helpers import World
from dnssec.signing_helpers import Key, Nsec3, SignedZone

NOW = 1_800_000_000.0
SOA = "@ 60 IN SOA ns.{0} root.{0} 1 3600 600 604800 10\n@ 60 IN NS ns.{0}\n"
LEAF = """
ns 60 IN A 127.0.0.1
www 60 IN A 192.0.2.1
www 60 IN TXT "one" "two"
@ 60 IN MX 10 Mail.Example.NET.
@ 60 IN NAPTR 10 20 "U" "Service" "" Other.Example.NET.
@ 60 IN SRV 1 2 3 Srv.Example.NET.
@ 60 IN CAA 0 issue "CA.example"
a.b 60 IN A 192.0.2.2
*.wild 60 IN A 192.0.2.3
*.alias 60 IN CNAME www
alias 60 IN CNAME www
loop 60 IN CNAME loop2
loop2 60 IN CNAME loop
old 60 IN DNAME new
www.new 60 IN A 192.0.2.4
"""


def soa(origin: str) -> str:
    return SOA.format(origin.removeprefix("."))


def leaf(
    origin: str,
    now: float = NOW,
    *,
    keys: list[Key] | None = None,
    nsec3: Nsec3 | None = None,
    days: float = 14,
    more: str = "",
) -> SignedZone:
    return SignedZone(origin, soa(origin) + LEAF + more, now, keys=keys, nsec3=nsec3, days=days)


def above(origin: str, *children: SignedZone, now: float = NOW, nsec3: Nsec3 | None = None) -> SignedZone:
    """The parent of *children*, which it delegates, with the DS of those that have keys, unless `lost`."""
    text = soa(origin) + "ns 60 IN A 127.0.0.1\n"
    text += "".join(f"{child.origin} 60 IN NS ns.{child.origin}\n" for child in children)
    return SignedZone(origin, text, now, nsec3=nsec3, children=[each for each in children if each.keys])


def tree(child: SignedZone, *, nsec3: Nsec3 | None = None) -> tuple[World, list[str]]:
    """*child* under example. under the root; the anchors."""
    parent = above("example.", child, now=child.now, nsec3=nsec3)
    root = above(".", parent, now=child.now)
    return World(root, parent, child), root.anchors
