"""What the page and the API show of evidence. Pure."""

from typing import Any, Final, NamedTuple

from vedette.hexdump import hex_lines
from vedette.wire.messages import Note
from vedette_collector.evidence import Exhibit

MAX_SHOWN: Final = 1024  # bytes of one note that the page shows; the API has all


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


def _note(note: Note) -> NoteView:
    if note.data is None:
        return NoteView(note.at_us, note.event, note.text, None, 0, None)
    shown = note.data[:MAX_SHOWN]
    size = len(note.data)
    return NoteView(note.at_us, note.event, note.text, "\n".join(hex_lines(shown)), size - len(shown), size)
