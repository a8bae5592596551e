"""The cases of blackbox_exporter's WebSocket tests. Debian's exporter 0.23 has no such prober yet."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from wsproto.events import CloseConnection, TextMessage

from conformance.cases import Came, Case, amiss, load, probed, told
from conformance.certified import Certified, certified
from servers.probing import bench, host_files
from servers.tcp import Behave, TcpServer
from servers.tls import tls
from servers.websocket import Guest, serves

TABLE = load("websocket")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return certified(tmp_path_factory.mktemp("certificates"))


def _talking(written: Any, misheard: list[str]) -> Behave:
    def talk(guest: Guest) -> None:
        said = {name.decode().lower(): value.decode() for name, value in guest.request.extra_headers}
        for name, value in written.get("awaits", {}).items():
            if said.get(name) != value:
                misheard.append(f"{name}: {said.get(name)}")
        if "says" not in written:
            return
        guest.say(written["says"])
        for event in guest.events():
            if isinstance(event, TextMessage):
                if event.data != written["hears"]:
                    misheard.append(event.data)
                break
        guest.say(written["then"])
        guest.send(CloseConnection(code=1000))

    return serves(talk)


@pytest.mark.parametrize("case", TABLE.cases, ids=lambda case: case.name)
def test_case(case: Case, certificates: Certified, tmp_path: Path) -> None:
    if case.outcome == "bad config":
        assert told(case, {}) == case.told
        return
    misheard: list[str] = []
    behave = _talking(case.server, misheard)
    if "over" in case.server:
        plain = behave

        def encrypted(connection: ssl.SSLSocket) -> None:
            plain(connection)

        behave = tls(certificates.contexts[case.server["over"]], encrypted)
    files = host_files(tmp_path, hosts="127.0.0.1 localhost\n")
    with TcpServer(behave) as server:
        values = {"port": server.port}

        async def run() -> Came:
            async with bench(files=files) as on:
                return await probed(case, values, on)

        came = asyncio.run(run())
    assert amiss(case, values, came) == []
    assert misheard == []
