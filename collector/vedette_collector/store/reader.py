"""A connection that only reads, for another thread or another process than the one that writes."""

import sqlite3
from pathlib import Path
from typing import Final

BUSY_SECONDS: Final = 5.0


def connect(path: Path) -> sqlite3.Connection:
    """Of a file that is there: none is made. Raises sqlite3.Error.

    Its path stands in a URI, where `#`, `?` and `%` mean something else: a directory may have them.
    """
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
