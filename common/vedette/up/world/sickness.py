"""What is wrong with each server of the demo world now: made anew from all that is broken at the moment."""

from collections.abc import Iterable
from typing import assert_never

from vedette.up.world.breaks import (
    Break,
    Cold,
    Dark,
    Degraded,
    Drops,
    Errors,
    Expired,
    Fault,
    Lossy,
    Names,
    Slow,
)
from vedette.up.world.fleet import SOURCES

WebBreak = Errors | Slow | Degraded | Cold


class Sickness:
    """Where two drills break the same thing in the same way, the one that was started last counts."""

    def __init__(self, breaks: Iterable[Break] = ()) -> None:
        self.names: dict[str, tuple[Fault, float]] = {}
        self.drops: dict[str, float] = {}  # by check
        self.web: dict[str, list[WebBreak]] = {}  # by check
        self.dark: set[str] = set()  # sources
        self.lossy: dict[str, float] = {}  # by source
        self.is_expired = False
        for one in breaks:
            self._add(one)

    def _add(self, one: Break) -> None:
        match one:
            case Names():
                self.names |= dict.fromkeys(one.names, (one.fault, one.share))
            case Drops():
                self.drops |= dict.fromkeys(one.checks, one.share)
            case Errors() | Slow() | Degraded() | Cold():
                for check in one.checks:
                    self.web.setdefault(check, []).append(one)
            case Dark():
                self.dark |= {SOURCES[agent] for agent in one.agents}
            case Lossy():
                self.lossy |= {SOURCES[agent]: one.share for agent in one.agents}
            case Expired():
                self.is_expired = True
            case _:
                assert_never(one)
