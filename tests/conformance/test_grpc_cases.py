"""The cases of blackbox_exporter's gRPC tests, and the same beside Debian's exporter."""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from h2.exceptions import ProtocolError

from conformance.cases import Came, Case, Values, amiss, filled, load, probed, told
from conformance.certified import Certified, certified
from conformance.peer import Peer, at_odds, needs_peer, peer
from conformance.responding import closed_port
from servers.grpc import HEADERS, only, registry, serves, speak
from servers.probing import bench, host_files
from servers.tcp import Behave, TcpServer
from servers.tls import tls

TABLE = load("grpc")
COMPARED = [case for case in TABLE.cases if case.module is not None]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def grpc_peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with peer(tmp_path_factory.mktemp("peer"), "grpc", COMPARED, {}) as running:
        yield running


def _patient(behave: Behave) -> Behave:
    def with_what_is_no_http2(connection: socket.socket) -> None:
        with suppress(ProtocolError):
            behave(connection)

    return with_what_is_no_http2


@contextmanager
def _serving(written: Any, contexts: Mapping[str, ssl.SSLContext]) -> Iterator[Values]:
    """A server that knows `services`, or has no health service without them; `over`: a certificate."""
    services = written.get("services")
    respond = only(*HEADERS, ("grpc-status", "12")) if services is None else registry(services)
    behave = _patient(serves(respond))
    if "over" in written:
        context = contexts[written["over"]]
        context.set_alpn_protocols(["h2"])
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        behave = tls(context, lambda encrypted: speak(encrypted, respond))
    with ExitStack() as stack:
        closed = stack.enter_context(closed_port())
        yield {"port": stack.enter_context(TcpServer(behave)).port, "closed": closed}


def _probed(case: Case, values: Values, directory: Path) -> Came:
    async def run() -> Came:
        async with bench(files=host_files(directory, hosts="127.0.0.1 localhost\n")) as on:
            return await probed(case, values, on)

    return asyncio.run(run())


@pytest.mark.parametrize("case", TABLE.cases, ids=lambda case: case.name)
def test_case(case: Case, certificates: Certified, tmp_path: Path) -> None:
    if case.outcome == "bad config":
        assert told(case, {"port": 443}) == case.told
        return
    with _serving(case.server, certificates.contexts) as values:
        assert amiss(case, values, _probed(case, values, tmp_path)) == []


@needs_peer
@pytest.mark.parametrize("case", COMPARED, ids=lambda case: case.name)
def test_side_by_side(case: Case, grpc_peer: Peer, certificates: Certified, tmp_path: Path) -> None:
    with _serving(case.server, certificates.contexts) as values:
        ours = _probed(case, values, tmp_path)
        theirs = grpc_peer.ask(case, filled(case.target or "localhost:<port>", values))
    assert at_odds(case, ours, theirs) == []
