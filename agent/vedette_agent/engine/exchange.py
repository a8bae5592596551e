"""Carries one HTTP request over a connection and its response back, whatever the version, and times both."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from vedette_agent.engine.record import PathError, Record
from vedette_agent.engine.stream import FIRST_READ, Stream

if TYPE_CHECKING:
    from vedette_agent.engine.tls import TlsStream
    from vedette_agent.http.incoming import Fed


async def converse(
    stream: "Stream | TlsStream",
    request: bytes,
    response: "Fed",
    record: Record,
    is_enough: "Callable[[Fed], bool] | None" = None,
) -> None:
    """Send *request*, feed *response* until it is complete, too large, or *is_enough*.

    Sets the phases "processing" (to the first byte of the response: what an HTTP/2 server says before it is
    not one) and "transfer". Raises PathError, and ProbeFailed(http.protocol).
    """
    data = await _first_answer(stream, request)
    # Frames are noted in words by who knows what they mean: secrets in them are coded.
    if record.secrets is not None and response.version != "2":
        record.note("http.response", data)
    sent, is_kernel = stream.left()
    record.timed(is_kernel)
    first: float | None = None
    while data:
        reply = response.feed(data)
        if first is None and response.has_begun:
            first, is_kernel = stream.began(sent)
            record.timed(is_kernel)
            record.add_phase("processing", first - sent)
        if response.is_complete or response.is_too_large or (is_enough is not None and is_enough(response)):
            break
        if reply:
            await stream.send(reply)
        data = await stream.recv(response.READ_BYTES if first is not None else FIRST_READ)
    else:
        response.end()
    if first is not None:
        last, is_kernel = stream.arrived(first)
        record.timed(is_kernel)
        record.add_phase("transfer", last - first)


async def _first_answer(stream: "Stream | TlsStream", request: bytes) -> bytes:
    """Send *request*; the first bytes that come back.

    A server may answer and close before it has taken a long body: its answer counts, not the reset after it.
    """
    try:
        await stream.send(request)
    except PathError as refused:
        data = await stream.recv(FIRST_READ)
        if not data:
            raise refused from None
        return data
    return await stream.recv(FIRST_READ)
