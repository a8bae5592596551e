"""Results out of the store of a collector, which may be running: nothing is written, and no lock is taken."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from vedette.errors import StoreError
from vedette.wire import limits
from vedette_collector.store.past import Asked, Told, passage

PAGE = 10_000


def told(state: Path, from_us: int, until_us: int) -> Iterator[Told]:
    """All results that came in this time, in order. Raises StoreError."""
    path = state / "collector" / "store.db"
    if not path.is_file():
        raise StoreError(f"{path} is not there; name the --state-dir of a collector that keeps a store")
    asked = Asked(from_us, until_us, limit=PAGE)
    while True:
        try:
            found = passage(path, asked)
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"{path} cannot be read ({exc}); is it the store of a collector?") from exc
        yield from found.told
        if found.next is None:
            return
        asked = asked._replace(after=found.next)


def moment(text: str) -> int:
    """Microseconds, of seconds since the Unix epoch or an RFC 3339 time. Raises ValueError."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(
                f"{text!r} is no time; write seconds since the epoch, or 2025-10-20T06:48:00Z"
            ) from None
        seconds = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    if not 0 <= seconds * 1e6 <= limits.MAX_TIME_US:
        raise ValueError(f"{text!r} is out of range")
    return round(seconds * 1e6)
