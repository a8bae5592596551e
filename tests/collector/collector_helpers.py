"""Configurations and messages for the collector's tests, with everything that a test does not care about."""

from typing import Any

from vedette.checks.model import (
    Assignment,
    Check,
    DnsCheck,
    HttpCheck,
    IcmpCheck,
    TcpCheck,
    TlsCheck,
    Vantage,
)
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, Evidence, Heartbeat, Note, Presence, Result
from vedette.wire.topics import Kind, topic
from vedette_collector.acks import Acks
from vedette_collector.board import Board
from vedette_collector.cell import Moment
from vedette_collector.effects import Effects
from vedette_collector.ingest import Ingest
from vedette_collector.store.entry import Entry

EPOCH = "0" * 31 + "1"
LATER_EPOCH = "0" * 31 + "2"
NOW = Moment(1_800_000_000.0, 1000.0)
STARTED_US = 1_800_000_000_000_000 - 1_000_000

DNS = DnsCheck(
    name="api-dns", target="api.example.com A", interval=10.0, timeout=5.0, query_name="api.example.com"
)
WEB = HttpCheck(
    name="web", target="https://www.example.com/", interval=30.0, timeout=5.0, url="https://www.example.com/"
)
SSH = TcpCheck(
    name="ssh", target="host.example.com:22", interval=30.0, timeout=5.0, host="host.example.com", port=22
)
MAIL = TlsCheck(
    name="mail", target="mx.example.com:465", interval=30.0, timeout=5.0, host="mx.example.com", port=465
)
PING = IcmpCheck(name="ping", target="192.0.2.1", interval=30.0, timeout=5.0, host="192.0.2.1")
ALL = (DNS, WEB, SSH, MAIL, PING)


def assignment(
    checks: tuple[Check, ...] = ALL,
    agents: tuple[str, ...] = ("par-01", "fra-01"),
    *,
    only: dict[str, tuple[str, ...]] | None = None,
    tags: dict[str, str] | None = None,
) -> Assignment:
    """Every agent runs every check, except where *only* names its checks."""
    names = tuple(check.name for check in checks)
    return Assignment(
        agents=tuple(Vantage(name=name, tags=tags or {}) for name in agents),
        checks=checks,
        by_agent={name: (only or {}).get(name, names) for name in agents},
        config_hash="c" * 64,
    )


def ok(check: str = "api-dns", **more: Any) -> Result:
    return Result(
        **{"check": check, "outcome": "ok", "started_us": STARTED_US, "duration_us": 12_000, **more}
    )


def failed(check: str = "api-dns", reason: str = "dns.nodata", **more: Any) -> Result:
    fields = {
        "check": check,
        "outcome": "fail",
        "started_us": STARTED_US,
        "duration_us": 12_000,
        "reason": reason,
    }
    return Result(**{**fields, **more})


def spoiled(check: str = "api-dns", reason: str = "loop_lag") -> Result:
    return Result(check=check, outcome="not_run", started_us=STARTED_US, reason=reason)


def batch(
    *results: Result,
    agent: str = "par-01",
    epoch: str = EPOCH,
    first: int = 0,
    acked: int = 0,
    offset_us: int | None = None,
) -> Batch:
    return Batch(
        v=limits.VERSION,
        agent=agent,
        epoch=epoch,
        first_seq=first,
        acked=acked,
        offset_us=offset_us,
        results=list(results),
    )


def heartbeat(agent: str = "par-01", **more: Any) -> Heartbeat:
    fields: dict[str, Any] = {
        "v": limits.VERSION,
        "agent": agent,
        "epoch": EPOCH,
        "sent_us": 5,
        "next_seq": 42,
        "acked": 0,
        "pending": 42,
        "lost": {"queue_full": 0, "refused": 0},
        "skipped_slots": 3,
        "overlapping_slots": 1,
        "running": 4,
        "loop_lag_us": 1500,
        "publish_refused": 0,
    }
    return Heartbeat(**{**fields, **more})


def evidence(agent: str = "par-01", check: str = "api-dns", **more: Any) -> Evidence:
    fields: dict[str, Any] = {
        "v": limits.VERSION,
        "agent": agent,
        "epoch": EPOCH,
        "seq": 4,
        "check": check,
        "target": "api.example.com A",
        "started_us": 1_800_000_000_000_000,
        "reason": "dns.nodata",
        "detail": "NOERROR with 0 A records",
        "notes": [Note(at_us=1840, event="dns.answer", text="id 1, NOERROR", data=b"\x00\x01\x81\x80")],
    }
    return Evidence(**{**fields, **more})


def presence(agent: str = "par-01", **more: Any) -> Presence:
    fields: dict[str, Any] = {
        "v": limits.VERSION,
        "agent": agent,
        "epoch": EPOCH,
        "state": "online",
        "version": "1.2.3",
        "started_us": 1,
    }
    return Presence(**{**fields, **more})


class Core:
    """The pure half of a collector, fed by hand."""

    def __init__(self, config: Assignment | None = None) -> None:
        self.board = Board(config or assignment())
        self.ledger = self.board.ledger
        self.acks = Acks("f" * 32, self.ledger)
        self.ingest = Ingest(self.board, self.acks)
        self.effects = Effects(self.board, self.acks)

    def send(
        self,
        message: Batch | Heartbeat | Presence | Evidence,
        *,
        kind: Kind | None = None,
        now: Moment = NOW,
        retained: bool = False,
        sender: str | None = None,
    ) -> None:
        if kind is None:
            kind = {
                Batch: Kind.LIVE,
                Heartbeat: Kind.HEARTBEAT,
                Presence: Kind.PRESENCE,
                Evidence: Kind.EVIDENCE,
            }[type(message)]
        payload, content_type = codec.encode(message)
        self.take(topic(sender or message.agent, kind), payload, content_type, retained, now)

    def take(
        self, name: str, payload: bytes, content_type: str | None, retained: bool = False, now: Moment = NOW
    ) -> Entry | None:
        """Decide and apply: a store that is never away."""
        entry = self.ingest.message(name, payload, content_type, retained, now)
        if entry is not None:
            self.effects.apply(entry, now)
        return entry

    @property
    def rejected(self) -> dict[str, int]:
        return dict(self.board.rejected)

    def mark(self, agent: str = "par-01", epoch: str = EPOCH) -> int | None:
        return {mark.epoch: mark.low for mark in self.ledger.book(agent).marks()}.get(epoch)

    def applied(self, agent: str = "par-01") -> int:
        return self.ledger.book(agent).applied
