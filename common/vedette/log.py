"""Log lines for people and machines: `ts= level= logger= msg= key=value` on stderr, one event a line.

Modules write `log = logging.getLogger("vedette.part")` and `log.info("connected", extra=fields(broker=url))`.
A value under a key that names a secret, and user info inside a URL, never reach the line.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

LEVELS: Final = ("debug", "info", "warning", "error")
HIDDEN: Final = "***"
MAX_VALUE: Final = 1000  # characters of one value; what targets and brokers say can be long

# sd-daemon(3): "<3>" at the start of a line tells the journal its priority.
_PRIORITY: Final = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
_SECRET_KEY = re.compile(r"passw|secret|token|authorization|cookie|private|credential", re.IGNORECASE)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_BARE = re.compile(r"[^\s\"=\\]+")


def fields(**values: object) -> dict[str, Any]:
    """The `extra` of a log call that ends the line with key=value pairs. None is left out."""
    return {"fields": values}


def setup(level: str = "info", stream: TextIO | None = None) -> None:
    """Send everything at *level* and above to *stream* (stderr). A second call replaces the first."""
    where = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(where)
    handler.setFormatter(Logfmt(has_priority=is_journal(where, os.environ)))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether *stream* is the one that systemd connected to the journal: same device, same inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class Logfmt(logging.Formatter):
    """One line a record; a traceback becomes one escaped value, so that it stays one event."""

    def __init__(self, *, has_priority: bool = False) -> None:
        super().__init__()
        self._has_priority = has_priority

    def format(self, record: logging.LogRecord) -> str:
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        pairs: dict[str, object] = {
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            pairs["error"] = self.formatException(record.exc_info)[-MAX_VALUE * 4 :]
        line = f"ts={stamp.replace('+00:00', 'Z')} " + " ".join(
            f"{key}={_shown(key, value)}" for key, value in pairs.items() if value is not None
        )
        return f"<{_PRIORITY.get(record.levelno, 6)}>{line}" if self._has_priority else line


def _shown(key: str, value: object) -> str:
    if _SECRET_KEY.search(key):
        return HIDDEN
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.6g}"
        case _:
            text = _USER_INFO.sub(f"{HIDDEN}@", str(value))
    limit = MAX_VALUE * 4 if key == "error" else MAX_VALUE
    text = text if len(text) <= limit else text[:limit] + "…"
    if text.isprintable():
        return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
    return json.dumps(text)  # escapes what could move the cursor or turn the text around
