"""Other ways to start and to end: another broker, a configuration of one's own, SIGKILL, refusals."""

import asyncio
import importlib.util
import signal
import socket
from pathlib import Path

import pytest

from up.running_up import Key, Metrics, run, running_up
from up.up_helpers import children_of, lives, until
from vedette.up.world.fleet import AGENTS


def test_the_wheel_alone_carries_the_whole_pipeline_and_even_sigkill_leaves_no_process(
    tmp_path: Path,
) -> None:
    """With rumqttd every check is green too; SIGKILL takes all children along; the next look sweeps."""
    if importlib.util.find_spec("iotcore") is None:
        pytest.skip("iotcore is not installed")

    async def scenario() -> None:
        with running_up(tmp_path, "--broker", "iotcore") as running:
            await running.is_up()
            assert "starting iotcore" in running.lines[0]
            await running.is_green()
            children = children_of(running.process.pid)
            assert len(children) == len(AGENTS) + 2
            running.process.kill()
            running.process.wait()
            await until(lambda: not any(lives(pid) for pid in children), 15, "the end of the children")
            assert running.left_behind() != []
            looked = running.drill("list")
            assert looked.returncode == 2
            assert looked.stderr == (
                "vedette: no `vedette up` runs; start one, or name its directory with --data\n"
            )
            assert running.left_behind() == []

    asyncio.run(scenario())


OWN = """\
defaults: {{interval: 2s, timeout: 1s}}
agents:
  - {{name: here-01, tags: {{network: home}}}}
  - {{name: here-02, tags: {{network: home}}}}
checks:
  - name: listener
    tcp: {{address: "127.0.0.1:{port}"}}
"""


def test_a_configuration_of_ones_own_brings_its_agents_and_no_world(tmp_path: Path) -> None:
    """Its data directory stays, with logs; `drill` says that nothing is to break; SIGTERM is a clean end."""

    async def scenario() -> None:
        with socket.create_server(("127.0.0.1", 0)) as target:
            config = tmp_path / "mine.yaml"
            config.write_text(OWN.format(port=target.getsockname()[1]))
            data = tmp_path / "data"
            with running_up(tmp_path, "--config", str(config), "--data", str(data)) as running:
                await running.is_up()
                await running.is_green()
                success = (await Metrics.of(running.port)).success()
                assert set(success) == {Key("listener", "here-01"), Key("listener", "here-02")}
                refused = running.drill("start", "edge-502")
                assert refused.returncode == 2
                assert "has no world to break" in refused.stderr
                assert await running.end(signal.SIGTERM) == 0
            for path in data.rglob("*"):
                assert path.stat().st_mode & 0o077 == 0, f"{path} is for its owner alone"
            logs = {path.name for path in (data / "logs").iterdir()}
            assert logs == {"broker.log", "collector.log", "agent-here-01.log", "agent-here-02.log"}

    asyncio.run(scenario())


def test_a_broken_configuration_starts_nothing(tmp_path: Path) -> None:
    config = tmp_path / "broken.yaml"
    config.write_text("agents: [{name: here-01}]\nchecks: [{name: a, dnss: {name: x.example}}]\n")
    data = tmp_path / "data"
    refused = run("up", "--config", str(config), "--data", str(data), "--port", "0", root=tmp_path)
    assert refused.returncode == 2
    assert "dnss" in refused.stderr
    assert refused.stdout == ""
    assert not data.exists()


OFTEN = ["up", "--interval", "10ms"]
TWICE = ["up", "--interval", "10s", "--config", "mine.yaml"]


def test_usage_is_told_with_exit_code_two(tmp_path: Path) -> None:
    for words in (
        ["up", "--port", "70000"],
        ["drill"],
        ["drill", "start"],
        ["up", "--broker", "emqx"],
        OFTEN,
    ):
        refused = run(*words, root=tmp_path)
        assert refused.returncode == 2, words
        assert "usage: vedette" in refused.stderr
