"""What a probe noted, as people may see it: decoded, without secrets, within the contract's bounds.

Made once, when a check first fails: noting costs a probe a reference, and all else is done here.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vedette.checks.model import Check
from vedette.wire import limits
from vedette.wire.messages import Evidence, Note, Result
from vedette_agent.engine.record import Record
from vedette_agent.fit import text as fitted
from vedette_agent.outcome import microseconds

MAX_DECODED: Final = 16 * 1024  # bytes of DNS messages that are told in words
MAX_HIDDEN: Final = 16 * 1024  # characters that are searched for secrets
_HIDDEN: Final = "[hidden]"
_HEAD: Final = 4096  # bytes of JSON for all that is no note
_MESSAGES: Final = frozenset({"dns.query", "dns.answer", "dns.stranger"})
_SENT: Final = frozenset({"tcp.sent", "udp.sent", "websocket.sent"})
# Nothing in the configuration marks what is said on a connection as secret. Where one of these words is
# said, none of it is shown.
_CREDENTIALS: Final = re.compile(
    r"auth|pass|login|oper\b|identify|token|secret|key|cookie|bearer", re.IGNORECASE
)
_CODED: Final = re.compile(rb"\ncontent-encoding:[ \t]*(?!identity)\S", re.IGNORECASE)

_encode = msgspec.json.Encoder().encode


def evidence(
    agent: str, epoch: str, seq: int | None, check: Check, result: Result, record: Record, started: float
) -> Evidence:
    """The message about *result*, which is a failure. *started*: monotonic seconds. Fits the contract."""
    kept, is_whole = within(notes(record, started), limits.MAX_EVIDENCE_BYTES - _HEAD)
    return Evidence(
        v=limits.VERSION,
        agent=agent,
        epoch=epoch,
        seq=seq,
        check=check.name,
        target=fitted(check.target, limits.MAX_TEXT),
        started_us=result.started_us,
        reason=result.reason or "internal",
        detail=result.detail,
        notes=kept,
        truncated=record.notes_dropped or not is_whole,
    )


def notes(record: Record, started: float) -> list[Note]:
    """All that was noted, with where the probe went at the head."""
    made = list(_noted(record, started))
    where = _where(record)
    return [Note(at_us=0, event="target.address", text=where), *made] if where else made


def within(found: list[Note], most: int) -> tuple[list[Note], bool]:
    """The first and the last of *found* in at most *most* bytes of JSON, and whether these are all."""
    sizes = [len(_encode(note)) + 1 for note in found]
    first = last = taken = 0
    while first < len(found) and first < limits.MAX_NOTES and taken + sizes[first] <= most // 2:
        taken += sizes[first]
        first += 1
    # The end decides: it gets what is left.
    while first + last < min(len(found), limits.MAX_NOTES) and taken + sizes[-1 - last] <= most:
        last += 1
        taken += sizes[-last]
    return [*found[:first], *(found[-last:] if last else ())], first + last == len(found)


def _where(record: Record) -> str:
    if record.address is None:
        return ""
    port = "" if record.port is None else f" port {record.port}"
    resolver = "" if record.resolver is None else f", by resolver {record.resolver}"
    return fitted(f"{record.address}{port}{resolver}", limits.MAX_TEXT)


def _noted(record: Record, started: float) -> Iterator[Note]:
    decodable, searchable = MAX_DECODED, MAX_HIDDEN
    secrets = None if record.secrets is None or not record.notes else record.secrets()
    if secrets is not None:
        searchable = min(searchable, secrets.searchable)
    has_credentials = _has_credentials(what for _, event, what in record.notes if event in _SENT)
    for at, event, what in record.notes:
        words: str | None = None
        data: bytes | None = None
        if event in _MESSAGES and isinstance(what, bytes):
            data = what
            if len(data) <= decodable:
                decodable -= len(data)
                words = _message(data)
        elif event == "tls.certificate" and isinstance(what, bytes):
            data, words = what, _certificate(what)
        elif event in _SENT and has_credentials:
            words = _HIDDEN
        else:
            words, data = _plain(_without_coded_body(what))
        is_theirs = secrets is not None and event not in _MESSAGES and event != "tls.certificate"
        if words is not None and secrets is not None and is_theirs:
            cut, searchable = words[:searchable], max(searchable - len(words), 0)
            words = secrets.hide(cut) + ("…" if len(cut) < len(words) else "")
        if data is not None and is_theirs:
            words, data = f"{len(data)} bytes", None  # secrets are looked for in text alone
        yield Note(
            at_us=microseconds(at - started),
            event=event,
            text=None if words is None else printable(words)[: limits.MAX_NOTE_BYTES],
            data=data,
        )


def printable(said: str) -> str:
    """*said* with every character that does something, but for line breaks, shown as its code."""
    plain = said.replace("\r\n", "\n").replace("\t", "    ")
    if plain.replace("\n", "").isprintable():
        return plain
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in plain)


def _has_credentials(sent: Iterable[bytes | str]) -> bool:
    return any(
        _CREDENTIALS.search(what if isinstance(what, str) else what.decode("latin-1")) for what in sent
    )


def _message(wire: bytes) -> str:
    from vedette_agent.dns.described import described

    return described(wire)


def _certificate(der: bytes) -> str:
    from vedette_agent.x509 import described

    return described(der)


def _without_coded_body(what: bytes | str) -> bytes | str:
    """Of a compressed body nobody could read the secrets that it may repeat."""
    if isinstance(what, str):
        return what
    head, end, body = what.partition(b"\r\n\r\n")
    if not end or not _CODED.search(head):
        return what
    return head + b"\r\n\r\n[%d bytes of a coded body]" % len(body)


def _plain(what: bytes | str) -> tuple[str | None, bytes | None]:
    """Text where it is text, else the bytes."""
    if isinstance(what, str):
        return what, None
    try:
        said = what.decode()
    except UnicodeDecodeError as exc:
        if exc.reason != "unexpected end of data":  # the cut of a note may go through a character
            return None, what
        said = what[: exc.start].decode()
    unusual = sum(not (c.isprintable() or c in "\r\n\t") for c in said)
    return (said, None) if unusual * 10 <= len(said) else (None, what)
