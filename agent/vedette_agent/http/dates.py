"""Dates in headers."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# RFC 9110 5.6.7, the form that servers must send.
_DATE: Final = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT")
_DATE_LENGTH: Final = 29


def last_modified(headers: dict[str, str]) -> int | None:
    """Microseconds since the epoch; None when the header is missing or no date."""
    said = headers.get("last-modified")
    # What has another length is no date, and is not remembered: servers choose it.
    return http_date(said) if said is not None and len(said) == _DATE_LENGTH else None


@lru_cache(maxsize=1024)
def http_date(said: str) -> int | None:
    """Microseconds since the epoch; None for anything but an IMF-fixdate."""
    found = _DATE.fullmatch(said)
    if found is None or found[2] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(found[n]) for n in (1, 3, 4, 5, 6))
    try:
        moment = datetime(year, _MONTHS.index(found[2]) + 1, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000
