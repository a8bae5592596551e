"""The collector's own directory: its lock, its database, and how far the journal had come."""

import fcntl
import os
from pathlib import Path
from typing import Final

from vedette.errors import StoreError

_LOCK: Final = "lock"
_RUN: Final = "run"


def default(environ: "os._Environ[str] | dict[str, str]" = os.environ) -> Path:
    """What the service manager gives, else the usual place below the home directory."""
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "state") / "vedette"


class Directory:
    """`collector/` below the state directory, held by one process at a time."""

    def __init__(self, state: Path) -> None:
        """Raises StoreError when it cannot be used, or another collector uses it."""
        self.path = state / "collector"
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StoreError(
                f"{exc.filename or self.path}: {exc.strerror}. Give a directory that this user can write "
                "with --state-dir, or --no-store to keep everything in memory"
            ) from exc
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._lock)
            raise StoreError(
                f"{self.path} is in use by another collector; each needs its own --state-dir"
            ) from exc

    @property
    def database(self) -> Path:
        return self.path / "store.db"

    def furthest(self) -> int:
        """Newest id of the journal that was written here; at least that was there. 0 when nobody knows.

        Beside the database and not in it: when that is older, somebody put a backup in its place.
        """
        try:
            return int((self.path / _RUN).read_text())
        except (OSError, ValueError):
            return 0

    def note_furthest(self, number: int) -> None:
        """Raises OSError."""
        fresh = self.path / f"{_RUN}.new"
        fresh.write_text(f"{number}\n")
        fresh.replace(self.path / _RUN)

    def release(self) -> None:
        os.close(self._lock)
