"""Short waits for tests of the link."""

import asyncio
from collections.abc import Awaitable, Callable

from vedette.mqtt import Broker, Link

QUICK = 0.05  # seconds of backoff


def run(test: Callable[[], Awaitable[None]], within: float = 30.0) -> None:
    async def limited() -> None:
        async with asyncio.timeout(within):
            await test()

    asyncio.run(limited())


def link(url: str, name: str = "par-01", **options: object) -> Link:
    options.setdefault("backoff", QUICK)
    return Link(Broker.parse(url), name, **options)  # type: ignore[arg-type]


async def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    """For states that have no event of their own."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.005)
