"""What every check has, and what several kinds share."""

from typing import Literal, NamedTuple

from msgspec import Struct

Family = Literal[4, 6]
Priority = Literal["low", "normal"]


class Endpoint(NamedTuple):
    """A literal address and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class BaseCheck(Struct, frozen=True, kw_only=True):
    name: str
    target: str  # the label: what a person would call the thing that is probed
    interval: float
    timeout: float  # for the whole probe, name resolution included; at most the interval
    family: Family = 4
    tags: dict[str, str] = {}
    priority: Priority = "normal"  # low: not run while the agent has too much to do
