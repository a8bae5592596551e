"""How long and how often to measure."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    runs: int
    seconds: float
    rate: int  # probes per second
    kinds: list[str] | None  # None: all
    agents: int = 200  # of the fleet that `load` makes up
    scratch: Path  # a directory that is removed afterwards
