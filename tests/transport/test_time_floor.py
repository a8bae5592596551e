"""A clock that is known to be wrong keeps nobody from the broker, and lets no ended certificate pass."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from servers.certificates import Issued, issued
from servers.mosquitto import MOSQUITTO, Mosquitto
from transport.link_helpers import QUICK, run, until
from vedette.mqtt import Broker, Link
from vedette.timefloor import SLACK, TimeFloor, installed

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

DAY = 86400.0
NOW = time.time()  # of this host, which for these tests is 400 days behind
CA = issued(common_name="ca", is_ca=True, until=3650)


def ahead(now: float = NOW) -> TimeFloor:
    """A floor of 400 days from now, where the clock says *now*."""
    floor = TimeFloor(lambda: now)
    floor.raise_to(NOW + 400 * DAY, "a test says so")
    return floor


def leaf(since: float, until: float, *, name: str = "127.0.0.1", by: Issued = CA) -> Issued:
    return issued(name, by=by, common_name="broker", since=since, until=until)


@contextmanager
def presenting(directory: Path, shown: Issued, ca: Issued = CA) -> Iterator[tuple[Mosquitto, Broker]]:
    """A Mosquitto with this certificate, and the way there for somebody who trusts *ca*."""
    (directory / "ca.pem").write_bytes(ca.pem)
    (directory / "broker.pem").write_bytes(shown.pem)
    (directory / "broker.key").write_bytes(shown.key_pem)
    lines = f"certfile {directory / 'broker.pem'}\nkeyfile {directory / 'broker.key'}"
    with Mosquitto(lines) as mosquitto:
        url = f"mqtts://127.0.0.1:{mosquitto.port}"
        yield mosquitto, Broker.parse(url, ca_file=str(directory / "ca.pem"))


def tried(broker: Broker, floor: TimeFloor | None) -> tuple[str, str]:
    """ "connected", or the fault and what is said about it."""
    seen: list[tuple[str, str]] = []

    async def test() -> None:
        async with Link(replace(broker, floor=floor), "par-01", backoff=QUICK).running() as link:
            await until(lambda: link.is_connected or link.counters.connect_failures.total() > 0)
            seen.append(
                ("connected", "") if link.is_connected else (*link.counters.connect_failures, link.reason)
            )

    run(test)
    return seen[0]


def test_a_certificate_that_is_valid_later_is_taken_by_a_host_that_is_behind(tmp_path: Path) -> None:
    with presenting(tmp_path, leaf(300, 700)) as (_, broker):
        assert tried(broker, None)[0] == "tls_expired"
        assert tried(broker, TimeFloor())[0] == "tls_expired"
        assert tried(broker, ahead()) == ("connected", "")


def test_a_certificate_that_ended_before_the_floor_is_refused(tmp_path: Path) -> None:
    """By the clock alone it would pass."""
    with presenting(tmp_path, leaf(-10, 350)) as (_, broker):
        assert tried(broker, None) == ("connected", "")
        fault, said = tried(broker, ahead())
    assert fault == "tls_expired"
    assert "the certificate of broker ended at 20" in said


def test_an_issuer_that_ended_before_the_floor_is_refused(tmp_path: Path) -> None:
    ended = issued(common_name="old ca", is_ca=True, until=350)
    with presenting(tmp_path, leaf(-10, 700, by=ended), ended) as (_, broker):
        fault, said = tried(broker, ahead())
    assert fault == "tls_expired"
    assert "old ca" in said


@pytest.mark.parametrize(
    ("shown", "fault"),
    [
        (leaf(300, 700, name="elsewhere.example"), "tls_hostname"),
        (leaf(300, 700, by=issued(common_name="ca", is_ca=True)), "tls_untrusted"),
    ],
)
def test_all_else_is_verified_as_ever(tmp_path: Path, shown: Issued, fault: str) -> None:
    with presenting(tmp_path, shown) as (_, broker):
        assert tried(broker, ahead())[0] == fault


def test_once_the_clock_is_right_the_next_connection_is_verified_by_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Both changes are said, and each once."""
    clock = [NOW]
    floor = TimeFloor(lambda: clock[0])
    floor.raise_to(NOW + 400 * DAY, "a test says so")

    async def test(mosquitto: Mosquitto, broker: Broker) -> None:
        async with Link(replace(broker, floor=floor), "par-01", backoff=QUICK).running() as link:
            await until(lambda: link.is_connected)
            mosquitto.kill()
            await until(lambda: not link.is_connected)
            mosquitto.start()
            await until(lambda: link.is_connected)
            clock[0] = NOW + 401 * DAY
            mosquitto.kill()
            await until(lambda: not link.is_connected)
            mosquitto.start()
            await until(lambda: link.counters.connect_failures["tls_expired"] > 0)
            assert not link.is_connected

    with (
        presenting(tmp_path, leaf(300, 700)) as (mosquitto, broker),
        caplog.at_level(logging.INFO, "vedette.clock"),
    ):
        run(lambda: test(mosquitto, broker))
    said = [record.getMessage() for record in caplog.records if record.name == "vedette.clock"]
    assert [line.partition(":")[0] for line in said] == [
        "the clock of this host is wrong",
        "the clock of this host is no longer behind",
    ]


def test_the_floor_is_the_latest_of_what_is_known(tmp_path: Path) -> None:
    floor = TimeFloor(lambda: 5000.0)
    assert not floor.is_ahead()
    floor.raise_to(4000.0, "a")
    floor.raise_to(3000.0, "b")
    assert (floor.at, floor.source) == (4000.0, "a")
    floor.raise_to_file(tmp_path / "nothing")
    assert floor.at == 4000.0
    floor.raise_to(5000.0 + SLACK, "c")
    assert not floor.is_ahead()
    floor.raise_to(5000.0 + SLACK + 1, "d")
    assert floor.is_ahead()


def test_the_program_knows_when_it_was_installed() -> None:
    floor = installed()
    assert 0 < floor.at <= time.time()
    assert "__init__.py" in floor.source
