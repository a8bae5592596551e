"""What a target, or whoever is on the path to it, can make echoes and the search for a path cost."""

import json
import subprocess
from typing import Any

import pytest

from benchmarks.on_wire import network
from hostile.icmp_flooding import PORT
from hostile.test_cost_of_one_answer import MAX_GROWN_KIB, MAX_HELD_MS

PATH = f"path: {{host: 127.0.0.1, port: {PORT}, wait: 500ms, expect: {{reached: false}}}}"
CASES = {
    "one echo": ("echoes", "icmp: {host: 127.0.0.1}", {"DeadlineExceeded"}),
    "many echoes": (
        "echoes",
        "icmp: {host: 127.0.0.1, count: 50, spacing: 10ms, payload_bytes: 1400}",
        {"icmp.corrupt", "icmp.loss", "DeadlineExceeded"},
    ),
    "path": ("errors", PATH, {"NoneType", "DeadlineExceeded"}),
    "datagram": (
        "errors",
        f"udp: {{address: '127.0.0.1:{PORT}', send_hex: 'ffffffffffffffff'}}",
        {"DeadlineExceeded", "net.refused"},
    ),
}


def cost(what: str, probe: str) -> dict[str, Any]:
    text = f"agents: [{{name: par-01}}]\nchecks: [{{name: a, {probe}}}]"
    for _ in range(5):  # what else the machine does can only add to it
        done = subprocess.run(
            ["unshare", "--net", *network.python("hostile.icmp_flooding"), what],
            input=json.dumps([text, text]).encode(), capture_output=True, timeout=100, check=False,
            env=network.environment(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        told: dict[str, Any] = json.loads(done.stdout)
        if told["held_ms"] <= MAX_HELD_MS:
            break
    return told


@pytest.mark.parametrize("name", CASES)
def test_floods_of_wrong_replies_and_errors(name: str) -> None:
    problem = network.problem()
    if problem is not None:
        pytest.skip(problem)
    what, probe, failures = CASES[name]
    told = cost(what, probe)
    assert told["failure"] in failures, told
    assert told["held_ms"] <= MAX_HELD_MS, told
    assert told["grown_kib"] <= MAX_GROWN_KIB, told
