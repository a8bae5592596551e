"""Saves what can be read of a batch in which some results break the schema.

Without this one odd result of a newer agent would poison its whole batch: never applied, never acknowledged,
sent again for ever.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from vedette.errors import WireError
from vedette.wire import codec, limits
from vedette.wire.fields import AgentName, Epoch, OffsetUs, Seq
from vedette.wire.messages import Batch, Result

# A sender closes its batches at half of this. The pieces of a list are counted after all of them were made:
# half a million zeros would be 36 MiB and take 70 ms.
MAX_BYTES: Final = 2 * limits.BATCH_BYTES


class _Envelope(msgspec.Struct):
    v: int
    agent: AgentName
    epoch: Epoch
    first_seq: Seq
    results: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=limits.MAX_BATCH_RESULTS)]
    acked: Seq = 0
    offset_us: OffsetUs | None = None


_envelope: Final = msgspec.json.Decoder(_Envelope)
_result: Final = msgspec.json.Decoder(Result)


class Read(msgspec.Struct, frozen=True):
    """A batch with its readable results at their places; None stands for a result that broke the schema."""

    agent: str
    epoch: str
    first_seq: int
    acked: int
    offset_us: int | None
    results: list[Result | None]


def read(raw: bytes) -> Read:
    """The batch in its JSON text *raw*, as whole as possible.

    Raises WireError where not even the envelope can be read, with the reasons of `codec.parsed`.
    """
    try:
        batch = codec.parsed(raw, Batch)
    except WireError as exc:
        if exc.reason != "schema" or len(raw) > MAX_BYTES:
            raise
        return _pieces(raw, exc)
    return Read(batch.agent, batch.epoch, batch.first_seq, batch.acked, batch.offset_us, list(batch.results))


def _pieces(raw: bytes, cause: WireError) -> Read:
    try:
        envelope = _envelope.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise cause from None
    results = [_piece(each) for each in envelope.results]
    return Read(
        envelope.agent, envelope.epoch, envelope.first_seq, envelope.acked, envelope.offset_us, results
    )


def _piece(raw: msgspec.Raw) -> Result | None:
    try:
        return _result.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
