"""A transmit stamp that comes after `sendmsg`, or with the answer, times the probe as well as any other."""

import json
import shutil
import subprocess

import pytest

from benchmarks.on_wire import network

CASES = [f"{kind}{how}" for kind in ("icmp", "udp", "ntp", "dns") for how in ("", " asleep")]


@pytest.fixture(scope="module")
def clocks() -> dict[str, str]:
    problem = network.problem() or (None if shutil.which("tc") else "no tc")
    if problem is not None:
        pytest.skip(problem)
    command = ["unshare", "--net", *network.python("servers.late_stamps"), *CASES]
    done = subprocess.run(command, check=True, capture_output=True, env=network.environment(), timeout=100)
    told: dict[str, str] = json.loads(done.stdout)
    if set(told.values()) == {"no queue"}:
        pytest.skip("no tbf queue in this kernel")
    return told


@pytest.mark.parametrize("case", CASES)
def test_a_late_stamp_is_taken(clocks: dict[str, str], case: str) -> None:
    """A queue holds the request back for 0.1 s; "asleep", the loop looks when everything is there."""
    assert clocks[case] == "kernel"
