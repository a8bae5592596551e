"""Results, marks and batches as the tests of delivery use them."""

from collections.abc import Sequence

from vedette.wire import codec
from vedette.wire.messages import Batch, EpochMark, Result
from vedette_agent.delivery.outbox import Outbox
from vedette_agent.delivery.parcel import Parcel

EPOCH = "0123456789abcdef" * 2


def result(
    check: str = "web", outcome: str = "ok", reason: str | None = None, detail: str | None = None
) -> Result:
    return Result(check=check, outcome=outcome, started_us=1, reason=reason, detail=detail)  # type: ignore[arg-type]


def unpack(parcel: Parcel) -> Batch:
    return codec.decode(parcel.payload, parcel.content_type, Batch)


def mark(low: int, epoch: str = EPOCH, runs: Sequence[tuple[int, int]] = ()) -> list[EpochMark]:
    return [EpochMark(epoch=epoch, low=low, runs=list(runs))]


def taken(outbox: Outbox, now: float) -> list[Parcel]:
    """All that leaves now; nothing of it is on disk."""
    parcels = []
    while (parcel := outbox.take(now)) is not None:
        assert isinstance(parcel, Parcel)
        parcels.append(parcel)
    return parcels


def granted(outbox: Outbox) -> Outbox:
    """With a collector that lets it replay as fast as it wants, and a full bucket at 0."""
    outbox.pace.connected()
    outbox.pace.grant(1_000_000)
    outbox.pace.admits(-100.0)
    return outbox
