"""What a prober may reach: the engine, the shared sockets, the local addresses, and the host's names.

Every address that a probe sends to has passed `policy.check`: `ask`, `ping` and `stream.connect` see to it.
A transport with sockets of its own calls `io.policy.check(address)` on the literal address, right before
each connect or send to a new one; a test finds the module that does not.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vedette.checks.model import Endpoint, Family
from vedette.wire.facts import DnsFacts
from vedette.wire.failure import Failure
from vedette_agent.dns.query import Query
from vedette_agent.engine import resolve
from vedette_agent.engine.hostfiles import HostFiles
from vedette_agent.engine.icmp import Echo, Pinger, Shape
from vedette_agent.engine.policy import Policy
from vedette_agent.engine.poller import Poller
from vedette_agent.engine.quoted import blame
from vedette_agent.engine.record import Record
from vedette_agent.engine.run import DeadlineExceeded, Engine, suspend
from vedette_agent.engine.udp import Exchange, UdpPool

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from vedette_agent.path.routes import Routes


class Io:
    """One per agent. `close` gives back every socket."""

    __slots__ = (
        "engine",
        "files",
        "icmp",
        "is_clock_wrong",
        "loop",
        "policy",
        "poller",
        "routes",
        "source",
        "udp",
        "worker",
    )

    def __init__(
        self,
        engine: Engine,
        source: Mapping[Family, str] | None = None,
        files: HostFiles | None = None,
        policy: Policy | None = None,
        is_clock_wrong: Callable[[], bool] = lambda: False,
    ) -> None:
        """Without a *policy* every address is denied that is not allowed by default.

        *is_clock_wrong*: whether our wall clock is known to be, so that no target may be judged by it.
        """
        self.engine = engine
        self.loop: asyncio.AbstractEventLoop = engine.loop
        self.source: Mapping[Family, str] = source or {}  # local address to bind, by family; may be empty
        self.files = files or HostFiles()
        self.policy = policy or Policy()
        self.is_clock_wrong = is_clock_wrong
        self.poller = Poller(self.loop)
        self.udp = UdpPool(self.loop, self.source, self.policy)
        self.icmp = Pinger(self.loop, self.source, self.policy)
        self.routes: dict[str, Routes] = {}  # by check: what its path was like until now
        self.worker: ThreadPoolExecutor | None = None  # made by the first who needs it: engine/aside.py

    def close(self) -> None:
        """Close what is open. Probes in flight must have ended: stop the engine first."""
        self.udp.close()
        self.icmp.close()
        self.poller.close()
        if self.worker is not None:
            self.worker.shutdown(wait=False, cancel_futures=True)

    async def ask(
        self, server: Endpoint, query: Query, record: Record, shares: int = 1, sent: Exchange | None = None
    ) -> Exchange:
        """Ask *server* over UDP; the exchange holds the answer (which may be truncated) and its time.

        Tells `record.timed`. Raises ProbeFailed(net.*) on an ICMP error, and ProbeSpoiled(policy).
        With *shares* above 1 that part of the time left is all it waits, and then raises Unanswered.
        *sent*: this question, already sent there.
        """
        exchange = sent or self.udp.exchange(server, query, shares)
        try:
            await suspend(exchange.arm)
        except DeadlineExceeded as exc:
            if exchange.strangers:
                record.dns = DnsFacts(spoof_suspected=exchange.strangers)
                exc.add_note(f"{exchange.strangers} false answers came; the last {exchange.complaint}")
            if exchange.unproven is not None:
                blame(exc, exchange.unproven)
            raise
        record.note("dns.answer", exchange.wire)
        record.timed(exchange.is_kernel_timed)
        return exchange

    async def resolve(self, host: str, family: Family, resolver: Endpoint | None, record: Record) -> str:
        """The one address of *host* to probe, in canonical text form: the first that the answer gives.

        A literal gives itself. A name is looked up in /etc/hosts, then asked of *resolver*, or of the
        host's own name servers: that adds the phase "resolve" and sets `record.resolver`.
        Raises ProbeFailed(dns.*, net.*), and ProbeSpoiled where the host has no name server.
        """
        return await resolve.address_of(self, host, family, resolver, record)

    async def ping(self, address: str, shape: Shape, payload_bytes: int, sent: Echo | None = None) -> Echo:
        """One ICMP echo; waits for the reply until the deadline. *sent*: this one, already on its way.

        Raises ProbeFailed(net.unreachable), and ProbeSpoiled(policy, no_permission). The deadline ends it
        with icmp.corrupt where nothing but replies with another payload came.
        """
        echo = sent or self.icmp.echo(address, shape, payload_bytes)
        try:
            await suspend(echo.arm)
        except DeadlineExceeded as exc:
            if echo.corrupt:
                exc.failure = Failure.ICMP_CORRUPT
                exc.add_note(f"{echo.corrupt} came with another payload than was sent")
            elif echo.unproven is not None:
                blame(exc, echo.unproven)
            raise
        return echo
