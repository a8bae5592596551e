"""The names of the demo world. All of them end in a domain that RFC 2606 keeps for such use.

Each drill breaks what exactly one check looks at: a name that a DNS drill breaks is used by no other check.
"""

from collections.abc import Mapping
from typing import Final

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
    for apex in ("shop.example", "cloud.example", "cdn.example", "media.example")
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
}
