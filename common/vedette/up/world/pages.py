"""What the web servers of the demo say: their page, or what is wrong with them at the moment."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, assert_never

import dns.asyncquery
import dns.exception
import dns.message

from vedette.up.ports import LOOPBACK
from vedette.up.world import names
from vedette.up.world.breaks import Cold, Degraded, Errors, Slow
from vedette.up.world.sickness import WebBreak
from vedette.up.world.web import Page

SHOP: Final = Page(HTTPStatus.OK, "text/html", "<!doctype html><title>Shop</title><h1>Welcome</h1>\n")
WELL: Final = Page(HTTPStatus.OK, "application/json", '{"status": "ok", "region": "us-east-1"}\n')
_DEGRADED: Final = Page(HTTPStatus.OK, "application/json", '{"status": "degraded", "region": "us-east-1"}\n')
_LOOKUP_SECONDS: Final = 1.0


def page_of(
    check: str, well: Page, broken: Callable[[], Mapping[str, Sequence[WebBreak]]], name_server: int
) -> Callable[[], Awaitable[Page]]:
    """The page of the server that *check* probes. Each request meets each of its faults by chance.

    The draws begin with the name of the check: the same requests meet the same faults in every world.
    """
    draws = random.Random(check)  # noqa: S311  # which requests a fault meets is no secret

    async def page() -> Page:
        for one in broken().get(check, ()):
            if not isinstance(one, Degraded) and draws.random() >= one.share:
                continue
            match one:
                case Errors():
                    return _error(HTTPStatus(one.status))
                case Slow():
                    await asyncio.sleep(one.seconds)
                case Degraded():
                    return _DEGRADED
                case Cold():
                    if not await _finds_table(name_server):
                        return _error(HTTPStatus.SERVICE_UNAVAILABLE)
                case _:
                    assert_never(one)
        return well

    return page


async def _finds_table(name_server: int) -> bool:
    """Whether the database has an address, as a service that wants to connect to it sees it."""
    query = dns.message.make_query(names.TABLE, "A")
    try:
        reply = await dns.asyncquery.udp(query, LOOPBACK, _LOOKUP_SECONDS, port=name_server)
    except (dns.exception.DNSException, OSError):
        return False
    return bool(reply.answer)


def _error(status: HTTPStatus) -> Page:
    return Page(status, "text/html", f"<!doctype html><title>{status.value} {status.phrase}</title>\n")
