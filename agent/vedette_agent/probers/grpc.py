"""Probes the health of a gRPC server: one call of grpc.health.v1.Health/Check over HTTP/2."""

from typing import TYPE_CHECKING

from vedette import __version__
from vedette.checks.model import GrpcCheck
from vedette.wire.facts import GrpcFacts
from vedette.wire.failure import Failure
from vedette_agent import grpc
from vedette_agent.engine.exchange import converse
from vedette_agent.engine.record import ProbeFailed, Record
from vedette_agent.engine.stream import Stream, connect
from vedette_agent.engine.tls import TlsStream, expires_soon, start_tls
from vedette_agent.http.http2 import Http2

if TYPE_CHECKING:
    from vedette_agent.engine.io import Io


async def probe_grpc(check: GrpcCheck, io: "Io", record: Record) -> None:
    """The call ends with OK, and the answer is the expected one."""
    address = await io.resolve(check.host, check.family, check.resolver, record)
    with await connect(io, address, check.port, record) as stream:
        if check.tls is None:
            await _call(check, stream, record)
            return
        name = check.tls.server_name or check.host
        with await start_tls(stream, name, check.tls, record, check.alpn) as encrypted:
            if encrypted.alpn != "h2":
                raise _broken("the server does not choose HTTP/2 (ALPN h2)")
            await _call(check, encrypted, record)
    soon = expires_soon(record.tls, check.tls)
    if soon is not None:
        raise soon


async def _call(check: GrpcCheck, stream: Stream | TlsStream, record: Record) -> None:
    """Adds the phases "processing" and "transfer"; sets the facts."""
    record.stage = "grpc"
    record.grpc = GrpcFacts()
    host = f"[{check.host}]" if ":" in check.host else check.host
    asked = grpc.request(check.service)
    exchange = Http2("POST", grpc.MAX_BYTES, keeps_body=True)
    fields = grpc.fields(
        f"{host}:{check.port}",
        is_tls=check.tls is not None,
        timeout=check.timeout,
        agent=f"vedette/{__version__}",
    )
    record.note("grpc.request", asked)
    try:
        await converse(stream, exchange.begin(fields, asked), exchange, record)
    except ProbeFailed as exc:
        raise _broken(exc.detail) from exc
    if exchange.is_too_large and exchange.status == 200:
        raise _broken(f"more than {grpc.MAX_BYTES} bytes, which no health message has")
    body = bytes(exchange.body)
    record.note("grpc.response", body)
    try:
        status = grpc.status(exchange.status, exchange.headers, exchange.trailers)
        record.grpc = GrpcFacts(status_code=status.code)
        if status.code:
            said = f"{status.name}: {status.message}" if status.message else status.name
            raise ProbeFailed(Failure.GRPC_STATUS, said)
        serving = grpc.serving(body)
    except grpc.NotGrpc as exc:
        raise _broken(str(exc)) from exc
    record.grpc = GrpcFacts(status_code=status.code, serving=serving)
    if serving != check.status:
        failure = Failure.GRPC_EXPECT if serving == "SERVING" else Failure.GRPC_NOT_SERVING
        of = f" of {check.service}" if check.service else ""
        raise ProbeFailed(failure, f"the health{of} is {serving}; expected {check.status}")


def _broken(said: str) -> ProbeFailed:
    return ProbeFailed(Failure.GRPC_PROTOCOL, said)
