"""Connections by way of an HTTP proxy, which resolves and connects in our stead.

Phase "connect" is to the proxy, and for https until it has connected on. What goes wrong with the proxy
itself is http.proxy, since the target has no part in it.
"""

import re
from typing import TYPE_CHECKING, Final

from vedette.checks.model import HttpCheck
from vedette.checks.model.http import HttpProxy
from vedette.wire.failure import Failure
from vedette_agent import credentials
from vedette_agent.engine.record import PathError, ProbeFailed, Record
from vedette_agent.engine.run import DeadlineExceeded
from vedette_agent.engine.stream import Stream, connect
from vedette_agent.http.request import Hop, encoded, tunnel

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io

MAX_HEAD_BYTES: Final = 16 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})[ \r]")

Headers = tuple[tuple[str, str], ...]


def forwarded(proxy: HttpProxy, hop: Hop) -> bytes:
    """The request for *hop* as a proxy wants it. Raises ProbeSpoiled when a secret is missing."""
    return encoded(hop, identity(proxy))


async def connect_by(proxy: HttpProxy, hop: Hop, check: HttpCheck, io: "Io", record: Record) -> Stream:
    """A connection to *proxy*; for https one through it, to the target.

    Raises ProbeFailed(http.proxy), what resolving the proxy's name raises, and ProbeSpoiled.
    """
    request = tunnel(hop.endpoint, (*proxy.headers, *identity(proxy))) if hop.scheme == "https" else None
    record.stage = "resolve"
    address = await io.resolve(proxy.host, check.family, check.resolver, record)
    try:
        stream = await connect(io, address, proxy.port, record)
        if request is not None:
            try:
                await _go_through(stream, request, record)
            except BaseException:
                stream.abort()
                raise
    except PathError as exc:
        raise ProbeFailed(Failure.HTTP_PROXY, f"the proxy {proxy.host}:{proxy.port}: {exc.strerror}") from exc
    except DeadlineExceeded as exc:
        exc.failure = Failure.HTTP_PROXY
        exc.add_note(f"that is the proxy {proxy.host}:{proxy.port}")
        raise
    return stream


async def _go_through(stream: Stream, request: bytes, record: Record) -> None:
    record.note("http.request", request)
    await stream.send(request)
    started, _ = stream.left()
    head = b""
    while b"\r\n\r\n" not in head:
        data = await stream.recv(MAX_HEAD_BYTES)
        head += data
        record.note("http.response", data)
        if not data:
            raise ProbeFailed(Failure.HTTP_PROXY, "the proxy closed the connection without an answer")
        if len(head) > MAX_HEAD_BYTES:
            raise ProbeFailed(
                Failure.HTTP_PROXY, f"more than {MAX_HEAD_BYTES} bytes of headers from the proxy"
            )
    found = _STATUS.match(head)
    if found is None:
        text = head.decode("latin-1")
        shown = record.secrets().hide(text, end=40) if record.secrets is not None else text[:40]
        raise ProbeFailed(Failure.HTTP_PROXY, f"the proxy speaks no HTTP; it began with {shown!r}")
    status = int(found[1])
    if not 200 <= status < 300:
        raise ProbeFailed(Failure.HTTP_PROXY, f"the proxy answers {status} to CONNECT")
    if not head.endswith(b"\r\n\r\n"):
        raise ProbeFailed(Failure.HTTP_PROXY, "the proxy sends more than its answer before we have spoken")
    record.add_phase("connect", stream.arrived(started)[0] - started)


def identity(proxy: HttpProxy) -> Headers:
    """What tells the proxy who asks. Raises ProbeSpoiled when a secret is missing."""
    return () if proxy.auth is None else (credentials.header(proxy.auth),)
