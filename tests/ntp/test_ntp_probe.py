"""What an NTP check says of servers that are right, wrong, unsynchronized, rude or forged."""

import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from servers.daemon import free_port, installed, until
from servers.ntp import packet, says
from servers.udp import Reply, UdpServer, closed_port
from stream.probing_helpers import common, probe
from vedette.checks.model import NtpCheck
from vedette.wire.facts import NtpFacts
from vedette.wire.messages import Result


def ntp(port: int, *, timeout: float = 5.0, **more: Any) -> NtpCheck:
    return NtpCheck(host="127.0.0.1", port=port, **common(timeout), **more)


def facts(result: Result) -> NtpFacts:
    assert result.facts is not None
    assert result.facts.ntp is not None
    return result.facts.ntp


def test_a_good_server() -> None:
    with UdpServer(says()) as server:
        (result,) = probe(ntp(server.port, max_offset=1.0, max_stratum=2, max_root_dispersion=0.1))
    assert (result.outcome, set(result.phases_us)) == ("ok", {"request"})
    told = facts(result)
    assert (told.version, told.leap, told.stratum, told.reference_id) == (4, 0, 2, "192.0.2.1")
    assert (told.root_delay_us, told.root_dispersion_us) == (24994, 9995)  # sixteen bits of fraction
    assert told.offset_us is not None
    assert abs(told.offset_us) < 500_000
    assert told.delay_us is not None


def test_the_request_says_nothing_about_us() -> None:
    """All is zero but version and mode, and a transmit timestamp that is random."""
    with UdpServer(says()) as server:
        probe(ntp(server.port))
        probe(ntp(server.port))
    first, second = server.asked
    assert len(first) == 48
    assert first[:40] == second[:40] == b"\x23" + bytes(39)
    assert first[40:] != second[40:]


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 2.0e9, -1.0e9])
def test_the_offset_of_any_clock(ahead: float) -> None:
    """An hour, and 63 years ahead: beyond 2036 the timestamps have wrapped."""
    with UdpServer(says(ahead=ahead)) as server:
        (result,) = probe(ntp(server.port))
    assert facts(result).offset_us == pytest.approx(ahead * 1e6, abs=2_000_000)


def test_half_way_round_either_sign_is_right_but_not_their_mean() -> None:
    """68 years: the request seems to go into the future and the answer into the past. The mean would be 0."""
    with UdpServer(says(ahead=2.0**31)) as server:
        results = probe(*[ntp(server.port) for _ in range(10)])
    for result in results:
        assert abs(facts(result).offset_us or 0) == pytest.approx(2**31 * 1e6, abs=5e6)


def test_what_the_server_took_is_no_delay() -> None:
    """It says it took longer than the whole exchange: the delay is 0 and not below."""
    with UdpServer(says(took=30.0)) as server:
        (result,) = probe(ntp(server.port))
    assert facts(result).delay_us == 0


@pytest.mark.parametrize(
    ("what", "expect", "reason", "detail"),
    [
        ({"ahead": 5.0}, {"max_offset": 1.0}, "ntp.offset", "s from the agent's clock; expected at most 1 s"),
        ({"ahead": -5.0}, {"max_offset": 1.0}, "ntp.offset", "-"),
        ({"stratum": 5}, {"max_stratum": 4}, "ntp.stratum", "stratum 5; expected at most 4"),
        ({"root_dispersion": 0.5}, {"max_root_dispersion": 0.1}, "ntp.dispersion", "0.500000 s of root"),
        ({"leap": 3}, {}, "ntp.unsynchronized", "leap 3, stratum 2"),
        ({"stratum": 16}, {}, "ntp.unsynchronized", "stratum 16"),
        ({"stratum": 0, "reference": bytes(4)}, {}, "ntp.unsynchronized", "stratum 0"),
        ({"stratum": 0, "leap": 3, "reference": b"INIT"}, {}, "ntp.unsynchronized", "reference INIT"),
        ({"stratum": 0, "leap": 3, "reference": b"RATE"}, {}, "ntp.kiss", "sends us away: RATE"),
        ({"stratum": 0, "reference": b"DENY", "has_time": False}, {}, "ntp.kiss", "DENY"),
        ({"mode": 3}, {}, "ntp.malformed", "mode 3 instead of 4"),
        ({"mode": 5}, {}, "ntp.malformed", "mode 5"),
        ({"version": 2}, {}, "ntp.malformed", "version 2"),
        ({"has_time": False}, {}, "ntp.malformed", "no time in it"),
        ({"took": -1.0}, {}, "ntp.malformed", "sent before it was received"),
    ],
)
def test_what_is_wrong_with_a_server(
    what: dict[str, Any], expect: dict[str, Any], reason: str, detail: str
) -> None:
    with UdpServer(says(**what)) as server:
        (result,) = probe(ntp(server.port, **expect))
    assert (result.outcome, result.reason) == ("fail", reason)
    assert detail in (result.detail or "")


