"""Numbers and times as people read them. A rounded number never says all when one was not, nor none."""

from datetime import UTC, datetime
from typing import Final

from vedette_collector.verdicts.evidence import Share

_FEW: Final = 20  # of so few a percentage pretends to know more than it does


def portion(share: Share, what: str) -> str:
    """`94 % of 412 probes`, `7 of 8 probes`, `all 188 probes`, `none of 3,100 probes`."""
    failed, total = share.failed, share.total
    if failed == 0:
        return f"none of {total:,} {what}".rstrip()
    if failed == total:
        return f"{'all' if total > 1 else 'the only'} {f'{total:,} ' if total > 1 else ''}{what}".rstrip()
    if total < _FEW:
        return f"{failed} of {total} {what}".rstrip()
    return f"{percent(failed, total)} of {total:,} {what}".rstrip()


def percent(failed: int, total: int) -> str:
    """Of something between none and all. One decimal where a whole number would hide or invent an end."""
    value = 100 * failed / total
    if value < 0.1:
        return "under 0.1 %"
    if value > 99.9:
        return "over 99.9 %"
    if value < 9.95 or value > 99:
        return f"{value:.1f} %"
    return f"{value:.0f} %"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `2 h 52 min`, `3 d 4 h`."""
    whole = max(int(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def moment(at: float) -> str:
    """`2025-10-20 06:48:12 UTC`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def clock(at: float) -> str:
    """`06:48:12 UTC`, where the day was said."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")
