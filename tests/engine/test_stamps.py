"""Which of three clocks is believed."""

import pytest

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
