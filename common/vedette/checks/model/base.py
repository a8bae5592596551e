"""What every check has, and what several kinds share."""

from typing import Literal, NamedTuple

from msgspec import Struct

from vedette.wire.messages import Bypass

Family = Literal[4, 6]
Priority = Literal["low", "normal"]


class Endpoint(NamedTuple):
    """A literal address and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class BypassPlan(Struct, frozen=True, kw_only=True):
    """Which other ways to the target are tried: `vedette.checks.bypass` says which of them fit a check."""

    ways: tuple[Bypass, ...] | None = None  # None: all that fit
    resolvers: tuple[Endpoint, ...] = ()  # the first that the check does not ask itself is the second one
    interval: float = 600.0  # from one way to the next, while the check succeeds
    authority_port: int = 53  # of the name servers of the zone


class BaseCheck(Struct, frozen=True, kw_only=True):
    name: str
    target: str  # the label: what a person would call the thing that is probed
    interval: float
    timeout: float  # for the whole probe, name resolution included; at most the interval
    family: Family = 4
    tags: dict[str, str] = {}
    priority: Priority = "normal"  # low: not run while the agent has too much to do
    bypass: BypassPlan = BypassPlan()
