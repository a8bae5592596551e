"""`/api/v1/history`: results of a time that is over, as the collector's store has them."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from vedette.wire import limits
from vedette_collector.cell import label
from vedette_collector.store.past import Asked, Passage, Token, Told, passage
from vedette_collector.web import api

HOUR_US: Final = 3_600_000_000
DEFAULT_LIMIT: Final = 1000
MAX_LIMIT: Final = 10_000
AT_ONCE: Final = 1  # it takes the time of a core that fresh results want


class Past:
    """*path*: of the store; None where there is none."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._busy = 0

    async def serve(self, request: web.Request, now: float) -> web.Response:
        if self._path is None:
            return api.problem(404, "there is no history: this collector runs with --no-store")
        try:
            asked = _asked(request, round(now * 1e6))
        except ValueError as exc:
            return api.problem(400, str(exc))
        if self._busy >= AT_ONCE:
            answer = api.problem(503, "somebody else reads the history at present; ask again in a moment")
            answer.headers["Retry-After"] = "1"
            return answer
        self._busy += 1
        try:
            # Shielded: the thread goes on when the reader leaves, and counts for as long as it does.
            found = await asyncio.shield(asyncio.create_task(self._read(self._path, asked)))
        except (sqlite3.Error, OSError) as exc:
            return api.problem(503, f"the history cannot be read: {exc}")
        return await asyncio.to_thread(_answer, found)

    async def _read(self, path: Path, asked: Asked) -> Passage:
        try:
            return await asyncio.to_thread(passage, path, asked)
        finally:
            self._busy -= 1


def _asked(request: web.Request, now_us: int) -> Asked:
    query = request.query
    after = query.get("after")
    try:
        token = None if after is None else Token.parse(after)
    except ValueError:
        raise ValueError("after must be the `next` of an answer") from None
    limit = query.get("limit", str(DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= MAX_LIMIT):
        raise ValueError(f"limit must be a number from 1 to {MAX_LIMIT}")
    until_us = _moment("to", query.get("to"), now_us)
    from_us = _moment("from", query.get("from"), until_us - HOUR_US)
    return Asked(from_us, until_us, query.get("agent"), query.get("check"), int(limit), token)


def _moment(name: str, text: str | None, otherwise: int) -> int:
    """Microseconds, of seconds since the Unix epoch or an RFC 3339 time. Raises ValueError."""
    if text is None:
        return otherwise
    try:
        seconds = float(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            at = None
        if at is None:
            raise ValueError(f"{name} must be seconds since the Unix epoch or a time of RFC 3339") from None
        seconds = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
    if not 0 <= seconds * 1e6 <= limits.MAX_TIME_US:  # nor what is no number
        raise ValueError(f"{name} is out of range")
    return round(seconds * 1e6)


def _answer(found: Passage) -> web.Response:
    body = {
        "results": [_told(each) for each in found.told],
        "next": None if found.next is None else str(found.next),
    }
    return web.Response(body=api.encoded(body), content_type="application/json", charset="utf-8")


def _told(each: Told) -> dict[str, Any]:
    result = each.result
    return {
        "agent": each.agent,
        "check": result.check,
        "received": each.received_us / 1e6,
        "late": each.late,
        "started": each.started_us / 1e6,
        "clock_known": each.is_synced,
        "outcome": result.outcome,
        "failure": label(result) if result.outcome == "fail" else None,
        "not_run": label(result) if result.outcome == "not_run" else None,
        "detail": result.detail,
        "duration_seconds": None if result.duration_us is None else result.duration_us / 1e6,
    }
