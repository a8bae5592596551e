"""A collector on a host whose clock is wrong reaches its broker as an agent does."""

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from servers.certificates import issued
from servers.mosquitto import MOSQUITTO, Mosquitto

DAY = 86400.0
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


def test_a_collector_that_is_400_days_behind(tmp_path: Path) -> None:
    ca = issued(common_name="ca", is_ca=True, until=3650)
    leaf = issued("127.0.0.1", by=ca, common_name="broker", since=300, until=700)
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    (tmp_path / "broker.pem").write_bytes(leaf.pem)
    (tmp_path / "broker.key").write_bytes(leaf.key_pem)
    config = tmp_path / "vedette.yaml"
    config.write_text("agents: [{name: par-01}]\nchecks: [{name: a, icmp: {host: a.example}}]\n")
    os.utime(config, (time.time() + 400 * DAY,) * 2)

    async def connected(port: int) -> list[str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vedette", "collector", "run", "--config", str(config), "--no-store"),
            *("--broker", f"mqtts://127.0.0.1:{port}", "--ca", str(tmp_path / "ca.pem")),
            *("--listen", "127.0.0.1:0"),
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        lines: list[str] = []
        try:
            async with asyncio.timeout(60):
                while sum("msg=connected" in line for line in lines) < 3:
                    line = (await process.stderr.readline()).decode()
                    assert line, lines
                    lines.append(line)
        finally:
            process.kill()
            await process.communicate()
        return lines

    with Mosquitto(f"certfile {tmp_path}/broker.pem\nkeyfile {tmp_path}/broker.key") as broker:
        lines = asyncio.run(connected(broker.port))
    assert sum("the clock of this host is wrong" in line for line in lines) == 1
