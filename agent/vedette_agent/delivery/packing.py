"""Makes batches of results that were just encoded, or come back from the disk; and rows of batches."""

from collections.abc import Iterable, Iterator
from typing import Final, cast

import msgspec

from vedette.errors import WireError
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, Result
from vedette_agent.delivery.parcel import Book, Parcel
from vedette_agent.delivery.runs import Run
from vedette_agent.spool.rows import Row

SAME_CLOCK_US: Final = 10_000  # rows whose clocks differ less share a batch


class _Texts(msgspec.Struct):
    results: list[msgspec.Raw]


class _Start(msgspec.Struct):
    started_us: int


_texts = msgspec.json.Decoder(_Texts)
_start = msgspec.json.Decoder(_Start)


def packed(
    agent: str,
    book: Book,
    first: int,
    texts: list[bytes],
    *,
    acked: int,
    offset_us: int | None,
    wmb_us: int,
    born: float,
) -> Parcel | None:
    """One batch of *texts*, a JSON text for each result. None when it breaks the contract's bounds."""
    parcel = _packed(agent, book, first, len(texts), texts, acked, offset_us, born)
    if parcel is not None:
        parcel.wmb_us = wmb_us
    return parcel


def from_rows(
    agent: str, book: Book, rows: list[Row], *, acked: int, offset_us: int | None, born: float
) -> Parcel | None:
    """One batch of consecutive rows."""
    count = sum(row.count for row in rows)
    texts = [row.payload for row in rows]
    parcel = _packed(agent, book, rows[0].first, count, texts, acked, offset_us, born)
    if parcel is not None:
        parcel.is_on_disk = True
        parcel.wmb_us = rows[0].wmb_us
    return parcel


def together(rows: Iterable[Row], first: int, most: int) -> list[Row]:
    """Of *rows*, ascending, those from *first* on that make one batch: consecutive, under one setting of the
    clock, and at most *most* results unless the first row alone has more.
    """
    found: list[Row] = []
    count = 0
    for row in _following(rows, first):
        if found and (count + row.count > most or abs(row.wmb_us - found[0].wmb_us) > SAME_CLOCK_US):
            break
        found.append(row)
        count += row.count
    return found


def rows_of(parcel: Parcel, runs: Iterable[Run]) -> Iterator[Row]:
    """What *parcel* has of *runs*, which lie in it, as rows for the disk."""
    texts = _texts.decode(codec.decompressed(parcel.payload, parcel.content_type)).results
    for first, end in runs:
        part = [bytes(text) for text in texts[first - parcel.first : end - parcel.first]]
        born_us = _start.decode(part[0]).started_us
        yield Row(parcel.book.epoch, first, end - first, born_us, parcel.wmb_us, b",".join(part))


def _following(rows: Iterable[Row], first: int) -> Iterator[Row]:
    for row in rows:
        if row.first > first:
            return
        if row.end > first:
            yield row
            first = row.end


def _packed(
    agent: str,
    book: Book,
    first: int,
    count: int,
    texts: list[bytes],
    acked: int,
    offset_us: int | None,
    born: float,
) -> Parcel | None:
    batch = Batch(
        v=limits.VERSION,
        agent=agent,
        epoch=book.epoch,
        first_seq=first,
        acked=min(acked, first),
        offset_us=offset_us,
        # The encoder writes a Raw as it is: the text of one result, or of several with commas between.
        results=cast(list[Result], [msgspec.Raw(text) for text in texts]),
    )
    try:
        payload, content_type = codec.encode(batch)
    except WireError:
        return None
    return Parcel(book, first, count, payload, content_type, born)
