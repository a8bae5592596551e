"""The cases of blackbox_exporter's DNS tests."""

import asyncio

import pytest

from conformance.cases import Case, amiss, load, probed, told
from conformance.sections import serving
from servers.probing import bench

TABLE = load("dns")


@pytest.mark.parametrize("case", TABLE.cases, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    if case.outcome == "bad config":
        assert told(case, {"address": "127.0.0.1:5353", "port": 5353}) == case.told
        return

    async def run() -> list[str]:
        async with serving(case.server, TABLE.servers) as values, bench() as on:
            return amiss(case, values, await probed(case, values, on))

    assert asyncio.run(run()) == []
