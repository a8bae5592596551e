"""Makes batches: of results that were just encoded, and of rows that come back from the disk."""

from collections.abc import Iterable, Iterator
from typing import Final, cast

import msgspec

from vedette.errors import WireError
from vedette.wire import codec, limits
from vedette.wire.messages import Batch, Result
from vedette_agent.delivery.parcel import Book, Parcel
from vedette_agent.spool.rows import Row

SAME_CLOCK_US: Final = 10_000  # rows whose clocks differ less share a batch


def packed(
    agent: str, book: Book, first: int, texts: list[bytes], *, acked: int, offset_us: int | None, born: float
) -> Parcel | None:
    """One batch of *texts*, a JSON text for each result. None when it breaks the contract's bounds."""
    return _packed(agent, book, first, len(texts), texts, acked, offset_us, born)


def from_rows(
    agent: str, book: Book, rows: list[Row], *, acked: int, offset_us: int | None, born: float
) -> Parcel | None:
    """One batch of consecutive rows."""
    count = sum(row.count for row in rows)
    texts = [row.payload for row in rows]
    parcel = _packed(agent, book, rows[0].first, count, texts, acked, offset_us, born)
    if parcel is not None:
        parcel.is_on_disk = True
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


def _following(rows: Iterable[Row], first: int) -> Iterator[Row]:
    for row in rows:
        end = row.first + row.count
        if row.first > first:
            return
        if end > first:
            yield row
            first = end


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
