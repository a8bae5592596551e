"""What is known about the wall clock of this host: whether it is wrong, and what time it has certainly been.

A time is kept only when the collector's clock agreed with it: kept from a clock that was ahead it would be
held against the right time for ever.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from zlib import crc32

from vedette.log import fields
from vedette.timefloor import TimeFloor

log = logging.getLogger("vedette.clock")

AGREED_US: Final = 2_000_000  # a clock that is farther off is a bad one
DOUBTED_US: Final = 60_000_000  # certificates and signatures are renewed with less haste than that
FIRST_SECONDS: Final = 60.0  # until the time is kept for the first time,
SAVE_SECONDS: Final = 3600.0  # and again


class WallClock:
    """*offset_us*: the collector's clock minus ours, None while unknown. *path*: where the time is kept."""

    def __init__(
        self,
        floor: TimeFloor,
        path: Path | None = None,
        offset_us: Callable[[], int | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._floor = floor
        self._path = path
        self._offset_us = offset_us
        self._now = now
        if path is not None:
            floor.raise_to(_kept(path), f"{path} says that it has been")

    def is_wrong(self) -> bool:
        """Whether no target may be judged by it."""
        if self._floor.is_ahead():
            return True
        offset = self._offset_us()
        return offset is not None and abs(offset) > DOUBTED_US

    def save(self) -> threading.Thread | None:
        """Keep the time, if it is certain, in a thread: a disk that hangs keeps nobody from ending."""
        offset = self._offset_us()
        if offset is None or abs(offset) > AGREED_US or self._floor.is_ahead():
            return None
        at = int(self._now())
        self._floor.raise_to(at, "the collector agreed that it was that time")
        if self._path is None:
            return None
        thread = threading.Thread(target=_keep, args=(at, self._path), name="clock", daemon=True)
        thread.start()
        return thread


def _keep(at: int, path: Path) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(_encoded(at))
        os.replace(new, path)
    except OSError as exc:
        log.warning("the time is not kept", extra=fields(path=path, problem=exc.strerror))


def _kept(path: Path) -> float:
    """0.0 where none was kept."""
    try:
        with path.open("rb") as file:
            said = file.read(64)
        at = int(said.partition(b" ")[0])
    except (OSError, ValueError):
        return 0.0
    return at if said == _encoded(at) else 0.0


def _encoded(at: int) -> bytes:
    """With a checksum: a wrong digit could keep the agent from its broker for centuries."""
    said = b"%d" % at
    return b"%s %08x\n" % (said, crc32(said))
