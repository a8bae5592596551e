"""The cases of blackbox_exporter's HTTP tests."""

import asyncio
from pathlib import Path

import pytest

from conformance.cases import Came, Case, amiss, load, probed, told
from conformance.certified import Certified, certified
from conformance.responding import files_to_send, responding
from servers.probing import bench, host_files

CASES = [case for part in ("http", "own/http") for case in load(part).cases]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case, certificates: Certified, tmp_path: Path) -> None:
    if case.outcome == "bad config":
        assert told(case, {}) == case.told
        return
    files = host_files(tmp_path, hosts="127.0.0.1 localhost\n::1 localhost\n")
    with responding(case.server, certificates.contexts) as met:
        values = {**certificates.values, **files_to_send(tmp_path), **met.values}

        async def run() -> Came:
            async with bench(files=files) as on:
                return await probed(case, values, on)

        came = asyncio.run(run())
    assert amiss(case, values, came) == []
    assert met.misheard == []
