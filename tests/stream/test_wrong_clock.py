"""Where our wall clock is known to be wrong, nobody is blamed for what time it is."""

import time
from email.utils import formatdate
from pathlib import Path

import pytest

from servers.certificates import Issued, issued, serving, trusted
from servers.http import answer, answers
from servers.ntp import says
from servers.tcp import TcpServer
from servers.tls import tls
from servers.udp import UdpServer
from stream.probing_helpers import common, http, probe
from stream.probing_helpers import tls as check
from vedette.checks.model import HttpExpect, NtpCheck, TlsOptions
from vedette.wire.messages import Result

CA = issued(common_name="ca", is_ca=True, since=-100)
GOOD = issued("localhost", by=CA)
EXPIRED = issued("localhost", by=CA, since=-20, until=-10)
EARLY = issued("localhost", by=CA, since=10, until=20)
OTHER = issued("elsewhere.example", by=CA)


def shaken(
    directory: Path, leaf: Issued, *, is_wrong: bool = True, days: float | None = None, **more: object
) -> Result:
    options = TlsOptions(ca_file=trusted(directory, CA), min_days_left=days)
    with TcpServer(tls(serving(directory, leaf))) as server:
        wanted = check(server.port, host="localhost", tls=options, **more)
        (result,) = probe(wanted, is_clock_wrong=is_wrong)
    return result


@pytest.mark.parametrize("leaf", [EXPIRED, EARLY])
def test_the_dates_of_a_certificate_say_nothing(tmp_path: Path, leaf: Issued) -> None:
    assert shaken(tmp_path, leaf, is_wrong=False).outcome == "fail"
    result = shaken(tmp_path, leaf)
    assert (result.outcome, result.reason, result.duration_us) == ("not_run", "clock", None)
    assert "by a clock that is wrong: certificate " in (result.detail or "")


def test_all_else_that_is_wrong_with_a_certificate_still_counts(tmp_path: Path) -> None:
    assert shaken(tmp_path, OTHER).reason == "tls.hostname"
    assert shaken(tmp_path, issued("localhost")).reason == "tls.untrusted"


def test_days_that_are_left_say_nothing(tmp_path: Path) -> None:
    assert shaken(tmp_path, GOOD, days=60, is_wrong=False).reason == "tls.expires_soon"
    assert shaken(tmp_path, GOOD, days=60).reason == "clock"
    assert shaken(tmp_path, GOOD, days=10).outcome == "ok"


@pytest.mark.parametrize(
    ("leaf", "wanted", "reason"),
    [
        (GOOD, "expired", "clock"),  # as it may have, by the right time
        (GOOD, "not_yet_valid", "clock"),
        (GOOD, "any", "clock"),
        (GOOD, "hostname", "tls.accepted"),
        (EXPIRED, "any", "clock"),  # nor is it proven that it is refused
        (EXPIRED, "expired", "clock"),
        (OTHER, "hostname", None),
    ],
)
def test_a_refusal_by_the_clock_proves_nothing(
    tmp_path: Path, leaf: Issued, wanted: str, reason: str | None
) -> None:
    assert shaken(tmp_path, leaf, must_refuse=wanted).reason == reason


def test_the_age_of_a_page_and_the_offset_of_a_server_say_nothing() -> None:
    page = answer("200 OK", b"x", f"Last-Modified: {formatdate(time.time() - 3600, usegmt=True)}")
    with TcpServer(answers(page)) as web, UdpServer(says(ahead=3600.0)) as clock:
        old = http(f"http://127.0.0.1:{web.port}/", expect=HttpExpect(modified_within=60.0))
        other = http(f"http://127.0.0.1:{web.port}/", expect=HttpExpect(body_matches=("y",)))
        off = NtpCheck(host="127.0.0.1", port=clock.port, max_offset=1.0, **common())
        checks = (old, other, off)
        blamed = [result.reason for result in probe(*checks)]
        doubted = [result.reason for result in probe(*checks, is_clock_wrong=True)]
    assert blamed == ["http.header", "http.body", "ntp.offset"]
    assert doubted == ["clock", "http.body", "clock"]
