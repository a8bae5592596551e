"""Tells systemd how a service is, where it asked to be told. sd_notify(3)."""

import os
import socket


def notify(state: str) -> bool:
    """Send *state*, such as "READY=1". False where nobody listens; never raises."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]  # the abstract namespace of unix(7)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
            sock.connect(address)
            sock.send(state.encode())
    except OSError:
        return False
    return True
