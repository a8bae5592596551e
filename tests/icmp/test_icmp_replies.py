"""Several echoes, and answers that are wrong: lost, doubled, swapped, changed."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks.on_wire import network

Probe = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    problem = network.problem()
    if problem is not None:
        pytest.skip(problem)
    process = subprocess.Popen(
        ["unshare", "--net", *network.python("servers.icmp_replies")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=network.environment(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    stdin, stdout = process.stdin, process.stdout

    def run(does: str, **check: Any) -> dict[str, Any]:
        stdin.write(json.dumps({"does": does, **check}).encode() + b"\n")
        stdin.flush()
        said: dict[str, Any] = json.loads(stdout.readline())
        return said

    yield run
    stdin.close()
    process.wait(20)
    stdout.close()


def test_several_echoes_have_statistics(probe: Probe) -> None:
    result = probe("answer", count=5, spacing=0.02, timeout=10.0)
    assert result["outcome"] == "ok"
    facts = result["facts"]["icmp"]
    assert (facts["sent"], facts["received"]) == (5, 5)
    assert "duplicates" not in facts
    assert 0 < facts["rtt_min_us"] <= facts["rtt_median_us"] <= facts["rtt_max_us"]
    assert facts["rtt_stddev_us"] <= facts["rtt_max_us"]
    assert facts["rtt_min_us"] <= result["phases_us"]["rtt"] <= facts["rtt_max_us"]
    assert result["duration_us"] == result["phases_us"]["rtt"]


def test_loss_is_counted_and_held_against_what_is_allowed(probe: Probe) -> None:
    lossy = {"count": 4, "spacing": 0.02, "timeout": 1.0}
    result = probe("lose_second", **lossy)
    assert result["reason"] == "icmp.loss"
    assert "1 of 4 echoes lost, 0 may be" in result["detail"]
    assert result["facts"]["icmp"]["received"] == 3
    assert probe("lose_second", **lossy, max_lost=1)["outcome"] == "ok"


def test_all_lost_is_loss_whatever_is_allowed(probe: Probe) -> None:
    result = probe("silence", count=3, spacing=0.02, max_lost=2)
    assert result["reason"] == "icmp.loss"
    assert result["facts"]["icmp"] == {"sent": 3}


def test_a_second_reply_is_a_duplicate_and_no_second_success(probe: Probe) -> None:
    """The duplicate of the last reply may come when the probe is over."""
    facts = probe("twice", count=4, spacing=0.05, timeout=10.0)["facts"]["icmp"]
    assert facts["received"] == 4
    assert facts["duplicates"] in (3, 4)


def test_of_two_replies_the_first_has_the_time(probe: Probe) -> None:
    """The second comes when the next echo is answered: it is late, and no reply in another order either."""
    result = probe("again", count=3, spacing=0.4, timeout=10.0)
    facts = result["facts"]["icmp"]
    assert (facts["received"], facts["duplicates"]) == (3, 1)
    assert "out_of_order" not in facts


def test_replies_in_another_order_are_counted(probe: Probe) -> None:
    result = probe("swap", count=4, spacing=0.02, timeout=10.0)
    assert result["outcome"] == "ok"
    assert result["facts"]["icmp"]["out_of_order"] == 2


@pytest.mark.parametrize("does", ["tail", "token", "cut", "grow"])
@pytest.mark.parametrize("count", [1, 3])
def test_a_changed_payload_is_never_success(probe: Probe, does: str, count: int) -> None:
    result = probe(does, count=count, spacing=0.02)
    assert result["reason"] == "icmp.corrupt"
    assert "received" not in result["facts"]["icmp"]
    if count > 1:
        assert result["facts"]["icmp"]["corrupt"] == count


@pytest.mark.parametrize("count", [1, 3])
def test_round_trips_may_be_held_to_a_bound(probe: Probe, count: int) -> None:
    result = probe("answer", count=count, spacing=0.02, timeout=10.0, max_rtt=1e-9)
    assert result["reason"] == "icmp.slow"
    assert probe("answer", count=count, spacing=0.02, timeout=10.0, max_rtt=9.0)["outcome"] == "ok"


def test_echoes_that_there_was_no_time_for_are_told(probe: Probe) -> None:
    result = probe("answer", count=5, spacing=0.4, timeout=0.6)
    assert result["reason"] == "icmp.loss"
    assert "time was left to send 2 of 5" in result["detail"]


@pytest.mark.parametrize("payload_bytes", [1400, 8952])
@pytest.mark.parametrize("dont_fragment", [False, True])
def test_large_payloads_and_options(probe: Probe, payload_bytes: int, dont_fragment: bool) -> None:
    result = probe("answer", payload_bytes=payload_bytes, dont_fragment=dont_fragment, ttl=9, timeout=10.0)
    assert result["outcome"] == "ok"


@pytest.mark.parametrize("quoted", [8, 15])
@pytest.mark.parametrize("count", [1, 3])
def test_an_error_without_the_token_does_not_end_the_wait(probe: Probe, count: int, quoted: int) -> None:
    """Id and sequence number are known to whoever is pinged from the same socket. The reply counts."""
    result = probe(f"error {quoted}, answer", count=count, spacing=0.02, timeout=10.0)
    assert result["outcome"] == "ok"
    assert result["facts"]["icmp"]["received"] == count


@pytest.mark.parametrize(("count", "quoted"), [(1, 8), (3, 8), (1, 16), (3, 16)])
def test_an_error_and_no_reply_is_unreachable(probe: Probe, count: int, quoted: int) -> None:
    """At once with the token, and otherwise when time is up."""
    is_proven = quoted == 16
    result = probe(f"error {quoted}", count=count, spacing=0.02, timeout=20.0 if is_proven else 0.5)
    assert result["reason"] == "net.unreachable"
    assert "127.0.0.1 is not reached: no route to host, says 127.0.0.9" in result["detail"]
    assert result["duration_us"] < 10_000_000


def test_an_error_about_another_echo_says_nothing(probe: Probe) -> None:
    """It quotes less than id and sequence number."""
    assert probe("error 7", timeout=0.5)["reason"] == "icmp.loss"
