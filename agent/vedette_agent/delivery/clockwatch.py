"""Notices when the wall clock was set and when the host slept. Knows clocks as numbers, in microseconds.

Time since boot goes on while a host sleeps and monotonic time does not; neither is ever set. So the wall
clock was set when it moved against time since boot, and the host slept when that moved against the other.
"""

from typing import Final

STEP_US: Final = 250_000
SLEEP_US: Final = 1_000_000
LEAP_US: Final = 60_000_000  # so much is no correction: a snapshot of a machine may have been resumed
_NEWS_US: Final = 1000  # a clock that is slewed gets here after a while


class ClockWatch:
    def __init__(self, wall_us: int, boot_us: int, monotonic_us: int) -> None:
        self.steps = 0
        self.suspensions = 0
        self.has_leapt = False  # until somebody resets it
        self.wmb_us = wall_us - boot_us  # wall clock minus time since boot
        self._slept_us = boot_us - monotonic_us

    def see(self, wall_us: int, boot_us: int, monotonic_us: int) -> bool:
        """Whether `wmb_us` is another now."""
        slept_us = boot_us - monotonic_us
        if slept_us - self._slept_us > SLEEP_US:
            self.suspensions += 1
            self._slept_us = slept_us
        wmb_us = wall_us - boot_us
        moved = abs(wmb_us - self.wmb_us)
        if moved < _NEWS_US:
            return False
        self.steps += moved > STEP_US
        self.has_leapt |= moved > LEAP_US
        self.wmb_us = wmb_us
        return True
