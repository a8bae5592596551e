"""Debian's blackbox_exporter and our HTTP prober on the same servers: same verdict, same values."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from conformance.cases import Came, Case, Values, amiss, filled, load, probed
from conformance.certified import Certified, certified
from conformance.peer import Peer, at_odds, needs_peer, peer
from conformance.responding import closed_port, files_to_send, responding
from servers.probing import bench, host_files

pytestmark = needs_peer

TABLES = [load("http"), load("own/http")]
CASES = [case for table in TABLES for case in table.cases if case.module is not None]

OF_A_RESPONSE = {
    "probe_http_redirects",
    "probe_http_ssl",
    "probe_http_uncompressed_body_length",
    "probe_http_version",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Values:
    return files_to_send(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def http_peer(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certified, files: Values
) -> Iterator[Peer]:
    with closed_port() as port:
        values = {**certificates.values, **files, "closed": port}
        with peer(tmp_path_factory.mktemp("peer"), "http", CASES, values) as running:
            yield running


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_http(case: Case, http_peer: Peer, certificates: Certified, files: Values, tmp_path: Path) -> None:
    hosts = host_files(tmp_path, hosts="127.0.0.1 localhost\n::1 localhost\n")
    with responding(case.server, certificates.contexts) as met:
        values = {**certificates.values, **files, **met.values}

        async def run() -> Came:
            async with bench(files=hosts) as on:
                return await probed(case, values, on)

        ours = asyncio.run(run())
        assert met.misheard == []  # by ours: 0.23 sends no Accept-Encoding for `compression`
        theirs = http_peer.ask(case, filled(case.target or "http://127.0.0.1:<port>/", values))
    if ours.samples["probe_http_status_code"]:  # what came is told, whether it is as expected or not
        assert ours.samples.keys() >= OF_A_RESPONSE
    case = structs.replace(case, their_metrics=filled(case.their_metrics, values))
    assert amiss(case, values, ours) + at_odds(case, ours, theirs) == []
