"""What happens to the shop, one at a time, and what every agent must then say of which check."""

from collections.abc import Callable
from typing import NamedTuple

from system.world.certificates import Site
from system.world.shop import BANK, CDN, SHOP, Shop

Act = Callable[[Shop], None]


class Fault(NamedTuple):
    name: str
    codes: dict[str, str]  # check to failure code; every check that is not named stays green
    strike: Act
    mend: Act


def _edited(name: str, codes: dict[str, str], zone: str, old: str, new: str) -> Fault:
    return Fault(name, codes, lambda shop: shop.edit(zone, old, new), lambda shop: shop.mend(zone))


def _certificate(name: str, codes: dict[str, str], spoil: Callable[[Site], None]) -> Fault:
    def strike(shop: Shop) -> None:
        spoil(shop.pay)
        shop.web.reload()

    def mend(shop: Shop) -> None:
        shop.pay.valid()
        shop.web.reload()

    return Fault(name, codes, strike, mend)


FAULTS = (
    # 20 October 2025: the name stays, its addresses go, and every server answers NOERROR.
    _edited(
        "record emptied",
        {"orders": "dns.nodata"},
        SHOP,
        "orders      60  IN A     192.0.2.10\n"
        "            60  IN A     192.0.2.11\n"
        "            60  IN A     192.0.2.12\n",
        'orders      60  IN TXT   "nothing to see"\n',
    ),
    _edited("name removed", {"stock": "dns.nxdomain"}, SHOP, "stock       60  IN A     192.0.2.40\n", ""),
    _edited(
        "alias into nothing",
        {"www-chain": "dns.cname_dangling", "home": "dns.cname_dangling", "home-tls": "dns.cname_dangling"},
        CDN,
        "pop-par2.edge           IN A     127.0.0.1\n",
        'pop-par2.edge           IN TXT   "moved"\n',
    ),
    Fault(
        "authority stopped",
        {"branch": "dns.servfail"},
        lambda shop: shop.branch.stop(),
        lambda shop: shop.branch.start(),
    ),
    Fault(
        "answer not signed",
        {"bank": "dns.servfail"},
        lambda shop: shop.authority.publish(
            BANK, shop.signer.tampered("www.bank.example.", "A", "203.0.113.66")
        ),
        lambda shop: shop.mend(BANK),
    ),
    Fault(
        "signature expired",
        {"bank": "dns.servfail"},
        lambda shop: shop.authority.publish(BANK, shop.signer.expired("www.bank.example.", "A")),
        lambda shop: shop.mend(BANK),
    ),
    Fault(
        "listener stopped",
        {"mail": "tcp.refused"},
        lambda shop: shop.mail.stop(),
        lambda shop: shop.mail.start(),
    ),
    _certificate(
        "certificate expired", {"pay": "tls.expired", "pay-certificate": "tls.expired"}, Site.expired
    ),
    _certificate(
        "certificate of another host",
        {"pay": "tls.hostname", "pay-certificate": "tls.hostname"},
        Site.of_another_host,
    ),
    _certificate(
        "certificate self-signed",
        {"pay": "tls.untrusted", "pay-certificate": "tls.untrusted"},
        Site.self_signed,
    ),
    # Only the check that asks for 14 days minds.
    _certificate(
        "certificate expires soon", {"pay-certificate": "tls.expires_soon"}, lambda site: site.valid(days=5)
    ),
    Fault(
        "backend down",
        {"api": "http.status"},
        lambda shop: shop.backend.stop(),
        lambda shop: shop.backend.start(),
    ),
    Fault("maintenance page", {"home": "http.body"}, Shop.apologize, Shop.welcome),
)
