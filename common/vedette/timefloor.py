"""A time that has certainly passed. A clock that is behind it is wrong.

A host whose clock has no battery starts in 1970, or where it was when it stopped, and what would set its
clock may itself need the network. Until then no certificate is valid by that clock. So what is known is held
against it: when the program was installed, when its configuration was written, and what time it last was.

While the clock is behind, a certificate is held to the floor instead: one that ended before it has ended,
whatever the time is. When one begins cannot be told then; whoever presents it has its key all the same.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import vedette
from vedette.log import fields

log = logging.getLogger("vedette.clock")

SLACK: Final = (
    60.0  # seconds that a clock may be behind: files come from other hosts, and clocks are set back
)


class TimeFloor:
    """`at` is seconds since the epoch. *now* is the wall clock."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.at = 0.0
        self.source = "nothing"
        self._now = now
        self._was_ahead = False

    def raise_to(self, at: float, source: str) -> None:
        """*source* says in a log how this is known. What is earlier than the floor changes nothing."""
        if at > self.at:
            self.at, self.source = at, source

    def raise_to_file(self, path: Path) -> None:
        """It has been written. A file that is not there tells nothing."""
        try:
            self.raise_to(path.stat().st_mtime, f"{path} was written then")
        except OSError:
            pass

    def is_ahead(self) -> bool:
        """Whether the clock is known to be wrong. Logged when that changes."""
        now = self._now()
        is_ahead = now < self.at - SLACK
        if is_ahead != self._was_ahead:
            self._was_ahead = is_ahead
            if is_ahead:
                log.error(
                    "the clock of this host is wrong: certificates are held to another time until it is set",
                    extra=fields(clock=utc(now), at_least=utc(self.at), because=self.source),
                )
            else:
                log.warning("the clock of this host is no longer behind", extra=fields(clock=utc(now)))
        return is_ahead


def installed() -> TimeFloor:
    """When this package was put here, or built where its files keep their times."""
    floor = TimeFloor()
    floor.raise_to_file(Path(vedette.__file__))
    return floor


def utc(at: float) -> str:
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    except (OverflowError, ValueError, OSError):
        return f"{at:.0f} s since 1970"
