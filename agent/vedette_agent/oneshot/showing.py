"""What came of a probe: JSON for programs, and the trace, what was sent and what came, for both."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from vedette.hexdump import hex_lines
from vedette.wire.messages import Note
from vedette_agent.evidence import notes, printable
from vedette_agent.oneshot.running import Ran

_INDENT: Final = " " * 16


def as_json(ran: Ran, *, is_traced: bool) -> str:
    """One object with stable keys; durations in seconds, `facts` as on the wire, bytes in hex."""
    result = ran.result
    told: dict[str, Any] = {
        "check": ran.check.name,
        "target": ran.check.target,
        "outcome": result.outcome,
        "failure": result.reason,
        "detail": result.detail,
        "duration_seconds": None if result.duration_us is None else result.duration_us / 1e6,
        "phases": {name: us / 1e6 for name, us in result.phases_us.items()},
        "facts": {} if result.facts is None else msgspec.to_builtins(result.facts),
    }
    if is_traced:
        told["trace"] = [
            {
                "at_seconds": note.at_us / 1e6,
                "event": note.event,
                "text": _text(note),
                "data": None if note.data is None else note.data.hex(),
            }
            for note in notes(ran.record, ran.started)
        ]
    return msgspec.json.encode(told).decode()


def trace(ran: Ran) -> str:
    """The notes in their order. Whatever is shown here is printable, and secrets are hidden."""
    return "\n".join(line for note in notes(ran.record, ran.started) for line in _lines(note))


def _lines(note: Note) -> Iterator[str]:
    size = "" if note.data is None else f"  {len(note.data)} bytes"
    yield f"{note.at_us / 1e3:10.3f} ms  {note.event}{size}"
    text = _text(note)
    lines = hex_lines(note.data) if text is None and note.data is not None else (text or "").splitlines()
    for line in lines:
        yield f"{_INDENT}{line}".rstrip()


def _text(note: Note) -> str | None:
    """A DNS message as dnspython writes it; else what the note says."""
    if note.data is None or not note.event.startswith("dns."):
        return note.text
    import dns.exception
    import dns.message

    try:
        return printable(dns.message.from_wire(note.data).to_text())
    except (dns.exception.DNSException, ValueError):
        return note.text
