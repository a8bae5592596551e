"""What the page and the API show of evidence. Pure."""

from typing import Any, Final, NamedTuple

from vedette.wire.messages import Note
from vedette_collector.evidence import Exhibit

MAX_SHOWN: Final = 1024  # bytes of one note that the page shows; the API has all
_ROW: Final = 16


class NoteView(NamedTuple):
    at_us: int
    event: str
    text: str | None
    dump: str | None
    left_out: int  # bytes that the dump does not show
    size: int | None


class ExhibitView(NamedTuple):
    at: float
    reason: str
    detail: str | None
    target: str
    started: float
    seq: int | None
    truncated: bool
    notes: list[NoteView]


def view(exhibit: Exhibit) -> ExhibitView:
    said = exhibit.opened()
    return ExhibitView(
        exhibit.at,
        said.reason,
        said.detail,
        said.target,
        said.started_us / 1e6,
        said.seq,
        said.truncated,
        [_note(note) for note in said.notes],
    )


def told(check: str, agent: str, exhibit: Exhibit) -> dict[str, Any]:
    """For the API: `data` is base64."""
    said = exhibit.opened()
    return {
        "check": check,
        "agent": agent,
        "target": said.target,
        "received": exhibit.at,
        "started": said.started_us / 1e6,
        "failure": said.reason,
        "detail": said.detail,
        "epoch": said.epoch,
        "seq": said.seq,
        "truncated": said.truncated,
        "notes": [
            {"at_seconds": note.at_us / 1e6, "event": note.event, "text": note.text, "data": note.data}
            for note in said.notes
        ],
    }


def hex_dump(data: bytes) -> str:
    """Sixteen bytes a line: offset, hex, and what of it is ASCII."""
    lines = []
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        plain = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        lines.append(f"{at:04x}  {row.hex(' '):{3 * _ROW - 1}}  {plain}")
    return "\n".join(lines)


def _note(note: Note) -> NoteView:
    if note.data is None:
        return NoteView(note.at_us, note.event, note.text, None, 0, None)
    shown = note.data[:MAX_SHOWN]
    size = len(note.data)
    return NoteView(note.at_us, note.event, note.text, hex_dump(shown), size - len(shown), size)
