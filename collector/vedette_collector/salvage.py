"""Saves what can be read of a batch in which some results break the schema.

Without this one odd result of a newer agent would poison its whole batch: never applied, never acknowledged,
sent again for ever.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from vedette.errors import WireError
from vedette.wire import codec, limits
from vedette.wire.messages import AgentName, Batch, Epoch, Result, Seq


class _Envelope(msgspec.Struct):
    v: int
    agent: AgentName
    epoch: Epoch
    first_seq: Seq
    results: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=limits.MAX_BATCH_RESULTS)]
    acked: Seq = 0


_envelope: Final = msgspec.json.Decoder(_Envelope)
_result: Final = msgspec.json.Decoder(Result)


class Read(msgspec.Struct, frozen=True):
    """A batch with its readable results at their places; None stands for a result that broke the schema."""

    agent: str
    epoch: str
    first_seq: int
    acked: int
    results: list[Result | None]


def read(payload: bytes, content_type: str | None) -> Read:
    """The batch in *payload*, as whole as possible.

    Raises WireError where not even the envelope can be read, with the reasons of `codec.decode`.
    """
    try:
        batch = codec.decode(payload, content_type, Batch)
    except WireError as exc:
        if exc.reason != "schema":
            raise
        return _pieces(payload, content_type, exc)
    return Read(batch.agent, batch.epoch, batch.first_seq, batch.acked, list(batch.results))


def _pieces(payload: bytes, content_type: str | None, cause: WireError) -> Read:
    try:
        envelope = _envelope.decode(codec.decompressed(payload, content_type))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise cause from None
    results = [_piece(raw) for raw in envelope.results]
    return Read(envelope.agent, envelope.epoch, envelope.first_seq, envelope.acked, results)


def _piece(raw: msgspec.Raw) -> Result | None:
    try:
        return _result.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
