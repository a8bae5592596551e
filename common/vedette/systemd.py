"""Tells systemd how we are: sd_notify(3) is one datagram."""

import os
import socket


def notify(state: str) -> None:
    """`READY=1`, `WATCHDOG=1`, `STOPPING=1`. Without systemd, or when it does not listen, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # abstract namespace
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        pass


def watchdog_seconds() -> float | None:
    """How often to notify: half of systemd's limit, as sd_watchdog_enabled(3) advises. None: never."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    meant = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    return int(limit) / 2e6 if limit.isdigit() and int(limit) > 0 and meant == str(os.getpid()) else None
