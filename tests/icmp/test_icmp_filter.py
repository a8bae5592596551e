"""A raw socket is given every ICMP message of the host; the kernel keeps all but echo replies from ours."""

import asyncio
import json
import select
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.on_wire import network
from vedette.checks.model import Family
from vedette_agent.engine.icmp import Shape, Socket, checksum

REPLY = {4: 0, 6: 129}
OTHERS: dict[Family, tuple[int, ...]] = {4: (3, 5, 11, 14), 6: (1, 3, 131, 160)}


async def heard(family: Family) -> list[int]:
    """Types of the messages that a socket of ours is given, of OTHERS and a reply after them."""
    loop = asyncio.get_running_loop()
    kind, protocol, address = (
        (socket.AF_INET, socket.IPPROTO_ICMP, "127.0.0.1")
        if family == 4
        else (socket.AF_INET6, socket.IPPROTO_ICMPV6, "::1")
    )
    ours = Socket(loop, Shape(family), None)
    loop.remove_reader(ours.sock.fileno())
    types = []
    with ours.sock, socket.socket(kind, socket.SOCK_RAW, protocol) as wire:
        for number in (*OTHERS[family], REPLY[family]):
            head = struct.pack(">BBHI", number, 0, 0, 0)
            wire.sendto(head[:2] + checksum(head).to_bytes(2, "big") + head[4:], (address, 0))
        while not types or types[-1] != REPLY[family]:
            assert select.select([ours.sock], [], [], 10)[0]
            message = ours.sock.recv(2048)
            types.append(message[(message[0] & 0x0F) * 4 if family == 4 else 0])
    return types


@pytest.mark.parametrize("family", [4, 6])
def test_only_replies_wake_us(family: Family) -> None:
    problem = network.problem()
    if problem is not None:
        pytest.skip(problem)
    done = subprocess.run(
        ["unshare", "--net", *network.python("icmp.test_icmp_filter"), str(family)],
        env=network.environment(),
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == [REPLY[family]]


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ping_group_range").write_text("1 0")  # no group: sockets are raw
    print(json.dumps(asyncio.run(heard(6 if sys.argv[1] == "6" else 4))))
