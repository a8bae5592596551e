"""Which of three clocks is believed."""

import socket
import time

import pytest

from vedette_agent.engine import stamps
from vedette_agent.engine.stamps import judge

MS = 1_000_000
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("mono", "real", "kernel", "seconds", "is_kernel"),
    [
        (30 * MS, 30 * MS, 20 * MS, 0.020, True),
        (30 * MS, 30 * MS, None, 0.030, False),
        (30 * MS, 30 * MS, 0, 0.0, True),
        # The wall clock stepped while the probe ran: the stamps lie by the same amount.
        (30 * MS, 30 * MS + 5 * MS, 25 * MS, 0.030, False),
        (30 * MS, 30 * MS - 5 * MS, 15 * MS, 0.030, False),
        (30 * MS, 30 * MS - 3600 * SECOND, 20 * MS - 3600 * SECOND, 0.030, False),
        # NTP slews by up to 500 ppm: 2.5 ms in 5 s is no step.
        (5 * SECOND, 5 * SECOND + 2_500_000, 5 * SECOND, 5.0, True),
        # What the kernel says cannot be: before the send, or longer than it took.
        (30 * MS, 30 * MS, -1, 0.030, False),
        (30 * MS, 30 * MS, 32 * MS, 0.030, False),
    ],
)
def test_stamps_are_believed_while_both_clocks_agree(
    mono: int, real: int, kernel: int | None, seconds: float, is_kernel: bool
) -> None:
    assert judge(mono, real, kernel) == (seconds, is_kernel)


def test_a_stamp_is_of_the_datagram_that_it_names() -> None:
    """The second datagram's stamp is no time of the third."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(type=socket.SOCK_DGRAM) as to,
    ):
        to.bind(("127.0.0.1", 0))
        if not stamps.enable(sock):
            pytest.skip("no stamps here")
        before = time.time_ns()
        for _ in range(2):
            sock.sendto(b"hello", to.getsockname())
        first = stamps.departure(sock, 0)
        assert isinstance(first, int)
        assert before - SECOND < first < time.time_ns() + SECOND
        other = stamps.departure(sock, 2)
        assert isinstance(other, stamps.Notice)
        assert (other.origin, other.key) == (stamps.ORIGIN_STAMP, 1)
        assert other.stamp >= first
        assert stamps.departure(sock, 2) is None
