"""The clocks that delivery goes by."""

import time


def now_us() -> int:
    return time.time_ns() // 1000


def boot_seconds() -> float:
    """It goes on while the host sleeps, and nothing sets it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def readings_us() -> tuple[int, int, int]:
    """Wall clock, time since boot, monotonic time."""
    boot_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
    return now_us(), boot_us, time.monotonic_ns() // 1000
