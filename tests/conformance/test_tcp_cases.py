"""The cases of blackbox_exporter's TCP tests."""

import asyncio
from pathlib import Path

import pytest

from conformance.cases import Came, Case, amiss, load, probed, told
from conformance.certified import Certified, certified
from conformance.conversing import conversing
from servers.probing import bench, host_files

TABLE = load("tcp")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("case", TABLE.cases, ids=lambda case: case.name)
def test_case(case: Case, certificates: Certified, tmp_path: Path) -> None:
    if case.outcome == "bad config":
        assert told(case, {}) == case.told
        return
    files = host_files(tmp_path, hosts="127.0.0.1 localhost\n::1 localhost\n")
    with conversing(case.server, TABLE.servers, certificates.contexts) as met:
        values = {**certificates.values, **met.values}

        async def run() -> Came:
            async with bench(files=files) as on:
                return await probed(case, values, on)

        came = asyncio.run(run())
    assert amiss(case, values, came) == []
    assert met.misheard == []