def test_facts_are_kept_of_what_fails() -> None:
    with UdpServer(says(ahead=60.0)) as server:
        (result,) = probe(ntp(server.port, max_offset=1.0))
    assert facts(result).offset_us == pytest.approx(60e6, abs=2e6)


def test_a_clock_of_stratum_1_names_its_source() -> None:
    with UdpServer(says(stratum=1, reference=b"GPS\0")) as server:
        (result,) = probe(ntp(server.port))
    assert facts(result).reference_id == "GPS"


def test_an_older_server_and_a_longer_answer_are_taken() -> None:
    """Version 3, and a MAC of 20 bytes behind the header."""
    with UdpServer(lambda asked, reply: reply(packet(asked, version=3) + bytes(20))) as server:
        (result,) = probe(ntp(server.port))
    assert (result.outcome, facts(result).version) == ("ok", 3)


def test_who_does_not_know_the_request_is_not_heard() -> None:
    """Wrong origin, our own request, half a packet, a right one from another port: all ignored, counted."""

    def behave(asked: bytes, reply: Reply) -> None:
        reply(packet(asked, origin=bytes(8), ahead=99.0))
        reply(asked)
        reply(packet(asked)[:47])
        reply.from_elsewhere(packet(asked, ahead=99.0))
        reply(packet(asked))

    with UdpServer(behave) as server:
        (result,) = probe(ntp(server.port, max_offset=10.0))
    assert result.outcome == "ok"
    assert facts(result).bogus == 4


def test_forged_answers_alone_end_in_a_timeout_that_tells() -> None:
    with UdpServer(says(origin=b"12345678")) as server:
        (result,) = probe(ntp(server.port, timeout=1.0))
    assert result.reason == "ntp.timeout"
    assert "1 datagrams that are no answer to the request were ignored" in (result.detail or "")
    assert facts(result) == NtpFacts(bogus=1)


def test_a_closed_port_refuses() -> None:
    (result,) = probe(ntp(closed_port()))
    assert result.reason == "net.refused"


@pytest.mark.skipif(installed("chronyd") is None, reason="no chronyd")
def test_chrony(tmp_path: Path) -> None:
    """Debian's server, which leaves the clock alone (-x): its time is ours."""
    chronyd = installed("chronyd")
    assert chronyd is not None
    port = free_port()
    (tmp_path / "chrony.conf").write_text(
        f"local stratum 3\nport {port}\nbindaddress 127.0.0.1\nallow 127.0.0.1\ncmdport 0\n"
        f"pidfile {tmp_path}/pid\n"
    )
    user = pwd.getpwuid(os.getuid()).pw_name
    server = subprocess.Popen(
        [chronyd, "-x", "-d", "-U", "-u", user, "-f", str(tmp_path / "chrony.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:

        def answers() -> bool:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(0.2)
                sock.connect(("127.0.0.1", port))
                try:
                    sock.send(b"\x23" + bytes(39) + b"answers?")
                    return len(sock.recv(100)) == 48
                except OSError:
                    return False

        until(answers, "an answer of chronyd", 20.0)
        (result,) = probe(ntp(port, max_offset=0.1, max_stratum=3))
    finally:
        server.terminate()
        server.wait(10)
    assert result.outcome == "ok", result
    told = facts(result)
    assert (told.stratum, told.leap, told.reference_id) == (3, 0, "127.127.1.1")
    assert told.offset_us is not None
    assert abs(told.offset_us) < 50_000
