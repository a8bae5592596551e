"""Which vantages are cut off, by source address. The demo's servers ask it before they answer."""

import asyncio
import random


class Network:
    """Each demo agent sends from its own loopback address, so that one can be cut and the others not."""

    def __init__(self) -> None:
        self._dark: dict[str, asyncio.Event] = {}
        self._draws = random.Random("network")  # noqa: S311  # which datagrams are lost is no secret
        self.lossy: dict[str, float] = {}  # share of the datagrams from there that is lost

    def is_dark(self, source: str) -> bool:
        return source in self._dark

    def loses(self, source: str) -> bool:
        """Whether a datagram from *source* gets lost: drawn anew for each."""
        return source in self._dark or (source in self.lossy and self._draws.random() < self.lossy[source])

    def cut(self, source: str) -> None:
        self._dark.setdefault(source, asyncio.Event())

    def mend(self, source: str) -> None:
        lit = self._dark.pop(source, None)
        if lit is not None:
            lit.set()

    async def pass_through(self, source: str) -> None:
        """Return at once on a working network, and when it works again on a cut one."""
        while (lit := self._dark.get(source)) is not None:
            await lit.wait()
