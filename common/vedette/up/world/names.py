"""The names of the demo world. All of them end in a domain that RFC 2606 keeps for such use.

A name that a small DNS drill breaks is used by no check that the drill does not name.
"""

from collections.abc import Mapping
from typing import Final

from vedette.up.world.sites import SITES

TABLE: Final = "dynamodb.us-east-1.cloud.example"
LOGIN: Final = "login.shop.example"
VIDEO: Final = "video.media.example"
SHOP: Final = "www.shop.example"
API: Final = "api.shop.example"
PAY: Final = "pay.shop.example"
CACHE: Final = "cache.shop.example"
EDGE: Final = "shop.edge.cdn.example"
DOMAIN: Final = "shop.example"

_SERVER: Final = "127.0.0.1"  # where all the demo's servers listen

APEXES: Final[Mapping[str, str]] = {
    apex: f"ns1.{apex}. hostmaster.{apex}. 2025102001 7200 900 1209600 30"
    for apex in (
        *("shop.example", "cloud.example", "cdn.example", "media.example"),
        *("frontdoor.example", "hosts.example", "vodafone.example", "bt.example"),
    )
}

_OF_SITES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    site.host: {"A": ("192.0.2.96" if site.kind == "dns" else _SERVER,)} for site in SITES
}

RECORDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    TABLE: {"A": ("192.0.2.94", "192.0.2.95")},
    LOGIN: {"A": ("192.0.2.20",), "AAAA": ("2001:db8:20::1",)},
    VIDEO: {"CNAME": ("video.pop.cdn.example.",)},
    "video.pop.cdn.example": {"A": ("198.51.100.7", "198.51.100.8")},
    SHOP: {"CNAME": ("shop.gslb.cdn.example.",)},
    "shop.gslb.cdn.example": {"CNAME": (f"{EDGE}.",)},
    EDGE: {"A": (_SERVER,)},
    API: {"A": (_SERVER,)},
    PAY: {"A": (_SERVER,)},
    CACHE: {"A": (_SERVER,)},
    f"mail.{DOMAIN}": {"A": ("192.0.2.25",)},
    **_OF_SITES,
}
