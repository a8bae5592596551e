"""What a prober may reach: the engine, the local addresses to bind, and the host's way to resolve names."""

import asyncio
import socket
from collections.abc import Mapping

from vedette.checks.model import Endpoint, Family
from vedette.wire.failure import NotRun
from vedette_agent.engine.record import ProbeSpoiled, Record
from vedette_agent.engine.run import Engine


class Io:
    """One per agent. `close` gives back every socket."""

    __slots__ = ("engine", "loop", "source")

    def __init__(self, engine: Engine, source: Mapping[Family, str] | None = None) -> None:
        self.engine = engine
        self.loop: asyncio.AbstractEventLoop = engine.loop
        self.source: Mapping[Family, str] = source or {}  # local address to bind, by family; may be empty

    def close(self) -> None:
        """Close what is open. Probes in flight must have ended: stop the engine first."""

    async def resolve(self, host: str, family: Family, resolver: Endpoint | None, record: Record) -> str:
        """The one address of *host* to probe, in canonical text form.

        A literal gives itself. A name is looked up in /etc/hosts, then asked of *resolver*, or of the
        host's own name servers: that adds the phase "resolve" and sets `record.resolver`.
        Raises ProbeFailed(dns.*), and ProbeSpoiled where the host has no name server.
        """
        try:
            socket.inet_pton(socket.AF_INET6 if family == 6 else socket.AF_INET, host)
        except OSError:
            raise ProbeSpoiled(NotRun.NO_RESOLVER, f"{host} is a name") from None
        return host
