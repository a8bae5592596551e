"""Carries frames between two interfaces, each DELAY late. How exact the delay is does not matter."""

import json
import select
import socket
import sys
import time
from collections import deque

DELAY = 0.01  # seconds, each way
_ETH_P_ALL = 3
_FRAME = 65535
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23  # linux/if_packet.h: else we would carry what we sent back


def opened(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((interface, _ETH_P_ALL))
    sock.setblocking(False)
    return sock


def carry(left: socket.socket, right: socket.socket) -> None:
    """Until standard input ends."""
    waiting: deque[tuple[float, socket.socket, bytes]] = deque()
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([left, right, sys.stdin], [], [], patience)
        if sys.stdin in ready:
            return
        now = time.monotonic()
        for sock in ready:
            other = right if sock is left else left
            try:
                while True:
                    waiting.append((now + DELAY, other, sock.recv(_FRAME)))
            except BlockingIOError:
                pass
        while waiting and waiting[0][0] <= now:
            _, sock, frame = waiting.popleft()
            sock.send(frame)


if __name__ == "__main__":
    ends = opened(sys.argv[1]), opened(sys.argv[2])
    print(json.dumps("ready"), flush=True)
    carry(*ends)
