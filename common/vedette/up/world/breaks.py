"""How things in the demo world go wrong, as data. `world` acts on them.

A share is of requests or of connections, drawn anew for each: 1 breaks every one.
"""

from enum import Enum

from msgspec import Struct


class Fault(Enum):
    """How one name can be wrong while its neighbours are right."""

    NODATA = "nodata"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"


class Names(Struct, frozen=True, kw_only=True, tag="names"):
    """Name servers answer wrongly for these names."""

    names: tuple[str, ...]
    fault: Fault
    share: float = 1.0


class Drops(Struct, frozen=True, kw_only=True, tag="drops"):
    """Connections to the servers of these checks are not made: nothing comes back, not even a refusal."""

    checks: tuple[str, ...]
    share: float = 1.0


class Errors(Struct, frozen=True, kw_only=True, tag="errors"):
    """Web servers answer with this status."""

    checks: tuple[str, ...]
    status: int
    share: float = 1.0


class Slow(Struct, frozen=True, kw_only=True, tag="slow"):
    """Web servers think for so long."""

    checks: tuple[str, ...]
    seconds: float
    share: float = 1.0


class Degraded(Struct, frozen=True, kw_only=True, tag="degraded"):
    """Web servers answer 200, and say in the body that they are not well."""

    checks: tuple[str, ...]


class Cold(Struct, frozen=True, kw_only=True, tag="cold"):
    """Web servers have lost what they knew of their database: they must look up its name, and cannot answer
    without. While the name is well, nobody notices."""

    checks: tuple[str, ...]
    share: float = 1.0


class Expired(Struct, frozen=True, kw_only=True, tag="expired"):
    """The certificate of the payment service is one that has ended."""


class Dark(Struct, frozen=True, kw_only=True, tag="dark"):
    """The networks of these agents carry nothing: not to targets, not to the broker."""

    agents: tuple[str, ...]


class Lossy(Struct, frozen=True, kw_only=True, tag="lossy"):
    """Questions of these agents to name servers are lost on the way."""

    agents: tuple[str, ...]
    share: float


Break = Names | Drops | Errors | Slow | Degraded | Cold | Expired | Dark | Lossy
