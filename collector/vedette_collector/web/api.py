"""The JSON API, version 1. Keys are stable: they are added to, never renamed.

Times are seconds since the Unix epoch by the collector's clock, durations are seconds, unknown is null.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import web

import vedette
from vedette.checks.model import Check
from vedette.wire.messages import Result
from vedette_collector.board import Board
from vedette_collector.cell import Cell, label
from vedette_collector.ledger import Figures
from vedette_collector.web import exhibits, view
from vedette_collector.web.accounts import Account, Overview, Word
from vedette_collector.web.caching import tagged

DEFAULT_LIMIT: Final = 1000
MAX_LIMIT: Final = 10_000
MAX_EXHIBITS: Final = 30  # records of evidence in one answer; each may have 64 KiB

T = TypeVar("T")

_encoder: Final = msgspec.json.Encoder(order="deterministic")
encoded: Final = _encoder.encode


def agents(request: web.Request, board: Board, mono: float) -> web.Response:
    wanted = request.query.get("agent")
    rows = view.rows(board, mono)
    found = [each for each in view.agents(board, rows, mono) if wanted in (None, each.state.name)]
    return listing(request, "agents", found, _agent)


def checks(request: web.Request, board: Board, mono: float) -> web.Response:
    wanted = request.query.get("check")
    found = [check for check in board.checks.values() if wanted in (None, check.name)]
    return listing(request, "checks", found, lambda check: _check(board, check, mono))


def results(request: web.Request, board: Board, mono: float) -> web.Response:
    """The newest result of every (check, agent), in the order of the configuration."""
    check, agent = request.query.get("check"), request.query.get("agent")
    found = [
        cell for cell in board.all_cells() if check in (None, cell.check.name) and agent in (None, cell.agent)
    ]
    return listing(request, "results", found, lambda cell: _result(cell, mono))


def evidence(request: web.Request, board: Board) -> web.Response:
    """The newest first, by check and agent; at most MAX_EXHIBITS, `total` says how many there are."""
    check, agent = request.query.get("check"), request.query.get("agent")
    found = [
        (key, exhibit)
        for key in board.evidence.held()
        if check in (None, key[0]) and agent in (None, key[1])
        for exhibit in board.evidence.of(*key)
    ]
    found.sort(key=lambda each: -each[1].at)
    return listing(
        request, "evidence", found, lambda each: exhibits.told(*each[0], each[1]), most=MAX_EXHIBITS
    )


def ledger(request: web.Request, shown: Overview) -> web.Response:
    """Whether anything is missing: the sums, and every agent, the worst first."""
    wanted = request.query.get("agent")
    found = [each for each in shown.accounts if wanted in (None, each.state.name)]
    head = {
        "complete": shown.is_complete,
        "sentence": shown.sentence,
        "totals": _books(shown.totals),
        "problems": [_word(each) for each in shown.problems],
        "notices": [_word(each) for each in shown.notices],
        "version": vedette.__version__,
    }
    return listing(request, "agents", found, _account, head=head)


def listing(
    request: web.Request,
    key: str,
    found: list[T],
    told: Callable[[T], dict[str, Any]],
    most: int = MAX_LIMIT,
    usual: int = DEFAULT_LIMIT,
    head: dict[str, Any] | None = None,
) -> web.Response:
    """The first `limit` of *found* under *key*, or *usual* ones, and how many there are."""
    text = request.query.get("limit", str(min(usual, most)))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= most):
        return problem(400, f"limit must be a number from 1 to {most}")
    listed = [told(each) for each in found[: int(text)]]
    body = _encoder.encode((head or {}) | {key: listed, "total": len(found)})
    return tagged(request, body, "application/json")


def problem(status: int, message: str) -> web.Response:
    return web.Response(
        status=status, body=_encoder.encode({"error": message}), content_type="application/json"
    )


def _agent(agent: view.AgentView) -> dict[str, Any]:
    state, beat, books = agent.state, agent.state.heartbeat, agent.books
    presence = state.presence
    return {
        "name": state.name,
        "tags": state.tags,
        "connected": agent.connected,
        "gone_reason": presence.reason if presence is not None and presence.state == "gone" else None,
        "last_seen": state.seen_at,
        "version": agent.version or None,
        "epoch": None if presence is None else presence.epoch,
        "started": None if presence is None else presence.started_us / 1e6,
        "config_matches": agent.current,
        "checks": agent.checks,
        "failing": agent.failing,
        "results": _books(books),
        "skipped_slots": None if beat is None else beat.skipped_slots,
        "running": None if beat is None else beat.running,
        "loop_lag_seconds": None if beat is None else beat.loop_lag_us / 1e6,
        "clock_offset_seconds": agent.offset_seconds,
    }


def _books(books: Figures) -> dict[str, Any]:
    return {
        "produced": books.produced,
        "applied": books.applied,
        "late": books.late,
        "pending": books.pending,
        "declared_lost": books.lost,
        "residual": books.residual,
        "disagreement": books.disagreement,
    }


def _account(each: Account) -> dict[str, Any]:
    spool = each.spool
    return {
        "name": each.state.name,
        "connected": each.connected,
        "last_seen": each.state.seen_at,
        "results": _books(each.books),
        "duplicates": each.state.duplicates,
        "lost_lately": each.lost_lately,
        "pending_seconds": round(each.pending_seconds, 1),
        "spool": None
        if spool is None
        else {
            "state": spool.state,
            "results": spool.results,
            "bytes": spool.size_bytes,
            "oldest_seconds": None if each.spool_age is None else round(each.spool_age, 1),
        },
        "live_age_seconds": each.live_age,
        "clock_offset_seconds": each.offset_seconds,
        "clone_suspected": each.clone,
        "problems": [_word(word) for word in each.problems],
        "notices": [_word(word) for word in each.notices],
    }


def _word(word: Word) -> dict[str, str]:
    return {"code": word.code, "text": word.text, "advice": word.advice}


def _check(board: Board, check: Check, mono: float) -> dict[str, Any]:
    row = view.row(board, check, mono)
    return {
        "name": check.name,
        "kind": kind(check),
        "target": check.target,
        "interval_seconds": check.interval,
        "timeout_seconds": check.timeout,
        "tags": check.tags,
        "state": row.state,
        "failing": row.failing,
        "agents": {name: cell.state for name, cell in row.cells.items()},
    }


def _result(cell: Cell, mono: float) -> dict[str, Any]:
    state = cell.state(mono)
    seen = cell.spoiled if state == "not_run" else cell.last
    head: dict[str, Any] = {
        "check": cell.check.name,
        "agent": cell.agent,
        "target": cell.check.target,
        "state": state,
        "since": cell.changed_at,
        "received": None if seen is None else seen.at,
    }
    return head | (_NOTHING if seen is None else _said(seen.result))


def _said(result: Result) -> dict[str, Any]:
    return {
        "outcome": result.outcome,
        "failure": label(result) if result.outcome == "fail" else None,
        "not_run": label(result) if result.outcome == "not_run" else None,
        "detail": result.detail,
        "started": result.started_us / 1e6,
        "duration_seconds": None if result.duration_us is None else result.duration_us / 1e6,
        "phases": {phase: us / 1e6 for phase, us in result.phases_us.items()},
        "clock": result.clock,
        "facts": result.facts,
    }


_NOTHING: Final = dict.fromkeys(_said(Result(check="none", outcome="ok", started_us=0)))


def kind(check: Check) -> str:
    """`dns`, `http`, `tcp`, `tls` or `icmp`: the key under which the configuration has it."""
    return type(check).__name__.removesuffix("Check").lower()
