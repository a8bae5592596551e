"""`vedette collector run`: what ends it at the start, and how it ends when it is told to."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from vedette_collector.web.server import SHUTDOWN_SECONDS


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vedette", "collector", "run", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("listen", "message"),
    [
        ("9960", "expected ADDRESS:PORT"),
        ("[::1:9960", "expected ADDRESS:PORT"),
        ("", "expected ADDRESS:PORT"),
    ],
)
def test_a_bad_listen_address_is_one_line_and_exit_2(config: Path, listen: str, message: str) -> None:
    ended = run("--config", str(config), "--broker", "mqtt://127.0.0.1:1", "--listen", listen)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert message in ended.stderr


def test_a_port_in_use_is_one_line_and_exit_2(config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("--config", str(config), "--broker", "mqtt://127.0.0.1:1", "--listen", where)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert f"--listen {where}: another program listens there" in ended.stderr


def test_a_broken_configuration_is_exit_2(config: Path) -> None:
    config.write_text("checks: [")
    ended = run("--config", str(config), "--broker", "mqtt://127.0.0.1:1")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("where", ["127.0.0.1:0", "[::1]:0"])
def test_the_command_serves_says_that_it_is_ready_and_stops_cleanly(
    config: Path, tmp_path: Path, where: str
) -> None:
    """Without a broker: a page that says so is better than none. SIGTERM ends it with 0."""

    async def story() -> None:
        notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with notices:
            notices.bind(str(tmp_path / "notify"))
            notices.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "vedette", "collector", "run", "--config", str(config)),
                *("--broker", "mqtt://127.0.0.1:1", "--listen", where),
                stderr=asyncio.subprocess.PIPE,
                env={
                    **os.environ,
                    "NOTIFY_SOCKET": str(tmp_path / "notify"),
                    "WATCHDOG_USEC": "60000000",
                },
            )
            assert process.stderr is not None
            async with asyncio.timeout(60):
                line = (await process.stderr.readline()).decode()
                address = line.partition("address=")[2].split()[0]
                assert await asyncio.get_running_loop().sock_recv(notices, 100) == b"READY=1"
                assert await asyncio.get_running_loop().sock_recv(notices, 100) == b"WATCHDOG=1"
                async with aiohttp.ClientSession() as session:
                    async with session.get(f"http://{address}/-/healthy") as answer:
                        assert answer.status == 200
                    async with session.get(f"http://{address}/events"):
                        began = asyncio.get_running_loop().time()
                        process.send_signal(signal.SIGTERM)
                        rest = (await process.stderr.read()).decode()
                        took = asyncio.get_running_loop().time() - began
                assert await process.wait() == 0
            assert took < SHUTDOWN_SECONDS  # an open page does not hold it up
            assert "Traceback" not in rest
            assert "msg=stopped" in rest

    asyncio.run(story())
