"""What an ICMP error does to the socket that sent a datagram, and what it means for the probe."""

import errno
import socket
from typing import Final

from vedette.checks.model import Endpoint
from vedette.wire.failure import Failure
from vedette_agent.engine import stamps
from vedette_agent.engine.record import ProbeFailed
from vedette_agent.engine.sockaddr import Address

# Of a call on a socket; any other number is our own kernel's word.
FROM_THE_PATH: Final = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPROTO})
_TRIES: Final = 64  # under a flood of errors


def send_again(sock: socket.socket, wire: bytes, address: Address) -> None:
    """Send what was refused once. Raises OSError when that was our own kernel's word.

    An ICMP error about an earlier datagram fails the next call on the socket, whatever that is. The kernel
    then forgets it (the error queue still has it), but under load another may follow at once.
    """
    for _ in range(_TRIES):
        try:
            sock.sendto(wire, address)
            return
        except BlockingIOError as exc:
            raise OSError(errno.ENOBUFS, "the socket's send buffer is full") from exc
        except OSError as exc:
            error = exc
            if exc.errno not in FROM_THE_PATH:
                break
    raise error


def path_error(notice: stamps.Notice) -> ProbeFailed:
    """The failure that an ICMP error means for the datagram it quotes."""
    if notice.errno == errno.ECONNREFUSED:
        where = Endpoint(notice.address[0], notice.address[1])
        return ProbeFailed(Failure.NET_REFUSED, f"nothing listens on {where} ({notice.text})")
    return ProbeFailed(Failure.NET_UNREACHABLE, f"{notice.address[0]} is not reached: {notice.text}")
